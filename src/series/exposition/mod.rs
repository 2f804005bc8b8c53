//! Exposition: the store and the agent's own registry as one answer to a scrape, in the format the scraper asks for.
//!
//! A scrape goes over the families once: they are put in order by name (`plan`), and each series goes from the store
//! into the answer without a copy in between. Only where names must be escaped on the way, labels are put
//! together anew (`rewrite`).
//!
//! What can't be written is left out alone and counted: a series whose value does not fit its family's type, a native
//! histogram without a sum, a family or a set of labels that escaping makes the same as another.

mod estimate;
mod exemplar;
mod fixed;
mod json;
mod labels;
mod media;
mod message;
mod native;
mod negotiation;
mod number;
mod own;
mod plan;
mod protobuf;
mod rewrite;
mod shown;
#[cfg(test)]
mod tests;
mod text;
mod walk;

use std::ops::AddAssign;

use bytes::Bytes;

pub use estimate::estimated_percentiles;
pub use json::{About, PERCENTILES, RecentPercentiles, to_json};
pub use media::preferred;
pub use negotiation::{Format, Offer, accepts_gzip, negotiate};
pub use own::{OwnFamily, OwnSeries, own_families};

use crate::otlp::{DeflateError, Encoding, deflate};
use crate::series::naming::Escaping;
use crate::series::store::Store;
use plan::Plan;
use rewrite::Rewriting;
use text::Dialect;

/// What an answer is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The format and the escaping of names.
    pub offer: Offer,
    /// Whether OpenMetrics shows starts as samples `_created`, which makes it half as long again. Protobuf has a field
    /// for starts and always shows them; text has none.
    pub created: bool,
}

/// What an answer holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exposed {
    /// Series in it.
    pub series: usize,
    /// Series that could not be written.
    pub left_out: usize,
}

impl AddAssign for Exposed {
    fn add_assign(&mut self, more: Exposed) {
        self.series += more.series;
        self.left_out += more.left_out;
    }
}

/// Appends the store and the agent's own families to `out`.
///
/// Nothing is allocated for a series but the room that the answer takes: `out` best has the capacity of the answer
/// before.
pub fn expose(store: &Store, own: &[OwnFamily], request: Request, out: &mut Vec<u8>) -> Exposed {
    let Request { offer, created } = request;
    let rewriting = rewriting(store, offer.escaping());
    let plan = Plan::new(store, own, rewriting);
    let dialect = Dialect {
        is_open_metrics: offer.format.is_open_metrics(),
        created,
        rewriting,
    };
    let mut exposed = Exposed {
        series: 0,
        left_out: plan.left_out,
    };
    for block in &plan.blocks {
        exposed += match offer.format {
            Format::Protobuf => protobuf::put_family(out, store, block, rewriting),
            _ => text::put_family(out, store, &plan, block, dialect),
        };
    }
    if dialect.is_open_metrics {
        out.extend_from_slice(b"# EOF\n");
    }
    exposed
}

fn rewriting(store: &Store, escaping: Escaping) -> Rewriting {
    Rewriting {
        escaping,
        changes_names: match escaping {
            Escaping::AllowUtf8 => false,
            Escaping::Dots => true,
            Escaping::Underscores | Escaping::Values => store.has_quoted_names(),
        },
        key: store.key(),
    }
}

/// The level that takes least time: labels repeat so much that higher ones save little more.
const GZIP_LEVEL: i32 = 1;

/// An answer compressed with gzip, for scrapers that accept it.
///
/// # Errors
/// If the codec fails, which no content causes.
pub fn compress(answer: Bytes) -> Result<Bytes, DeflateError> {
    deflate(Encoding::Gzip, GZIP_LEVEL, &[answer])
}
