//! Prints the results as Markdown.

use std::fs;

use crate::cli::Options;
use crate::results::{LoadNumbers, Numbers, Row};
use crate::scenario::{HELD_UNDER_LOAD, Load, Scenario, System};
use crate::targets;

/// How to read the numbers.
const METHOD: &str = "\
CPU time and memory are those of the measured process alone; load generator and sink are processes of
their own on the same cores. Items/s and CPU count until the last accepted item has arrived at the
sink. Under load Lineside runs with `telemetry.export_own = false`, so that arrivals can be counted to
the item; idle and starting, with its default. A row of `sync = always` is void unless all that was
accepted was also written to disk.

Rows of Lineside without the word \"series\" run with `series.enabled = false`: they forward, as the relay and Rotel
do, and derive nothing. Those with it run with the default: every received metric is kept, rate, errors and durations
are made of spans, calls between services are paired, log records are counted, percentiles are kept. Such a row is void
unless every item was taken; CPU counts until the series have taken the last one. Plain requests are sent with ids,
times and values of their own each time: four of five spans are the sides of a call, and every point follows the one
before it.

Rotel runs with its defaults, in memory.";

/// How to read the disk's numbers.
const DISK_METHOD: &str = "\
The bare append writes groups of the same size into a preallocated file, fdatasync after each, right
after the measured run; the best of five tries counts. Flushes are those of the whole device, so any
other writer makes groups look smaller.";

/// Prints every table that has rows, what failed, and how the results stand to the targets.
pub fn print(options: &Options, rows: &[Row]) {
    header(options);
    load_table(
        rows,
        "Saturated, 16 requests of 100 items in flight",
        |load| load == Load::Saturate,
    );
    load_table(
        rows,
        "50,000 spans/s on a schedule that waits for no answer",
        |load| load != Load::Saturate,
    );
    scrape_table(rows);
    disk_table(rows);
    idle_table(rows);
    hold_table(rows);
    failures(rows);
    targets::print(options, rows);
}

fn header(options: &Options) {
    println!("Measured on {}: {}.", machine(), command(options));
    println!("{METHOD}");
}

fn command(options: &Options) -> String {
    let (window, rounds) = (options.window().as_secs_f64(), options.rounds());
    let median = if rounds > 1 {
        format!(", median of {rounds} runs")
    } else {
        String::new()
    };
    format!("`cargo bench --bench forward`, saturated windows of {window} s{median}")
}

fn machine() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("an unnamed processor", |(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(0, |cores| cores.get());
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{model}, {cores} cores, Linux {}", release.trim())
}

fn load_table(rows: &[Row], title: &str, wanted: impl Fn(Load) -> bool) {
    let rows = loads(rows)
        .filter(|(row, _)| matches!(row.scenario, Scenario::Load { load, .. } if wanted(load)));
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return;
    }
    println!("\n### {title}\n");
    println!(
        "| scenario | system | items/s | CPU s per 10⁶ items | peak RSS MiB | send p50 ms | send p99 ms | send max ms | arrived at the sink |"
    );
    println!("|---|---|--:|--:|--:|--:|--:|--:|---|");
    for (row, numbers) in rows {
        println!(
            "| {} | {} | {} | {:.2} | {:.0} | {:.2} | {:.2} | {:.1} | {} |",
            row.scenario,
            row.system,
            thousands(numbers.items_per_s()),
            numbers.cpu_s_per_million(),
            numbers.peak_rss_mib,
            numbers.sent.p50_ms,
            numbers.sent.p99_ms,
            numbers.sent.max_ms,
            arrived(numbers),
        );
    }
}

/// Every load row that has numbers.
pub fn loads(rows: &[Row]) -> impl Iterator<Item = (&Row, &LoadNumbers)> {
    rows.iter().filter_map(|row| match &row.outcome {
        Ok(Numbers::Load(numbers)) => Some((row, &**numbers)),
        _ => None,
    })
}

fn arrived(numbers: &LoadNumbers) -> String {
    let share = numbers.arrived_percent();
    let seen = &numbers.arrived;
    let mut text = format!(
        "{share:.4} %, {}, {} requests, {:.0} MB",
        seen.codings(),
        thousands(seen.requests as f64),
        seen.wire_bytes as f64 / 1e6
    )
    .replace(".0000 %", " %");
    for (count, what) in [
        (seen.refused, "refused here"),
        (seen.unreadable, "unreadable"),
        (numbers.sent.refused_requests, "sends refused"),
        (numbers.sent.failed_requests, "sends failed"),
    ] {
        if count > 0 {
            text += &format!(", {} {what}", thousands(count as f64));
        }
    }
    text
}

