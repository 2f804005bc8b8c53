//! Runs one probe: when it is due or asked for, never twice at the same time.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use super::board::{Board, Request, Status};
use super::failure::{Failure, Reason};
use super::kind::Check;
use super::lanes::Lanes;
use super::run::Run;
use super::schedule::Schedule;
use super::spec::Spec;
use super::standing::{Change, Report, State};
use crate::telemetry::{ProbeInstruments, ProbeSpan, Tracer};

/// A check that was cut off gets this long to let go of what it holds.
const LETTING_GO: Duration = Duration::from_millis(100);

/// One probe, about to be run.
pub(super) struct Runner {
    pub(super) index: usize,
    pub(super) spec: Spec,
    pub(super) check: Arc<dyn Check>,
    pub(super) board: Arc<Board>,
    pub(super) lanes: Lanes,
    pub(super) requests: mpsc::Receiver<Request>,
    pub(super) jitter: f64,
    pub(super) instruments: ProbeInstruments,
    pub(super) tracer: Tracer,
}

impl Runner {
    /// Runs the probe until `closing`.
    pub(super) async fn run_until(mut self, closing: CancellationToken) {
        let ended = closing.cancelled();
        tokio::select! {
            () = ended => {}
            () = self.run_for_ever() => {}
        }
    }

    async fn run_for_ever(&mut self) {
        let mut schedule = Schedule::new(&self.spec, self.jitter, Instant::now(), fastrand::f64());
        let mut slow = false;
        loop {
            self.announce(&schedule);
            let (mut waiting, due) = self.next(&schedule).await;
            let Some(place) = self.lanes.enter(slow).await else {
                return;
            };
            let late = due.then(|| schedule.due().elapsed());
            waiting.extend(self.asked_meanwhile());
            let report = self.run().await;
            self.count(&report, late);
            drop(place);
            slow = timed_out(&report);
            self.take_in(report);
            schedule.ran(
                Instant::now(),
                self.board.undecided(self.index),
                fastrand::f64(),
            );
            for done in waiting {
                // Who asked may be gone.
                let _ = done.send(());
            }
        }
    }

    /// Waits until the next run: those who asked for it, and whether it is due.
    async fn next(&mut self, schedule: &Schedule) -> (Vec<oneshot::Sender<()>>, bool) {
        tokio::select! {
            () = sleep_until(schedule.due()) => (Vec::new(), true),
            Some(asked) = self.requests.recv() => (asked.into_iter().collect(), false),
        }
    }

    /// Those who asked before the run begins share it.
    fn asked_meanwhile(&mut self) -> Vec<oneshot::Sender<()>> {
        let requests = std::iter::from_fn(|| self.requests.try_recv().ok());
        requests.flatten().collect()
    }

    fn announce(&self, schedule: &Schedule) {
        let in_time = schedule.due().saturating_duration_since(Instant::now());
        self.board.next_run(self.index, SystemTime::now() + in_time);
    }

    /// One run, held to its timeout.
    async fn run(&self) -> Report {
        let (at, began) = (SystemTime::now(), Instant::now());
        let span = self.check.is_call().then(|| {
            let (name, kind) = (&*self.spec.name, self.spec.kind.name());
            ProbeSpan::start(&self.tracer, name, kind, at, self.check.attributes())
        });
        let trace = span.as_ref().map(ProbeSpan::headers).unwrap_or_default();
        let run = Arc::new(Run::begin(self.spec.timeout, trace));
        let failure = self.checked(&run).await.err();
        let took = began.elapsed();
        let last_phase = run.last_phase();
        let failure = failure.map(|failure| Failure {
            phase: failure.phase.or(last_phase),
            ..failure
        });
        let report = Report {
            at,
            took,
            failure,
            found: run.take(),
        };
        if let Some(span) = span {
            end(span, &report);
        }
        report
    }

    /// The check in a task of its own, so that a panic in it is a failed run.
    async fn checked(&self, run: &Arc<Run>) -> Result<(), Failure> {
        let (check, own) = (Arc::clone(&self.check), Arc::clone(run));
        let checking = tokio::spawn(async move { check.check(&own).await });
        let mut checking = AbortOnDropHandle::new(checking);
        match timeout(self.spec.timeout, &mut checking).await {
            Ok(Ok(checked)) => checked,
            // Its message stays in the log: who panics does not know what may be shown.
            Ok(Err(_)) => Err(Failure::new(Reason::Internal, "the check panicked")),
            Err(_) => {
                let failure = Failure::timed_out(self.spec.timeout, run.last_phase());
                checking.abort();
                // Its connections are closed before another check takes its place.
                let _ = timeout(LETTING_GO, checking).await;
                Err(failure)
            }
        }
    }

    fn count(&self, report: &Report, late: Option<Duration>) {
        let failure = report.failure.as_ref();
        let reason = failure.map(|failure| failure.reason.name());
        self.instruments.ended(report.took, late, reason);
    }
    fn take_in(&self, report: Report) {
        let now = SystemTime::now();
        let Some(change) = self.board.record(self.index, report, now) else {
            return;
        };
        let status = self.board.at(self.index, now);
        match status.excused {
            Some(_) => {}
            None => say(change, &status),
        }
    }
}

/// Ends the span of a run, with its phases.
fn end(span: ProbeSpan, report: &Report) {
    for lap in &report.found.laps {
        let ended = lap.ended.unwrap_or(report.took);
        span.phase(lap.phase.name(), lap.began, ended);
    }
    let failure = report.failure.as_ref();
    let failure = failure.map(|failure| (failure.reason.name(), failure.message.clone()));
    span.end(report.took, report.found.attributes.clone(), failure);
}

fn timed_out(report: &Report) -> bool {
    let failure = report.failure.as_ref();
    failure.is_some_and(|failure| failure.reason == Reason::Timeout)
}

/// One line for each change.
fn say(change: Change, status: &Status) {
    let (probe, target) = (&*status.spec.name, &status.spec.target);
    let (message, advice) = (&status.message, status.advice.as_deref().unwrap_or(""));
    match change {
        Change::BeginsToFail => warn!(probe, %target, "begins to fail: {message}"),
        Change::Into(State::Down, _) => warn!(probe, %target, "is down: {message}. {advice}"),
        Change::Into(State::Up, after) => {
            let after = humantime::format_duration(Duration::from_secs(after.as_secs()));
            info!(probe, %target, "is up after {after}: {message}");
        }
        Change::BeginsToWarn => warn!(probe, %target, "{message}"),
        Change::WarnsNoMore => info!(probe, %target, "is as it should be again: {message}"),
        Change::Into(State::Starting, _) => {}
    }
}
