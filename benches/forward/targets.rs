//! How the results stand to what Lineside sets out to reach.

use crate::cli::Options;
use crate::report::loads;
use crate::results::{LoadNumbers, Numbers, Row};
use crate::scenario::{Compression, Load, Scenario, System, Transport};

/// Memory that saturation may take above the configured byte budgets.
const RSS_ABOVE_BUDGET_MIB: f64 = 48.0;

/// CPU with all series ÷ CPU of forwarding alone.
const SERIES_CPU: f64 = 2.0;
/// Memory of a series that gets no points.
const BYTES_PER_SERIES: f64 = 400.0;

/// Prints one line for each target whose rows were measured.
pub fn print(options: &Options, rows: &[Row]) {
    let checks: Vec<Check> = loads(rows)
        .flat_map(|(row, numbers)| load_checks(options, rows, row, numbers))
        .chain(rows.iter().flat_map(quiet_checks))
        .collect();
    if checks.is_empty() {
        return;
    }
    println!("\n### Targets\n");
    for check in &checks {
        println!("{}", check.line());
    }
    let judged: Vec<bool> = checks.iter().filter_map(Check::reached).collect();
    let reached = judged.iter().filter(|reached| **reached).count();
    println!("\n{reached} of {} targets reached.", judged.len());
}

enum Bound {
    AtMost(f64),
    AtLeast(f64),
    /// Shown, not judged, and why not.
    NotComparable(&'static str),
}

struct Check {
    what: String,
    value: f64,
    bound: Bound,
    unit: &'static str,
}

impl Check {
    /// `None` where the value can't be judged.
    fn reached(&self) -> Option<bool> {
        match self.bound {
            Bound::AtMost(bound) => Some(self.value <= bound),
            Bound::AtLeast(bound) => Some(self.value >= bound),
            Bound::NotComparable(_) => None,
        }
    }

