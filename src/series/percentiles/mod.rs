//! Percentiles over a sliding window: what lasted how long of late, whatever the histogram's buckets.
//!
//! Each series has a mergeable sketch (DDSketch, <https://arxiv.org/abs/1908.10693>) for each part of
//! the window in which it had values; a question merges them. Answers are within 1 % of the value. A sketch spans
//! values that differ by a factor of 28,000 (512 bins); below that it merges the smallest.

mod elapsed;
#[cfg(test)]
mod tests;

use serde::Serialize;
use sketches_ddsketch::{Config, DDSketch};
use slab::Slab;

use crate::series::store::{Moment, SeriesId};

pub use elapsed::Elapsed;

const ACCURACY: f64 = 0.01;
const MAX_BINS: u32 = 512;
/// Values nearer to zero count as zero.
const MIN_VALUE: f64 = 1e-9;
/// Values are cut to this, so that infinity is a value as well.
const MAX_VALUE: f64 = 1e30;

/// No track: see [`Percentiles::slots`].
const NONE: u32 = u32::MAX;

/// How far percentiles reach back, and of how many series there are some.
#[derive(Clone, Copy, Debug)]
pub struct PercentileOptions {
    /// The length of the window.
    pub window_ms: u64,
    /// In how many parts it slides on.
    pub sub_windows: u32,
    /// How many series are tracked; each takes up to 4 KiB for each part of the window.
    pub max_tracked: usize,
}

impl Default for PercentileOptions {
    fn default() -> PercentileOptions {
        PercentileOptions {
            window_ms: 300_000,
            sub_windows: 5,
            max_tracked: 2000,
        }
    }
}

/// What the values of the window were like.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quantiles {
    /// How many there were.
    pub count: u64,
    /// Half of them were at most this.
    pub p50: f64,
    /// 90 % of them were at most this.
    pub p90: f64,
    /// 95 % of them were at most this.
    pub p95: f64,
    /// 99 % of them were at most this.
    pub p99: f64,
    /// The largest.
    pub max: f64,
}

/// The latest values of series.
#[derive(Debug)]
pub struct Percentiles {
    sub_window_ms: u64,
    sub_windows: u64,
    max_tracked: usize,
    clock: Elapsed,
    /// The track of each series by its index, or [`NONE`].
    slots: Vec<u32>,
    tracks: Slab<Track>,
    /// The part of the window in which no track could be given up: until it ends, none is looked for.
    full_in: Option<u64>,
    untracked: u64,
}

/// The values of one series.
struct Track {
    series: usize,
    /// The part of the window that `current` belongs to.
    sub_window: u64,
    current: DDSketch,
    /// The parts before in which there were values.
    past: Vec<(u64, DDSketch)>,
}

impl std::fmt::Debug for Track {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut track = f.debug_struct("Track");
        track.field("series", &self.series).finish_non_exhaustive()
    }
}

impl Percentiles {
    /// No values yet.
    pub fn new(options: PercentileOptions) -> Percentiles {
        let sub_windows = u64::from(options.sub_windows.max(1));
        Percentiles {
            sub_window_ms: (options.window_ms / sub_windows).max(1),
            sub_windows,
            max_tracked: options.max_tracked,
            clock: Elapsed::default(),
            slots: Vec::new(),
            tracks: Slab::new(),
            full_in: None,
            untracked: 0,
        }
    }

    /// Adds `value` of `series` `count` times. A value that is not a number is left out; more than 2³² at a time
    /// count as so many.
    #[inline]
    pub fn add(&mut self, series: SeriesId, value: f64, count: u64, now: Moment) {
        if value.is_nan() || count == 0 {
            return;
        }
        let sub_window = self.clock.advance(now) / self.sub_window_ms;
        let Some(track) = self.track(series.index(), sub_window) else {
            self.untracked = self.untracked.saturating_add(count);
            return;
        };
        // Sums of so many stay far from overflow within a part of the window.
        let count = count.min(u64::from(u32::MAX));
        let value = value.clamp(-MAX_VALUE, MAX_VALUE);
        track.current.add_with_count(value, count);
    }

    /// What the values of `series` were like in the window that ends `now`; `None` if there were none.
    pub fn quantiles(&self, series: SeriesId, now: Moment) -> Option<Quantiles> {
        self.quantiles_of(std::iter::once(series), now)
    }

    /// As [`Percentiles::quantiles`], over the values of several series.
    pub fn quantiles_of(
        &self,
        series: impl Iterator<Item = SeriesId>,
        now: Moment,
    ) -> Option<Quantiles> {
        let sub_window = self.clock.at(now) / self.sub_window_ms;
        let mut all = DDSketch::new(config());
        for one in series {
            let slot = self.slots.get(one.index()).copied().unwrap_or(NONE);
            if let Some(track) = self.tracks.get(slot as usize) {
                track.merge_into(&mut all, sub_window, self.sub_windows);
            }
        }
        read(&all)
    }

