//! How a batch leaves an account.

/// Why items were dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DropReason {
    /// Waited longer than the configured age.
    Expired,
    /// Made room for newer data (`when_full = "drop_oldest"`).
    Evicted,
    /// Found damaged on disk.
    Corrupted,
    /// Its export is no longer configured.
    ExportRemoved,
    /// Held in memory only when the process ended.
    Shutdown,
}

impl DropReason {
    /// Every reason, in the order in which tables and snapshots list them.
    pub const ALL: [DropReason; 5] = [
        DropReason::Expired,
        DropReason::Evicted,
        DropReason::Corrupted,
        DropReason::ExportRemoved,
        DropReason::Shutdown,
    ];

    /// The reason as metrics and reports spell it.
    pub const fn name(self) -> &'static str {
        match self {
            DropReason::Expired => "expired",
            DropReason::Evicted => "evicted",
            DropReason::Corrupted => "corrupted",
            DropReason::ExportRemoved => "export_removed",
            DropReason::Shutdown => "shutdown",
        }
    }

    /// The position in [`DropReason::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// What became of a batch at one export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The destination took all of it.
    Delivered,
    /// The destination took all but `refused` items (OTLP `partial_success`).
    PartlyRefused {
        /// Items that the destination rejected; at most the batch's items count.
        refused: u32,
    },
    /// The destination refused it for good.
    Refused,
    /// It was given up here.
    Dropped(DropReason),
}
