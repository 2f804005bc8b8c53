//! Running a contender and taking the time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Calls between two looks at the clock: so few that most batches are not interrupted, however busy the machine is.
const BATCH: u32 = 2_000;
/// As many batches as take about this, within these bounds.
const ROUND_NS: f64 = 50e6;
const BATCHES: (f64, f64) = (5.0, 101.0);

/// Makes so many calls.
pub type Calls = dyn Fn(u32) + Sync;

pub fn one_thread_ns(calls: &Calls) -> f64 {
    let first = batch_ns(calls);
    median((0..batches(first)).map(|_| batch_ns(calls)).collect())
}

/// As each of two threads sees it that begin every batch at the same moment.
pub fn two_threads_ns(calls: &Calls) -> f64 {
    let first = together_ns(calls, 1);
    together_ns(calls, batches(first))
}

fn batches(one_ns: f64) -> usize {
    let (least, most) = BATCHES;
    (ROUND_NS / (one_ns * f64::from(BATCH))).clamp(least, most) as usize
}

fn together_ns(calls: &Calls, batches: usize) -> f64 {
    let arrived = AtomicUsize::new(0);
    let thread = || {
        let together = |batch: usize| {
            arrived.fetch_add(1, Ordering::SeqCst);
            // Not by sleeping: who is woken begins later than who was last.
            while arrived.load(Ordering::SeqCst) < 2 * (batch + 1) {
                std::hint::spin_loop();
            }
            batch_ns(calls)
        };
        median((0..batches).map(together).collect())
    };
    std::thread::scope(|scope| {
        let threads = [scope.spawn(thread), scope.spawn(thread)];
        let each = threads.map(|thread| thread.join().unwrap_or(f64::NAN));
        (each[0] + each[1]) / 2.0
    })
}

fn batch_ns(calls: &Calls) -> f64 {
    let begun = Instant::now();
    calls(BATCH);
    begun.elapsed().as_nanos() as f64 / f64::from(BATCH)
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
