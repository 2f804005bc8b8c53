//! Where all probes stand: runners write, everybody else reads.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, oneshot};

use super::advice;
use super::maintenance::Windows;
use super::spec::Spec;
use super::standing::{Change, Report, Standing, State};

/// How many callers may wait for a run of one probe.
const MAX_WAITING: usize = 64;

/// Somebody waits for a run. Nobody may be at the other end.
pub(super) type Request = Option<oneshot::Sender<()>>;

/// Where all probes stand.
#[derive(Debug)]
pub struct Board {
    entries: Vec<Entry>,
    windows: Windows,
}

#[derive(Debug)]
struct Entry {
    spec: Arc<Spec>,
    now: Mutex<Now>,
    ask: mpsc::Sender<Request>,
}

#[derive(Debug)]
struct Now {
    standing: Standing,
    next_run: Option<SystemTime>,
}

/// How a probe looks from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Nothing is known yet.
    Starting,
    /// It works.
    Good,
    /// It works, but somebody should look.
    Doubtful,
    /// It does not work.
    Bad,
}

/// One probe at one moment.
#[derive(Clone, Debug)]
pub struct Status {
    /// What is known of it before it runs.
    pub spec: Arc<Spec>,
    /// How it looks.
    pub look: Look,
    /// Why that does not count now: a maintenance window, or a parent that is down.
    pub excused: Option<String>,
    /// One plain sentence, or several.
    pub message: String,
    /// What to do next.
    pub advice: Option<String>,
    /// Since when its state is as it is.
    pub since: SystemTime,
    /// The state.
    pub state: State,
    /// The last run.
    pub last: Option<Arc<Report>>,
    /// When the next run is due.
    pub next_run: Option<SystemTime>,
}

impl Board {
    /// A board on which nothing is known, and for each probe the requests that its runner answers.
    pub(super) fn new(
        specs: Vec<Spec>,
        windows: Windows,
        now: SystemTime,
    ) -> (Board, Vec<mpsc::Receiver<Request>>) {
        let (mut entries, mut requests) = (Vec::new(), Vec::new());
        for spec in specs {
            let (ask, asked) = mpsc::channel(MAX_WAITING);
            let now = Now {
                standing: Standing::new(now),
                next_run: None,
            };
            entries.push(Entry {
                spec: Arc::new(spec),
                now: Mutex::new(now),
                ask,
            });
            requests.push(asked);
        }
        (Board { entries, windows }, requests)
    }

    /// Every probe as it stands at `now`, in the order of their names.
    pub fn all(&self, now: SystemTime) -> Vec<Status> {
        self.entries
            .iter()
            .map(|entry| self.status(entry, now))
            .collect()
    }

    /// The probe `name` as it stands at `now`.
    pub fn one(&self, name: &str, now: SystemTime) -> Option<Status> {
        Some(self.status(self.entry(name)?, now))
    }

    /// Runs the probe `name` and waits until that run has ended; `false` where there is none of this name, or it runs no
    /// more. A run that is under way when this is called does not count.
    pub async fn run(&self, name: &str) -> bool {
        let Some(entry) = self.entry(name) else {
            return false;
        };
        let (done, ended) = oneshot::channel();
        entry.ask.send(Some(done)).await.is_ok() && ended.await.is_ok()
    }

    /// Looks at each standing without a copy, for meters.
    pub(super) fn each<T>(&self, mut look: impl FnMut(&Spec, &Standing) -> T) -> Vec<T> {
        self.entries
            .iter()
            .map(|entry| look(&entry.spec, &entry.lock().standing))
            .collect()
    }

    /// Whether the state of the probe at `index` is being decided.
    pub(super) fn undecided(&self, index: usize) -> bool {
        let entry = &self.entries[index];
        entry.lock().standing.undecided(entry.spec.thresholds) > 0
    }

    /// Takes in a run of the probe at `index`. The probe's parent is asked to look for itself when that run failed.
    pub(super) fn record(&self, index: usize, report: Report, now: SystemTime) -> Option<Change> {
        let entry = &self.entries[index];
        let (failed, began) = (report.failure.is_some(), report.at);
        let change = entry
            .lock()
            .standing
            .record(report, entry.spec.thresholds, now);
        if failed {
            self.nudge_parent(&entry.spec, began);
        }
        change
    }

