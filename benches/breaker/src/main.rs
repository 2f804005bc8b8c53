//! What a call through a closed circuit breaker costs: Lineside beside failsafe, recloser and tower-resilience.
//!
//! `cargo run --release --manifest-path benches/breaker/Cargo.toml --target-dir target/breaker-bench`. Each round runs every
//! breaker in turn, so that a busy moment of the machine falls on all of them; medians are over rounds. The call itself does
//! nothing. Every row counts all that its breaker counts; its note says which clock reads are in it.

mod contenders;
mod run;

use contenders::{CONTENDERS, Contender, Group};
use run::{median, one_thread_ns, two_threads_ns};

const ROUNDS: usize = 11;

/// Medians of a contender in ns for each call.
struct Row {
    contender: &'static Contender,
    one_thread: f64,
    two_threads: f64,
}

fn main() {
    let mut measured: Vec<(Vec<f64>, Vec<f64>)> = vec![Default::default(); CONTENDERS.len()];
    for round in 0..ROUNDS {
        for place in 0..CONTENDERS.len() {
            // Each round begins with another.
            let which = (place + round) % CONTENDERS.len();
            let prepared = (CONTENDERS[which].prepare)();
            measured[which].0.push(one_thread_ns(&*prepared));
            measured[which].1.push(two_threads_ns(&*prepared));
        }
    }
    let rows: Vec<Row> = CONTENDERS
        .iter()
        .zip(measured)
        .map(|(contender, (one, two))| Row {
            contender,
            one_thread: median(one),
            two_threads: median(two),
        })
        .collect();
    println!("ns for each closed call that succeeds, median of {ROUNDS} rounds\n");
    for group in [Group::Consecutive, Group::Rates, Group::Floor] {
        print(group, &rows);
    }
}

fn print(group: Group, rows: &[Row]) {
    let rows: Vec<&Row> = rows
        .iter()
        .filter(|row| row.contender.group == group)
        .collect();
    let first = rows[0];
    println!(
        "| {} | 1 thread | × | 2 threads | × | with |",
        group.title()
    );
    println!("|---|--:|--:|--:|--:|---|");
    for row in &rows {
        println!(
            "| {} | {:.1} | {:.2} | {:.1} | {:.2} | {} |",
            row.contender.name,
            row.one_thread,
            row.one_thread / first.one_thread,
            row.two_threads,
            row.two_threads / first.two_threads,
            row.contender.with,
        );
    }
    println!();
}
