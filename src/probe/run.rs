//! One run: what it has found so far. It outlives the check, so that one that is cut off still says how far it came.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use http::HeaderMap;
use opentelemetry::KeyValue;
use serde_json::Value;
use tokio::time::Instant;

use super::failure::Phase;
use super::metric::Reading;

/// How long a phase took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lap {
    /// The phase.
    pub phase: Phase,
    /// When it began, from the beginning of the run.
    pub began: Duration,
    /// When it ended, from the beginning of the run; `None` while it goes on.
    pub ended: Option<Duration>,
}

/// What one run has found so far. Checks write into it; everybody else reads it when the check has ended.
#[derive(Debug)]
pub struct Run {
    began: Instant,
    timeout: Duration,
    trace: HeaderMap,
    found: Mutex<Found>,
}

/// All that a run can find.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The phases, in the order in which they began. A phase may come more than once.
    pub laps: Vec<Lap>,
    /// What the span says besides.
    pub attributes: Vec<KeyValue>,
    /// Sentences about what works, but should be looked at. Each says what to do after a colon or a full stop.
    pub warnings: Vec<String>,
    /// What a person may want to know, by name: `server_version`, `server_time`, …
    pub facts: BTreeMap<&'static str, Value>,
    /// Numbers that were measured.
    pub readings: Vec<Reading>,
    /// When the first certificate that was shown ends.
    pub certificate_ends: Option<SystemTime>,
}

impl Run {
    /// A run that begins now, may take `timeout`, and sends `trace` (W3C trace context) where the protocol has headers.
    pub fn begin(timeout: Duration, trace: HeaderMap) -> Run {
        Run {
            began: Instant::now(),
            timeout,
            trace,
            found: Mutex::default(),
        }
    }

    /// How long the whole run may take. Whoever runs it holds it to that; a check need not.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Time since the run began.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// `traceparent` and its companions.
    pub fn trace(&self) -> &HeaderMap {
        &self.trace
    }

    /// Does `work` as `phase`. When the run is cut off meanwhile, that is the phase it was cut off in.
    pub async fn phase<T>(&self, phase: Phase, work: impl Future<Output = T>) -> T {
        self.enter(phase);
        let done = work.await;
        self.leave();
        done
    }

    /// Ends the phase that goes on, `after` its beginning, and begins `next` there: for a library that does several
    /// phases in one call.
    pub fn turn(&self, next: Phase, after: Duration) {
        let mut found = self.found();
        let Some(lap) = found.laps.last_mut().filter(|lap| lap.ended.is_none()) else {
            return;
        };
        let at = (lap.began + after).min(self.began.elapsed());
        lap.ended = Some(at);
        found.laps.push(Lap {
            phase: next,
            began: at,
            ended: None,
        });
    }

    /// Adds an attribute to the run's span, in place of one with the same key.
    pub fn attribute(&self, attribute: KeyValue) {
        let mut found = self.found();
        found.attributes.retain(|known| known.key != attribute.key);
        found.attributes.push(attribute);
    }

    /// Adds a sentence about something that works, but should be looked at.
    pub fn warn(&self, sentence: impl Into<String>) {
        self.found().warnings.push(sentence.into());
    }

    /// Adds something that a person may want to know.
    pub fn fact(&self, name: &'static str, value: impl Into<Value>) {
        self.found().facts.insert(name, value.into());
    }

    /// Adds a number.
    pub fn reading(&self, metric: &str, attributes: &[(&str, &str)], value: f64) {
        let attributes = attributes.iter();
        let attributes = attributes
            .map(|(name, value)| (Arc::from(*name), Arc::from(*value)))
            .collect();
        self.found().readings.push(Reading {
            metric: metric.into(),
            attributes,
            value,
        });
    }

    /// Says when a certificate that was shown ends. Of several the first end counts.
    pub fn certificate_ends(&self, at: SystemTime) {
        let first = &mut self.found().certificate_ends;
        *first = Some(first.map_or(at, |first| first.min(at)));
    }

    /// When the first certificate that was shown ends; `None` where none was.
    pub fn certificate_end(&self) -> Option<SystemTime> {
        self.found().certificate_ends
    }

    /// The phase that goes on, or else the last.
    pub fn last_phase(&self) -> Option<Phase> {
        self.found().laps.last().map(|lap| lap.phase)
    }

    /// All that was found, the phase that went on ended now.
    pub fn take(&self) -> Found {
        self.leave();
        std::mem::take(&mut self.found())
    }

    /// Takes in the phases of `part`, which was a part of this run, and when the first certificate that it was shown ends.
    /// What else it found stays with it.
    pub fn take_in(&self, part: &Run) {
        let found = part.take();
        let after = part.began.saturating_duration_since(self.began);
        let laps = found.laps.into_iter().map(|lap| Lap {
            began: lap.began + after,
            ended: lap.ended.map(|ended| ended + after),
            ..lap
        });
        self.found().laps.extend(laps);
        if let Some(ends) = found.certificate_ends {
            self.certificate_ends(ends);
        }
    }

    fn enter(&self, phase: Phase) {
        let began = self.began.elapsed();
        self.found().laps.push(Lap {
            phase,
            began,
            ended: None,
        });
    }

    fn leave(&self) {
        let now = self.began.elapsed();
        let mut found = self.found();
        if let Some(lap) = found.laps.last_mut() {
            lap.ended.get_or_insert(now);
        }
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        // What was found up to a panic is still true.
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
