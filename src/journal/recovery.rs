//! What a start-up found.

/// What opening a journal found, for the start-up log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Segment files that hold a part of the log.
    pub segments: u64,
    /// Readable records that wait for some export.
    pub records: u64,
    /// Bytes of the log that wait for some export.
    pub waiting_bytes: u64,
    /// Bytes at the log's end that were never acknowledged and are overwritten.
    pub truncated_bytes: u64,
    /// Stretches of acknowledged data that could not be read.
    pub damaged_places: u64,
    /// Files that were moved to `damaged/`.
    pub set_aside: Vec<String>,
    /// What waited for exports that are no longer configured.
    pub removed_exports: Vec<RemovedExport>,
}

/// An export that is no longer configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemovedExport {
    /// Its name.
    pub name: String,
    /// Items that waited for it, by [`crate::otlp::Signal::index`].
    pub waiting: [u64; 3],
}

impl std::fmt::Display for Recovery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Recovery {
            segments,
            records,
            waiting_bytes,
            ..
        } = self;
        write!(
            f,
            "{records} batches wait ({waiting_bytes} bytes in {segments} segments)"
        )
    }
}