    /// Forgets series that are gone: their ids may be given to others.
    pub fn forget(&mut self, gone: &[SeriesId]) {
        for series in gone {
            if let Some(slot) = self.slots.get_mut(series.index()) {
                self.tracks.try_remove(*slot as usize);
                *slot = NONE;
            }
        }
    }

    /// How many series are tracked.
    pub fn tracked(&self) -> usize {
        self.tracks.len()
    }

    /// Values left out because as many series are tracked as may be.
    pub fn untracked(&self) -> u64 {
        self.untracked
    }

    /// Bytes of memory in use, roughly.
    pub fn memory_bytes(&self) -> usize {
        let tracks = self.tracks.iter().map(|(_, track)| track.bytes());
        self.slots.capacity() * size_of::<u32>() + tracks.sum::<usize>()
    }

    #[inline]
    fn track(&mut self, series: usize, sub_window: u64) -> Option<&mut Track> {
        let slot = match self.slots.get(series) {
            Some(slot) if *slot != NONE => *slot,
            _ => self.start(series, sub_window)?,
        };
        let track = self.tracks.get_mut(slot as usize)?;
        if track.sub_window != sub_window {
            track.slide(sub_window, self.sub_windows);
        }
        Some(track)
    }

    #[cold]
    fn start(&mut self, series: usize, sub_window: u64) -> Option<u32> {
        if self.tracks.len() >= self.max_tracked {
            self.give_up_silent(sub_window)?;
        }
        if self.slots.len() <= series {
            self.slots.resize(series + 1, NONE);
        }
        let slot = self.tracks.insert(Track::new(series, sub_window));
        let slot = u32::try_from(slot).ok()?;
        self.slots[series] = slot;
        Some(slot)
    }

    /// Gives up the tracks of series without values in the window; `None` if there are none such.
    fn give_up_silent(&mut self, sub_window: u64) -> Option<()> {
        if self.full_in == Some(sub_window) {
            return None;
        }
        let (slots, sub_windows, before) = (&mut self.slots, self.sub_windows, self.tracks.len());
        self.tracks.retain(|_, track| {
            let stays = is_recent(track.sub_window, sub_window, sub_windows);
            if !stays {
                slots[track.series] = NONE;
            }
            stays
        });
        if self.tracks.len() == before {
            self.full_in = Some(sub_window);
            return None;
        }
        Some(())
    }
}

impl Track {
    fn new(series: usize, sub_window: u64) -> Track {
        Track {
            series,
            sub_window,
            current: DDSketch::new(config()),
            past: Vec::new(),
        }
    }

    #[cold]
    fn slide(&mut self, sub_window: u64, sub_windows: u64) {
        self.past
            .retain(|(at, _)| is_recent(*at, sub_window, sub_windows));
        let ended = std::mem::replace(&mut self.current, DDSketch::new(config()));
        if is_recent(self.sub_window, sub_window, sub_windows) {
            self.past.push((self.sub_window, ended));
        }
        self.sub_window = sub_window;
    }

    fn merge_into(&self, all: &mut DDSketch, sub_window: u64, sub_windows: u64) {
        let current = (self.sub_window, &self.current);
        let past = self.past.iter().map(|(at, sketch)| (*at, sketch));
        for (at, sketch) in past.chain([current]) {
            if is_recent(at, sub_window, sub_windows) {
                // All sketches have the same configuration, so that none refuses another.
                let _ = all.merge(sketch);
            }
        }
    }

    fn bytes(&self) -> usize {
        let past = self.past.iter().map(|(_, sketch)| sketch);
        let each = |sketch: &DDSketch| size_of::<DDSketch>() + 8 * sketch.length();
        size_of::<Track>() + past.chain([&self.current]).map(each).sum::<usize>()
    }
}

/// Whether the part `at` of the window is still in it during the part `now`.
fn is_recent(at: u64, now: u64, sub_windows: u64) -> bool {
    at.saturating_add(sub_windows) > now
}

fn config() -> Config {
    Config::new(ACCURACY, MAX_BINS, MIN_VALUE)
}

fn read(sketch: &DDSketch) -> Option<Quantiles> {
    let max = sketch.max()?;
    // A bin stands for values that differ by 2 %: none exceeds the largest.
    let at = |quantile| Some(sketch.quantile(quantile).ok()??.min(max));
    Some(Quantiles {
        count: sketch.count() as u64,
        p50: at(0.5)?,
        p90: at(0.9)?,
        p95: at(0.95)?,
        p99: at(0.99)?,
        max,
    })
}
