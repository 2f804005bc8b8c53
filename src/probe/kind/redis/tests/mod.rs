//! What the checks make of answers, and of servers that do as they are told.

mod answers;
mod refusals;
mod resp;
mod scripted;

use std::time::Duration;

use http::HeaderMap;

use super::info::Info;
use crate::probe::metric::Reading;
use crate::probe::run::{Found, Run};

fn a_run() -> Run {
    Run::begin(Duration::from_secs(5), HeaderMap::new())
}

fn info(text: &str) -> Info {
    Info::new(text.replace('\n', "\r\n"))
}

/// The value of the only reading of `metric` with `attributes`.
fn reading(found: &Found, metric: &str, attributes: &[(&str, &str)]) -> Option<f64> {
    let same = |reading: &&Reading| {
        let pairs = reading.attributes.iter();
        let pairs: Vec<_> = pairs.map(|(name, value)| (&**name, &**value)).collect();
        &*reading.metric == metric && pairs == attributes
    };
    let mut all = found.readings.iter().filter(same);
    let value = all.next().map(|reading| reading.value);
    assert!(all.next().is_none(), "{metric} {attributes:?} comes twice");
    value
}
