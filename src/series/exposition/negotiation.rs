//! Which format a scraper gets: <https://prometheus.io/docs/instrumenting/content_negotiation/>.

use super::media::{Entry, entries};
use crate::series::naming::Escaping;
use crate::telemetry::TEXT_CONTENT_TYPE;

/// A format of `/metrics`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Prometheus text 0.0.4.
    Text004,
    /// Prometheus text 1.0.0: the same, and names may stand in quotes.
    Text100,
    /// OpenMetrics text 0.0.1.
    OpenMetrics001,
    /// OpenMetrics text 1.0.0.
    OpenMetrics100,
    /// Messages `io.prometheus.client.MetricFamily`, each behind its length.
    Protobuf,
}

/// What a scraper is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The format.
    pub format: Format,
    /// The escaping scheme that the scraper asked for, in a format that has them. Without one names are escaped
    /// with underscores, and the answer does not speak of it.
    pub escaping: Option<Escaping>,
}

impl Format {
    /// Every format, the one to prefer first where a scraper leaves the choice.
    pub const ALL: [Format; 5] = [
        Format::Text004,
        Format::OpenMetrics100,
        Format::Text100,
        Format::OpenMetrics001,
        Format::Protobuf,
    ];

    /// Whether it is one of the OpenMetrics texts.
    pub const fn is_open_metrics(self) -> bool {
        matches!(self, Format::OpenMetrics001 | Format::OpenMetrics100)
    }

    const fn media_type(self) -> &'static str {
        match self {
            Format::Text004 | Format::Text100 => "text/plain",
            Format::OpenMetrics001 | Format::OpenMetrics100 => "application/openmetrics-text",
            Format::Protobuf => "application/vnd.google.protobuf",
        }
    }

    /// The parameters that tell it from others of its media type.
    const fn parameters(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Format::Text004 => &[("version", "0.0.4")],
            Format::Text100 | Format::OpenMetrics100 => &[("version", "1.0.0")],
            Format::OpenMetrics001 => &[("version", "0.0.1")],
            Format::Protobuf => &[
                ("proto", "io.prometheus.client.MetricFamily"),
                ("encoding", "delimited"),
            ],
        }
    }

    /// Readers of the older versions read legacy names only, whatever they ask for.
    const fn has_escaping(self) -> bool {
        !matches!(self, Format::Text004 | Format::OpenMetrics001)
    }

    /// How closely `entry` describes this format; `None` if it does not.
    fn closeness(self, entry: &Entry<'_>) -> Option<usize> {
        match entry.closeness(self.media_type())? {
            2 => self.named_parameters(entry),
            // Nobody wants bytes for an answer who has not asked for them.
            wide => (self != Format::Protobuf).then_some(wide),
        }
    }

    /// A version may be left open; which message protobuf holds may not.
    fn named_parameters(self, entry: &Entry<'_>) -> Option<usize> {
        let mut named = 2;
        for (name, value) in self.parameters() {
            match entry.parameter(name) {
                Some(asked) if asked == *value => named += 1,
                None if self != Format::Protobuf => {}
                _ => return None,
            }
        }
        Some(named)
    }
}

impl Offer {
    /// What a scraper gets that asks for nothing: "MUST use Prometheus text format 0.0.4 and apply
    /// `underscores` escaping" (specification, Metrics Exporter - Prometheus).
    pub const PLAIN: Offer = Offer {
        format: Format::Text004,
        escaping: None,
    };

    /// How names are escaped.
    pub fn escaping(self) -> Escaping {
        self.escaping.unwrap_or(Escaping::Underscores)
    }

    /// The `Content-Type` of the answer.
    pub fn content_type(self) -> String {
        let mut text = match self.format {
            Format::Text004 => TEXT_CONTENT_TYPE.to_owned(),
            Format::Text100 | Format::OpenMetrics001 | Format::OpenMetrics100 => {
                format!("{}; charset=utf-8", typed(self.format))
            }
            Format::Protobuf => typed(self.format),
        };
        if let Some(escaping) = self.escaping {
            text.push_str("; escaping=");
            text.push_str(escaping.name());
        }
        text
    }
}

fn typed(format: Format) -> String {
    let mut text = format.media_type().to_owned();
    for (name, value) in format.parameters() {
        text.push_str(&format!("; {name}={value}"));
    }
    text
}

/// The format with the highest weight in `accept`, of those with the same the one named first.
///
/// Each format has the weight of the entry that describes it most closely (RFC 9110, section 12.5.1). Where
/// nothing is acceptable the answer is [`Offer::PLAIN`], which is what Prometheus' own library does.
pub fn negotiate(accept: Option<&str>) -> Offer {
    let mut best: Option<(Wish, Format)> = None;
    for format in Format::ALL {
        let Some(wish) = wish(format, accept.unwrap_or_default()) else {
            continue;
        };
        let is_better = best
            .as_ref()
            .is_none_or(|(known, _)| (wish.weight, known.place) > (known.weight, wish.place));
        if is_better && wish.weight > 0 {
            best = Some((wish, format));
        }
    }
    best.map_or(Offer::PLAIN, |(wish, format)| Offer {
        format,
        escaping: wish.escaping.filter(|_| format.has_escaping()),
    })
}

/// What a header says of a format.
struct Wish {
    closeness: usize,
    weight: u16,
    place: usize,
    escaping: Option<Escaping>,
}

fn wish(format: Format, accept: &str) -> Option<Wish> {
    let mut closest: Option<Wish> = None;
    for (place, entry) in entries(accept).enumerate() {
        let Some(closeness) = format.closeness(&entry) else {
            continue;
        };
        if closest
            .as_ref()
            .is_none_or(|known| closeness > known.closeness)
        {
            closest = Some(Wish {
                closeness,
                weight: entry.weight,
                place,
                escaping: entry.parameter("escaping").and_then(Escaping::from_name),
            });
        }
    }
    closest
}

/// Whether the answer may be compressed with gzip, and need not rather be left as it is.
pub fn accepts_gzip(accept_encoding: Option<&str>) -> bool {
    let header = accept_encoding.unwrap_or_default();
    let weight = |names: [&str; 2]| {
        let is_meant = |entry: &Entry<'_>| {
            names
                .iter()
                .any(|name| entry.name.eq_ignore_ascii_case(name))
        };
        entries(header).find(is_meant).map(|entry| entry.weight)
    };
    let gzip = weight(["gzip", "x-gzip"]).or_else(|| weight(["*", "*"]));
    let identity = weight(["identity", "identity"]).unwrap_or(0);
    gzip.is_some_and(|gzip| gzip > 0 && gzip >= identity)
}