fn scrape_table(rows: &[Row]) {
    let mut rows = loads(rows)
        .filter_map(|(row, numbers)| Some((row, numbers.scrapes.as_ref()?)))
        .peekable();
    if rows.peek().is_none() {
        return;
    }
    let held = thousands(HELD_UNDER_LOAD as f64);
    println!("\n### Scrapes every second, gzipped, {held} series held\n");
    println!("| scenario | system | scrapes | median ms | worst ms | MB |");
    println!("|---|---|--:|--:|--:|--:|");
    for (row, scrapes) in rows {
        println!(
            "| {} | {} | {} | {:.0} | {:.0} | {:.2} |",
            row.scenario,
            row.system,
            scrapes.count,
            scrapes.median_ms,
            scrapes.worst_ms,
            scrapes.bytes as f64 / 1e6,
        );
    }
}

fn hold_table(rows: &[Row]) {
    for row in rows {
        let Ok(Numbers::Hold(held)) = &row.outcome else {
            continue;
        };
        println!(
            "\n### {} series that get no points\n",
            thousands(held.series as f64)
        );
        println!("| system | RSS MiB | bytes a series |");
        println!("|---|--:|--:|");
        for (when, rss_mib) in [
            ("without them", held.empty_mib),
            ("with them", held.held_mib),
            ("with them, after a scrape", held.scraped_mib),
        ] {
            let bytes = held.bytes_per_series(rss_mib);
            println!("| {}, {when} | {rss_mib:.1} | {bytes:.0} |", row.system);
        }
    }
}

fn disk_table(rows: &[Row]) {
    let mut rows = loads(rows)
        .filter_map(|(row, numbers)| Some((row, numbers, numbers.disk?)))
        .peekable();
    if rows.peek().is_none() {
        return;
    }
    println!("\n### The journal beside a bare append\n");
    println!("{DISK_METHOD}\n");
    println!("| scenario | group KiB | flushes/s | journal MB/s | bare append MB/s | share |");
    println!("|---|--:|--:|--:|--:|--:|");
    for (row, numbers, disk) in rows {
        let flushes = numbers
            .device_flushes
            .map(|flushes| thousands(flushes as f64 / numbers.elapsed_s));
        println!(
            "| {} | {:.0} | {} | {:.0} | {:.0} | {:.0} % |",
            row.scenario,
            disk.group_bytes as f64 / 1024.0,
            flushes.as_deref().unwrap_or("unknown"),
            numbers.accepted_mb_per_s(),
            disk.mb_per_s,
            numbers.accepted_mb_per_s() * 100.0 / disk.mb_per_s,
        );
    }
}

fn idle_table(rows: &[Row]) {
    let lines: Vec<String> = System::ALL
        .iter()
        .filter_map(|system| idle_line(rows, *system))
        .collect();
    if lines.is_empty() {
        return;
    }
    println!("\n### Idle, and starting\n");
    println!(
        "Ready: for Lineside `GET /health/ready` answers 200, for the others the receiving port accepts.\n"
    );
    println!("| system | idle RSS MiB | idle CPU % | ready after ms (median) | worst ms |");
    println!("|---|--:|--:|--:|--:|");
    lines.iter().for_each(|line| println!("{line}"));
}

fn idle_line(rows: &[Row], system: System) -> Option<String> {
    let mut cells = [const { None }; 4];
    for row in rows.iter().filter(|row| row.system == system) {
        match &row.outcome {
            Ok(Numbers::Idle {
                cpu_percent,
                rss_mib,
            }) => {
                cells[0] = Some(format!("{rss_mib:.1}"));
                cells[1] = Some(format!("{cpu_percent:.3}"));
            }
            Ok(Numbers::Start {
                median_ms,
                worst_ms,
            }) => {
                cells[2] = Some(format!("{median_ms:.0}"));
                cells[3] = Some(format!("{worst_ms:.0}"));
            }
            _ => {}
        }
    }
    cells.iter().any(Option::is_some).then(|| {
        let cells = cells.map(|cell| cell.unwrap_or_else(|| "—".into()));
        format!("| {system} | {} |", cells.join(" | "))
    })
}

fn failures(rows: &[Row]) {
    for row in rows {
        if let Err(error) = &row.outcome {
            println!("\n✗ {}, {}: {error}", row.scenario, row.system);
        }
    }
}

/// A whole number with its thousands set apart.
pub fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let first = digits.len() % 3;
    let groups = digits.as_bytes().get(first..).unwrap_or_default().chunks(3);
    let groups = groups.map(|group| String::from_utf8_lossy(group).into_owned());
    let head = (first > 0).then(|| digits[..first].to_owned());
    head.into_iter().chain(groups).collect::<Vec<_>>().join(",")
}