    /// Says when the probe at `index` runs next.
    pub(super) fn next_run(&self, index: usize, at: SystemTime) {
        self.entries[index].lock().next_run = Some(at);
    }

    /// The probe at `index` at `now`.
    pub(super) fn at(&self, index: usize, now: SystemTime) -> Status {
        self.status(&self.entries[index], now)
    }

    /// A parent that was not looked at since `began` may be the reason: it is looked at.
    fn nudge_parent(&self, spec: &Spec, began: SystemTime) {
        let parent = spec.parent.as_deref().and_then(|name| self.entry(name));
        let Some(parent) = parent else { return };
        let last = parent.lock().standing.last().map(|last| last.at);
        if last.is_none_or(|at| at < began) {
            // When as many wait already, it will be looked at anyway.
            let _ = parent.ask.try_send(None);
        }
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| &*entry.spec.name == name)
    }

    fn status(&self, entry: &Entry, now: SystemTime) -> Status {
        let (standing, next_run) = {
            let now = entry.lock();
            (now.standing.clone(), now.next_run)
        };
        let look = look(&standing, &entry.spec);
        Status {
            look,
            excused: self.excuse(&entry.spec, now),
            message: message(&standing, &entry.spec),
            advice: standing
                .last()
                .and_then(|last| last.failure.as_ref())
                .map(|failure| advice::on(&entry.spec, failure)),
            since: standing.since(),
            state: standing.state(),
            last: standing.last().cloned(),
            next_run,
            spec: Arc::clone(&entry.spec),
        }
    }

    fn excuse(&self, spec: &Spec, now: SystemTime) -> Option<String> {
        if let Some((window, end)) = self.windows.open(&spec.name, now) {
            let end = humantime::format_rfc3339_seconds(end);
            return Some(format!("in maintenance ({window}) until {end}"));
        }
        let parent = self.entry(spec.parent.as_deref()?)?;
        let standing = &parent.lock().standing;
        let is_down = standing.state() == State::Down || standing.is_failing();
        is_down.then(|| {
            format!(
                "{} does not work either, and this needs it",
                parent.spec.name
            )
        })
    }
}

impl Entry {
    fn lock(&self) -> MutexGuard<'_, Now> {
        // What was recorded before a panic is still true.
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn look(standing: &Standing, spec: &Spec) -> Look {
    let last = standing.last();
    let doubtful = last.is_some_and(|last| {
        last.failure.is_some() || !last.found.warnings.is_empty() || is_slow(last, spec)
    });
    match standing.state() {
        State::Starting => Look::Starting,
        State::Down => Look::Bad,
        State::Up if doubtful => Look::Doubtful,
        State::Up => Look::Good,
    }
}

fn is_slow(report: &Report, spec: &Spec) -> bool {
    report.failure.is_none() && spec.slow_after.is_some_and(|limit| report.took > limit)
}

fn message(standing: &Standing, spec: &Spec) -> String {
    let Some(last) = standing.last() else {
        return "not looked at yet".to_owned();
    };
    let left = standing.undecided(spec.thresholds);
    match (&last.failure, standing.state()) {
        (Some(failure), State::Down) => failure.to_string(),
        (Some(failure), _) => format!("{failure}; counts as down after {left} more"),
        (None, State::Down) => format!(
            "answers again after {}; counts as up after {left} more",
            millis(last.took)
        ),
        (None, _) => works(last, spec),
    }
}

fn works(last: &Report, spec: &Spec) -> String {
    let mut sentences = last.found.warnings.clone();
    if is_slow(last, spec) {
        let limit = humantime::format_duration(spec.slow_after.unwrap_or_default());
        sentences.push(format!("took {}, more than {limit}", millis(last.took)));
    }
    match sentences.is_empty() {
        true => format!("answered in {}", millis(last.took)),
        false => sentences.join("; "),
    }
}

fn millis(took: Duration) -> String {
    format!("{:.1} ms", took.as_secs_f64() * 1e3)
}
