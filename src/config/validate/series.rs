//! Series: buckets and dimensions.

use std::time::Duration;

use crate::config::key::KeyPath;
use crate::config::problem::Problems;
use crate::config::settings::Settings;

/// Each bucket takes eight bytes of every series.
const MAX_BUCKETS: usize = 200;

/// Each dimension becomes a label of every series.
const MAX_DIMENSIONS: usize = 32;

pub(super) fn check(settings: &Settings, problems: &mut Problems) {
    let spans = &settings.series.spans;
    buckets(&spans.buckets, problems);
    dimensions(&spans.dimensions, problems);
}

fn buckets(buckets: &[Duration], problems: &mut Problems) {
    let key = KeyPath::from("series.spans.buckets");
    let ascending = buckets.windows(2).all(|pair| pair[0] < pair[1]);
    if !ascending || buckets.first().is_some_and(Duration::is_zero) {
        problems.error(
            &key,
            "the bounds do not ascend from one to the next, or begin at zero",
            "Write each bound once, the least first, as [\"10ms\", \"100ms\", \"1s\"]",
        );
    }
    if buckets.is_empty() || buckets.len() > MAX_BUCKETS {
        let problem = format!("there are {} bounds", buckets.len());
        problems.error(
            &key,
            problem,
            format!("Write 1 to {MAX_BUCKETS} bounds, or set series.spans.enabled = false"),
        );
    }
}

fn dimensions(dimensions: &[String], problems: &mut Problems) {
    let key = KeyPath::from("series.spans.dimensions");
    if dimensions.iter().any(|name| name.trim().is_empty()) {
        problems.error(
            &key,
            "an attribute's name is empty",
            "Write names of attributes, as \"http.route\"",
        );
    }
    let again = |at: usize, name: &String| dimensions[..at].contains(name);
    if let Some((_, name)) = dimensions
        .iter()
        .enumerate()
        .find(|(at, name)| again(*at, name))
    {
        let problem = format!("\"{}\" is named more than once", name.escape_debug());
        problems.error(&key, problem, "Name each attribute once");
    }
    if dimensions.len() > MAX_DIMENSIONS {
        let problem = format!("there are {} dimensions", dimensions.len());
        problems.error(&key, problem, format!("Name {MAX_DIMENSIONS} at most"));
    }
}
