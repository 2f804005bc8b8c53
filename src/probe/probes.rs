//! All probes: prepared, started, and ended together.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::board::Board;
use super::kind::{self, AskExport, Check};
use super::lanes::Lanes;
use super::maintenance::Windows;
use super::meters;
use super::runner::Runner;
use super::spec::Spec;
use crate::config::{ProbeKind, ProbeSettings, ProbesSettings};
use crate::telemetry::{Instruments, Tracer};

/// Why a probe cannot be run at all.
#[derive(Debug, thiserror::Error)]
#[error("probe.{name}: {problem}")]
pub struct ProbeError {
    /// The probe's name.
    pub name: String,
    /// What of its settings cannot be used.
    pub problem: String,
}

/// Every probe that cannot be run at all.
#[derive(Debug)]
pub struct ProbeErrors(pub Vec<ProbeError>);

impl fmt::Display for ProbeErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        let probes = if count == 1 { "probe" } else { "probes" };
        write!(f, "{count} {probes} cannot run as configured")?;
        self.0.iter().try_for_each(|error| write!(f, "\n✗ {error}"))
    }
}

impl std::error::Error for ProbeErrors {}

/// Probes that are ready to run.
#[derive(Default)]
pub struct Prepared {
    specs: Vec<Spec>,
    checks: Vec<Arc<dyn Check>>,
}

impl Prepared {
    /// The probes as configured, in the order of their names. Nothing is called yet.
    ///
    /// # Errors
    ///
    /// Names every probe of which an option of its URL, TLS files or anything else that its kind alone knows cannot be
    /// used.
    pub fn of(settings: &BTreeMap<String, ProbeSettings>) -> Result<Prepared, ProbeErrors> {
        let mut prepared = Prepared::default();
        let mut errors = Vec::new();
        for (name, settings) in settings.iter().filter(|(_, probe)| probe.enabled) {
            match kind::build(settings) {
                Ok(check) => prepared.add(Spec::of(name, settings), check.into()),
                Err(problem) => errors.push(ProbeError {
                    name: name.clone(),
                    problem,
                }),
            }
        }
        match errors.is_empty() {
            true => Ok(prepared),
            false => Err(ProbeErrors(errors)),
        }
    }

    /// Adds the probe of the agent's own export `name`, which sends to `destination` and is stuck when something has waited
    /// there for longer than `stuck_after`.
    pub fn watch_export(
        &mut self,
        name: &str,
        destination: String,
        stuck_after: Duration,
        settings: &ProbesSettings,
        ask: AskExport,
    ) {
        let own = format!("export-{name}");
        let spec = Spec::own(&own, ProbeKind::Export, destination, settings.own_every);
        self.add(spec, kind::own_export(name, stuck_after, ask));
    }

    /// Adds the probe of the disk under `data_dir`.
    pub fn watch_disk(&mut self, data_dir: &Path, settings: &ProbesSettings) {
        let target = data_dir.display().to_string();
        let spec = Spec::own("disk", ProbeKind::Disk, target, settings.own_every);
        self.add(spec, kind::own_disk(data_dir, settings));
    }

    /// Adds one, in its place by name.
    pub(super) fn add(&mut self, spec: Spec, check: Arc<dyn Check>) {
        let place = self.specs.partition_point(|other| other.name < spec.name);
        self.specs.insert(place, spec);
        self.checks.insert(place, check);
    }
}

/// Probes that run.
pub struct Probes {
    board: Arc<Board>,
    closing: CancellationToken,
    running: JoinSet<()>,
}

impl Probes {
    /// Starts them all.
    pub fn start(
        prepared: Prepared,
        settings: &ProbesSettings,
        windows: Windows,
        instruments: &Instruments,
        tracer: &Tracer,
    ) -> Probes {
        let Prepared { specs, checks } = prepared;
        let (board, requests) = Board::new(specs.clone(), windows, SystemTime::now());
        let board = Arc::new(board);
        meters::observe(instruments, &board, &checks);
        let lanes = Lanes::new(settings.max_concurrent as usize);
        let (closing, mut running) = (CancellationToken::new(), JoinSet::new());
        let probes = specs.into_iter().zip(checks).zip(requests).enumerate();
        for (index, ((spec, check), requests)) in probes {
            let runner = Runner {
                index,
                instruments: instruments.probe(&spec.name, spec.kind.name()),
                spec,
                check,
                board: Arc::clone(&board),
                lanes: lanes.clone(),
                requests,
                jitter: settings.jitter,
                tracer: tracer.clone(),
            };
            running.spawn(runner.run_until(closing.clone()));
        }
        Probes {
            board,
            closing,
            running,
        }
    }

    /// Where they stand.
    pub fn board(&self) -> Arc<Board> {
        Arc::clone(&self.board)
    }

    /// Asks them to end: no run begins any more.
    pub fn stop(&self) {
        self.closing.cancel();
    }

    /// Ends them: runs that are under way are cut off, their connections closed.
    pub async fn close(&mut self) {
        self.stop();
        while self.running.join_next().await.is_some() {}
    }
}
