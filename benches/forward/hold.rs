//! The memory of series that get no points, as the operating system sees it.

use std::time::Duration;

use crate::Fallible;
use crate::cli::Options;
use crate::face;
use crate::measure::quiet_destination;
use crate::process::nap;
use crate::results::{Held, Numbers};
use crate::scenario::System;
use crate::system::{Destination, Running};

/// Longer than the time between two sweeps, so that one has passed.
const IDLE: Duration = Duration::from_secs(12);
/// Series beside those that are sent: `target_info`, and what is made of them.
const FURTHER_SERIES: u64 = 1000;

/// The resident set of an agent that holds nothing, of one that holds the series, and of that after a scrape.
pub fn run(options: &Options, system: System) -> Fallible<Numbers> {
    let (_sink, to) = quiet_destination()?;
    let to = Destination {
        max_series: Some(options.hold + FURTHER_SERIES),
        own_telemetry: false,
        ..to
    };
    let rss_mib = |running: &Running| {
        nap(IDLE.as_millis() as u64);
        running.process.status_mib("VmRSS")
    };
    let empty = Running::start(system, &to, None)?;
    let empty_mib = rss_mib(&empty)?;
    drop(empty);
    let holding = Running::start(system, &to, None)?;
    face::fill_series(holding.port, options.hold)?;
    let held_mib = rss_mib(&holding)?;
    face::check_filled(holding.api, options.hold)?;
    Ok(Numbers::Hold(Held {
        series: options.hold,
        empty_mib,
        held_mib,
        scraped_mib: rss_mib(&holding)?,
    }))
}