    fn line(&self) -> String {
        let Check {
            what, value, unit, ..
        } = self;
        let (word, bound) = match self.bound {
            Bound::AtMost(bound) => ("at most", bound),
            Bound::AtLeast(bound) => ("at least", bound),
            Bound::NotComparable(why) => {
                return format!("- ⚠ {what}: {value:.2}{unit}, not judged: {why}");
            }
        };
        let line = format!("{what}: {value:.2}{unit} (target: {word} {bound:.2}{unit})");
        match self.reached() {
            Some(false) => format!(
                "- ✗ {line}, {:.0} % off",
                (value - bound).abs() * 100.0 / bound
            ),
            _ => format!("- ✓ {line}"),
        }
    }
}

fn load_checks(options: &Options, rows: &[Row], row: &Row, numbers: &LoadNumbers) -> Vec<Check> {
    let Scenario::Load {
        load,
        transport,
        compression,
        ..
    } = row.scenario
    else {
        return Vec::new();
    };
    if !row.system.is_lineside() {
        return Vec::new();
    }
    match load {
        Load::Saturate => saturated(options, rows, row, numbers, compression),
        Load::Steady | Load::Filled if row.system.is_durable() => {
            vec![row.check("send p99", numbers.sent.p99_ms, Bound::AtMost(10.0), " ms")]
        }
        Load::Refusing => {
            // The last second's retries may still wait when the window ends: 2 % of it.
            let share = numbers.arrived_percent();
            let accepted = numbers.sent.accepted_items as f64 / numbers.sent.elapsed_s / 1e3;
            vec![
                row.check(
                    "accepted, thousand spans/s",
                    accepted,
                    Bound::AtLeast(49.0),
                    "",
                ),
                row.check("delivered of accepted", share, Bound::AtLeast(98.0), " %"),
            ]
        }
        Load::Scraped => scraped(rows, row, numbers, transport).into_iter().collect(),
        Load::Steady | Load::Filled => Vec::new(),
    }
}

/// A scrape must not be felt by those who send: the worst hundredth may take twice as long and a millisecond more.
fn scraped(rows: &[Row], row: &Row, numbers: &LoadNumbers, transport: Transport) -> Option<Check> {
    let filled = Scenario::paced(Load::Filled, transport);
    let calm = numbers_of(rows, filled, row.system)?.sent.p99_ms;
    let bound = Bound::AtMost(2.0 * calm + 1.0);
    Some(row.check(
        "send p99, twice that without scrapes and 1 ms",
        numbers.sent.p99_ms,
        bound,
        " ms",
    ))
}

fn saturated(
    options: &Options,
    rows: &[Row],
    row: &Row,
    numbers: &LoadNumbers,
    compression: Compression,
) -> Vec<Check> {
    let budget_mib = match row.system {
        System::LinesideSeries => options.budget_mib + options.series_mib,
        _ => options.budget_mib,
    };
    let memory_bound = Bound::AtMost(budget_mib as f64 + RSS_ABOVE_BUDGET_MIB);
    let mut checks = vec![row.check("peak RSS", numbers.peak_rss_mib, memory_bound, " MiB")];
    checks.extend(against_forwarding(rows, row, numbers));
    checks.extend(against_relay(rows, row, numbers, compression));
    checks.extend(against_rotel(rows, row, numbers, compression));
    checks
}

fn against_forwarding(rows: &[Row], row: &Row, numbers: &LoadNumbers) -> Option<Check> {
    if row.system != System::LinesideSeries {
        return None;
    }
    let forwarding = numbers_of(rows, row.scenario, System::LinesideAlways)?;
    let ratio = numbers.cpu_s_per_million() / forwarding.cpu_s_per_million();
    let bound = Bound::AtMost(SERIES_CPU);
    Some(row.check("CPU ÷ forwarding alone", ratio, bound, "×"))
}

fn against_relay(
    rows: &[Row],
    row: &Row,
    numbers: &LoadNumbers,
    compression: Compression,
) -> Option<Check> {
    if compression != Compression::Plain || row.system == System::LinesideSeries {
        return None;
    }
    let relay = numbers_of(rows, row.scenario, System::Relay)?;
    let bound = if row.system == System::LinesideAlways {
        2.5
    } else {
        1.5
    };
    let ratio = numbers.cpu_s_per_million() / relay.cpu_s_per_million();
    Some(row.check("CPU ÷ relay", ratio, Bound::AtMost(bound), "×"))
}

fn against_rotel(
    rows: &[Row],
    row: &Row,
    numbers: &LoadNumbers,
    compression: Compression,
) -> Vec<Check> {
    let Some(rotel) = numbers_of(rows, row.scenario, System::Rotel) else {
        return Vec::new();
    };
    if row.system != System::LinesideAlways || compression == Compression::Passthrough {
        return Vec::new();
    }
    let cpu = numbers.cpu_s_per_million() / rotel.cpu_s_per_million();
    let speed = numbers.items_per_s() / rotel.items_per_s();
    let (cpu_bound, speed_bound) = rotel_bounds(compression, numbers, rotel);
    vec![
        row.check("CPU ÷ Rotel", cpu, cpu_bound, "×"),
        row.check("items/s ÷ Rotel", speed, speed_bound, "×"),
    ]
}

fn rotel_bounds(
    compression: Compression,
    numbers: &LoadNumbers,
    rotel: &LoadNumbers,
) -> (Bound, Bound) {
    if numbers.arrived.codings() != rotel.arrived.codings() {
        let why = "the exports arrived in different codings, see the table";
        return (Bound::NotComparable(why), Bound::NotComparable(why));
    }
    match compression {
        Compression::Plain => (Bound::AtMost(1.0 / 4.0), Bound::AtLeast(2.0)),
        _ => (Bound::AtMost(1.0 / 3.0), Bound::AtLeast(4.0)),
    }
}

fn numbers_of(rows: &[Row], scenario: Scenario, system: System) -> Option<&LoadNumbers> {
    let found = loads(rows).find(|(row, _)| row.scenario == scenario && row.system == system);
    found.map(|(_, numbers)| numbers)
}

fn quiet_checks(row: &Row) -> Vec<Check> {
    match &row.outcome {
        Ok(Numbers::Idle {
            cpu_percent,
            rss_mib,
        }) if row.system.is_lineside() => vec![
            row.check("RSS", *rss_mib, Bound::AtMost(20.0), " MiB"),
            row.check("CPU", *cpu_percent, Bound::AtMost(0.2), " %"),
        ],
        Ok(Numbers::Start { median_ms, .. }) if row.system.is_lineside() => {
            vec![row.check("ready after", *median_ms, Bound::AtMost(100.0), " ms")]
        }
        Ok(Numbers::Hold(held)) => vec![row.check(
            "memory of a series",
            held.bytes_per_series(held.held_mib),
            Bound::AtMost(BYTES_PER_SERIES),
            " bytes",
        )],
        _ => Vec::new(),
    }
}

impl Row {
    fn check(&self, what: &str, value: f64, bound: Bound, unit: &'static str) -> Check {
        Check {
            what: format!("{}, {}: {what}", self.scenario, self.system),
            value,
            bound,
            unit,
        }
    }
}
