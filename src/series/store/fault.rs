//! Why a point was not taken, or not as it came. Each reason is counted under its name.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! faults {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// Why a point was not taken, or not as it came.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Fault { $($(#[doc = $doc])+ $variant,)+ }

        impl Fault {
            /// Every fault, in the order in which they are counted.
            pub const ALL: &'static [Fault] = &[$(Fault::$variant,)+];

            /// The name it is counted under.
            pub const fn name(self) -> &'static str {
                match self { $(Fault::$variant => $name,)+ }
            }
        }
    };
}

faults! {
    /// The metric's exposed name is held by a metric of another type.
    TypeConflict = "type_conflict",
    /// Another series has the same labels once they are translated.
    LabelConflict = "label_conflict",
    /// Two senders that can't be told apart write the same series; the one that started last is shown.
    SenderConflict = "sender_conflict",
    /// The store holds as many series as it may.
    SeriesLimit = "series_limit",
    /// The metric has as many series as it may.
    MetricLimit = "metric_limit",
    /// The store uses as much memory as it may.
    MemoryLimit = "memory_limit",
    /// There are as many senders as there may be.
    TargetLimit = "target_limit",
    /// The labels of the series are longer than they may be.
    LabelsTooLong = "labels_too_long",
    /// The metric's name leaves nothing that Prometheus takes.
    UnusableName = "unusable_name",
    /// The point is older than the one held.
    OutOfOrder = "out_of_order",
    /// A delta that was counted already.
    Duplicate = "duplicate",
    /// A delta that covers time of which a part was counted already.
    Overlap = "overlap",
    /// The time lies in the future; the time of arrival was taken instead.
    Future = "future",
    /// A counter or a count that is below zero.
    Negative = "negative",
    /// A value that can't be added up: NaN or infinite where a counter stands.
    NotANumber = "not_a_number",
    /// Buckets that contradict their bounds or their count.
    BadBuckets = "bad_buckets",
    /// An exponential histogram whose scale Prometheus has no schema for.
    Scale = "scale",
    /// Neither delta nor cumulative.
    Temporality = "temporality",
    /// A point without a value.
    NoValue = "no_value",
    /// A span that ends before it starts; it counts as one without duration.
    EndBeforeStart = "end_before_start",
    /// A part of the store panicked over it.
    Panic = "panic",
}

/// How often each fault has happened. Shared with the meters.
#[derive(Debug)]
pub struct FaultCounts([AtomicU64; Fault::ALL.len()]);

impl Default for FaultCounts {
    fn default() -> FaultCounts {
        FaultCounts(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl FaultCounts {
    /// Counts `points` under `fault`.
    pub fn add(&self, fault: Fault, points: u64) {
        self.0[fault as usize].fetch_add(points, Ordering::Relaxed);
    }

    /// Points counted under `fault` so far.
    pub fn get(&self, fault: Fault) -> u64 {
        self.0[fault as usize].load(Ordering::Relaxed)
    }
}
