//! The table.

use crate::Round;
use crate::cli::Options;
use crate::process::cores;
use crate::system::System;

/// Prints every system's medians, and what follows from them.
pub fn print(options: &Options, rounds: &[Round]) {
    let (cores, requests) = (cores(), options.requests);
    println!(
        "{requests} requests over {} connections that are kept at both sides, and {} over one, in each of {} rounds; medians. {cores} cores, which the load, \
         the upstream and the proxy share; nginx has {cores} workers, the gateway {cores} threads.\n",
        options.connections,
        requests / 20,
        options.rounds,
    );
    println!(
        "| | requests/s | CPU µs a request | ÷ nginx, no log | p50 µs | p99 µs | alone p50 µs | alone p99 µs | RSS MiB | spans a request |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    let nginx = median(rounds, System::Nginx, |round| round.cpu_us);
    for system in System::ALL {
        let of = |what: fn(&Round) -> f64| median(rounds, system, what);
        let cpu = of(|round| round.cpu_us);
        let [cpu_text, ratio] = match system {
            System::Direct => ["–".to_owned(), "–".to_owned()],
            _ => [format!("{cpu:.1}"), format!("{:.2} ×", cpu / nginx)],
        };
        println!(
            "| {} | {:.0} | {cpu_text} | {ratio} | {:.0} | {:.0} | {:.0} | {:.0} | {:.1} | {:.2} |",
            system.name(),
            of(|round| round.loaded.per_s),
            of(|round| round.loaded.p50_us),
            of(|round| round.loaded.p99_us),
            of(|round| round.alone.p50_us),
            of(|round| round.alone.p99_us),
            of(|round| round.rss_mib),
            of(|round| round.spans),
        );
    }
    print_added(rounds);
}

/// What a proxy adds to the latency of a request that nothing else waits with.
fn print_added(rounds: &[Round]) {
    println!("\nAdded to a request alone, at the 99th percentile:");
    let direct = median(rounds, System::Direct, |round| round.alone.p99_us);
    for system in System::ALL
        .into_iter()
        .filter(|system| *system != System::Direct)
    {
        let through = median(rounds, system, |round| round.alone.p99_us);
        println!("- {}: {:.0} µs", system.name(), through - direct);
    }
    let each = |system| {
        let of_system = rounds.iter().filter(move |round| round.system == system);
        of_system
            .map(|round| format!("{:.1}", round.cpu_us))
            .collect::<Vec<_>>()
            .join(", ")
    };
    println!("\nCPU µs a request, round by round:");
    for system in System::ALL
        .into_iter()
        .filter(|system| *system != System::Direct)
    {
        println!("- {}: {}", system.name(), each(system));
    }
}

fn median(rounds: &[Round], system: System, what: fn(&Round) -> f64) -> f64 {
    let of_system = rounds.iter().filter(|round| round.system == system);
    let mut values: Vec<f64> = of_system.map(what).collect();
    values.sort_by(f64::total_cmp);
    match (values.len(), values.len() / 2) {
        (0, _) => 0.0,
        (count, middle) if count % 2 == 0 => (values[middle - 1] + values[middle]) / 2.0,
        (_, middle) => values[middle],
    }
}
