//! How far names are translated.

/// How names are translated on the way to Prometheus: `translation_strategy` of the specification's page
/// "Metrics Exporter - Prometheus".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// Legacy names only, and suffixes for units and types.
    #[default]
    UnderscoreEscapingWithSuffixes,
    /// Legacy names only, and no suffixes.
    UnderscoreEscapingWithoutSuffixes,
    /// Names stay as they are, but for suffixes for units and types.
    NoUtf8EscapingWithSuffixes,
    /// Names stay as they are.
    NoTranslation,
}

impl Strategy {
    /// Every strategy.
    pub const ALL: [Strategy; 4] = [
        Strategy::UnderscoreEscapingWithSuffixes,
        Strategy::UnderscoreEscapingWithoutSuffixes,
        Strategy::NoUtf8EscapingWithSuffixes,
        Strategy::NoTranslation,
    ];

    /// Whether metric names get suffixes for their unit and their type.
    pub const fn adds_suffixes(self) -> bool {
        match self {
            Strategy::UnderscoreEscapingWithSuffixes | Strategy::NoUtf8EscapingWithSuffixes => true,
            Strategy::UnderscoreEscapingWithoutSuffixes | Strategy::NoTranslation => false,
        }
    }

    /// Whether characters that legacy names cannot hold become underscores.
    pub const fn escapes(self) -> bool {
        match self {
            Strategy::UnderscoreEscapingWithSuffixes
            | Strategy::UnderscoreEscapingWithoutSuffixes => true,
            Strategy::NoUtf8EscapingWithSuffixes | Strategy::NoTranslation => false,
        }
    }
}
