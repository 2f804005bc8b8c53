//! When points begin and end, and whether they may follow what is held.
//!
//! Every clock here is a sender's, and may be wrong:
//!
//! - a time more than [`MAX_AHEAD_NANO`] ahead of the arrival, or none, is replaced by the time of arrival;
//! - a point older than the one held is not taken, unless the series has been silent for
//!   [`CLOCK_SET_BACK_S`]: then the sender's clock was set back;
//! - a start that moves forward is a reset, one that moves backward is another sender that says the same of
//!   itself, whose points are not taken until the one held has been silent for [`SENDER_GONE_S`].

use crate::series::store::{Fault, Lineage, Moment, Series};

/// How far a sender's clock may be ahead.
pub(super) const MAX_AHEAD_NANO: u64 = 600 * 1_000_000_000;

/// After how many seconds without a point taken an older one means that the sender's clock was set back.
pub(super) const CLOCK_SET_BACK_S: u32 = 60;

/// After how many seconds without a point taken a sender gives way to another that started before it.
pub(super) const SENDER_GONE_S: u32 = 300;

/// The times of a point, as far as they can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    /// When its value began to accumulate, in nanoseconds since the Unix epoch; 0 when unknown.
    pub(super) start_unix_nano: u64,
    /// The time of its value, in nanoseconds since the Unix epoch.
    pub(super) time_unix_nano: u64,
    /// Whether that is the time of arrival, for want of a better one.
    pub(super) is_arrival: bool,
}

impl Times {
    /// The times that a point gives, and whether it lies in the future.
    #[inline]
    pub(super) fn read(start_unix_nano: u64, time_unix_nano: u64, now: Moment) -> (Times, bool) {
        let arrival = now.unix_nano();
        let is_future = is_future(time_unix_nano, now);
        let is_arrival = is_future || time_unix_nano == 0;
        let time = if is_arrival { arrival } else { time_unix_nano };
        let times = Times {
            // A start behind the end says nothing.
            start_unix_nano: if start_unix_nano > time {
                0
            } else {
                start_unix_nano
            },
            time_unix_nano: time,
            is_arrival,
        };
        (times, is_future)
    }

    /// When the value began as far as is known: at the start, or at the point itself.
    pub(super) fn start_or_time(&self) -> u64 {
        match self.start_unix_nano {
            0 => self.time_unix_nano,
            start => start,
        }
    }

    /// Notes in a series that a point with these times was taken as it came.
    #[inline]
    pub(super) fn note_in(&self, series: &mut Series, now: Moment) {
        series.lineage = Lineage::Received;
        series.start_unix_nano = self.start_unix_nano;
        series.time_unix_nano = self.time_unix_nano;
        series.note_change(now);
    }

    /// Whether the sender began anew after the last point, so that all it has accumulated was counted since.
    pub(super) fn begin_anew(&self, held: &Series) -> bool {
        self.start_unix_nano > held.start_unix_nano && held.start_unix_nano != 0
    }

    /// Whether a value that stands for itself, as of a gauge or summary, may follow what `held` holds.
    #[inline]
    pub(super) fn may_follow(&self, held: &Series, now: Moment) -> Result<(), Fault> {
        let is_older = !self.is_arrival && self.time_unix_nano < held.time_unix_nano;
        match is_older && silence_s(held, now) < CLOCK_SET_BACK_S {
            true => Err(Fault::OutOfOrder),
            false => Ok(()),
        }
    }

    /// Whether a value that its sender has accumulated since the start may follow what `held` holds.
    #[inline]
    pub(super) fn may_go_on(&self, held: &Series, now: Moment) -> Result<(), Fault> {
        if held.lineage != Lineage::Received {
            // Its sender sent deltas before: their times say nothing of what it accumulates.
            return Ok(());
        }
        self.may_follow(held, now)?;
        let starts_before =
            self.start_unix_nano != 0 && self.start_unix_nano < held.start_unix_nano;
        let clock_was_set_back = self.time_unix_nano < held.time_unix_nano;
        match starts_before && !clock_was_set_back && silence_s(held, now) < SENDER_GONE_S {
            true => Err(Fault::SenderConflict),
            false => Ok(()),
        }
    }
}

/// Whether no point that its sender accumulates was taken before.
pub(super) fn is_first(held: &Series) -> bool {
    held.time_unix_nano == 0 || held.lineage != Lineage::Received
}

/// Whether the time lies further ahead than a clock may be.
pub(super) fn is_future(time_unix_nano: u64, now: Moment) -> bool {
    time_unix_nano > now.unix_nano().saturating_add(MAX_AHEAD_NANO)
}

/// For how many seconds the series has not taken a point.
pub(super) fn silence_s(held: &Series, now: Moment) -> u32 {
    now.seconds().saturating_sub(held.seen_s)
}
