//! Parts of a run, two of which go on at the same time, and none of which takes the time of the others.

use std::time::Duration;

use tokio::time::timeout;

use crate::probe::failure::Failure;
use crate::probe::run::Run;

/// Does `work` for each of `things`, two at a time and in their order. It is told how many turns there are left with its
/// own.
pub(super) async fn two_at_once<'a, T, F: Future>(
    things: &'a [T],
    work: impl Fn(&'a T, u32) -> F,
) -> Vec<F::Output> {
    let mut done = Vec::with_capacity(things.len());
    let mut turns = u32::try_from(things.len().div_ceil(2)).unwrap_or(u32::MAX);
    for pair in things.chunks(2) {
        match pair {
            [one, other] => done.extend(<[_; 2]>::from(tokio::join!(
                work(one, turns),
                work(other, turns)
            ))),
            rest => {
                for one in rest {
                    done.push(work(one, turns).await);
                }
            }
        }
        turns = turns.saturating_sub(1);
    }
    done
}

/// The time that one of `turns` may take, when all of them end with the share `until` of the run.
pub(super) fn share(run: &Run, until: f64, turns: u32) -> Duration {
    let left = run.timeout().mul_f64(until).saturating_sub(run.elapsed());
    let share = left / turns.max(1);
    // In whole milliseconds, as it may be shown.
    Duration::from_millis(u64::try_from(share.as_millis()).unwrap_or(u64::MAX).max(1))
}

/// Holds `asking`, which tells `part` what it does, to the time that the part has. The run takes in its phases.
pub(super) async fn held<T>(
    run: &Run,
    part: &Run,
    asking: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let asked = timeout(part.timeout(), asking).await;
    let phase = part.last_phase();
    run.take_in(part);
    let asked = asked.unwrap_or_else(|_| Err(Failure::timed_out(part.timeout(), phase)));
    asked.map_err(|failure| Failure {
        phase: failure.phase.or(phase),
        ..failure
    })
}
