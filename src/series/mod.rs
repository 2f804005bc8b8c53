//! Series: everything received, as `/metrics` shows it.

pub mod store;
pub mod targets;
pub mod naming {
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum MetricKind {
        Counter,
        Gauge,
        Histogram,
        Summary,
        Info,
        StateSet,
        Unknown,
    }
}
