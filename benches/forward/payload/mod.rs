//! The requests that are sent: realistic, encoded once, and dated anew each time they are sent.
//!
//! Each request is one batch of one service's instance, as an SDK sends it. [`VARIANTS`] of them are sent in turn, and
//! each turn has ids, times and values of its own where requests are plain ([`template`]): so spans find the other
//! side of their call once, and points follow one another. Compressed requests are sent again as they are.

mod attributes;
mod logs;
mod metrics;
mod template;
mod traces;

use std::io::Write;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use lineside::otlp::Signal;

use crate::Fallible;
use crate::order::unix_us;

pub use metrics::{FILL_POINTS, fill};
pub use template::Template;

/// Spans, data points or log records in each request.
pub const ITEMS: u64 = 100;
/// Different requests, sent in turn, so that compression finds no repeated request in its window.
const VARIANTS: usize = 64;

/// The requests of `signal`, gzipped if `gzip`.
pub fn requests(signal: Signal, gzip: bool) -> Fallible<Vec<Template>> {
    let now_unix_ns = unix_us() * 1000;
    let mut random = fastrand::Rng::with_seed(7);
    let plain: Vec<Vec<u8>> = match signal {
        Signal::Traces => traces::requests(VARIANTS, now_unix_ns, &mut random),
        Signal::Metrics => metrics::requests(VARIANTS, now_unix_ns, &mut random),
        Signal::Logs => logs::requests(VARIANTS, now_unix_ns, &mut random),
    };
    plain
        .into_iter()
        .map(|message| match gzip {
            true => Ok(Template::fixed(deflate(&message)?)),
            false => Template::new(signal, message, now_unix_ns),
        })
        .collect()
}

fn deflate(plain: &[u8]) -> Fallible<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain)?;
    Ok(encoder.finish()?.into())
}
