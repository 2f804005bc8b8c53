//! The agent whole: the only room that knows all others. Binds every socket, then starts them.

mod assemble;
mod breakers;
mod checks;
mod face;
mod gateway;
mod meters;
mod shown;
mod stop;
mod told;
mod translate;

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::config::{Loaded, Settings};
use crate::export::{ClientError, ExportHandle};
use crate::gateway::{self as guarded, RouteErrors};
use crate::intake::Intake;
use crate::journal::{Journal, JournalError};
use crate::listen::{BindError, TlsError};
use crate::probe::{Prepared, ProbeErrors, Probes};
use crate::series::{SeriesError, SeriesHandle};
use crate::serve::Ask;
use crate::shutdown::{StopSignals, Stopping};
use crate::store::StoreError;
use crate::telemetry::{StartError, Telemetry};

pub use stop::Ended;

/// Why the agent could not start.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// Signals could not be caught.
    #[error("cannot catch SIGTERM and SIGINT: {0}")]
    Signals(#[from] std::io::Error),
    /// Own telemetry could not be started.
    #[error(transparent)]
    Telemetry(#[from] StartError),
    /// The journal could not be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The series could not be started.
    #[error(transparent)]
    Series(#[from] SeriesError),
    /// A socket could not be bound.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// A listener's TLS material could not be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// An export's destination could not be used.
    #[error("export.{name}: {error}")]
    Export {
        /// The export's name.
        name: String,
        /// What is wrong with it.
        error: ClientError,
    },
    /// Probes cannot run as configured.
    #[error(transparent)]
    Probes(#[from] ProbeErrors),
    /// Routes cannot be opened as configured.
    #[error(transparent)]
    Routes(#[from] RouteErrors),
    /// The cache could not be started.
    #[error("cache: {0}")]
    Cache(String),
    /// The store could not be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The gateway's threads could not be started.
    #[error(
        "cannot start the threads of the gateway: {0}; raise the limits on tasks and open files"
    )]
    Threads(std::io::Error),
}

/// A running agent.
struct Agent {
    settings: Settings,
    telemetry: Telemetry,
    journal: Journal,
    intake: Intake,
    series: Option<SeriesHandle>,
    exports: Vec<ExportHandle>,
    probes: Probes,
    breakers: breakers::Watch,
    receivers: Vec<JoinHandle<()>>,
    /// The gateway and the task that serves it, where there is a route.
    gateway: Option<gateway::Served>,
    api: JoinHandle<()>,
    /// Why the agent is not ready, as `/health/ready` says it.
    not_ready: Ask<Vec<String>>,
    stopping: Stopping,
    closing: Closing,
}

/// The order of the end, one token a step.
#[derive(Clone, Debug, Default)]
struct Closing {
    receivers: CancellationToken,
    gateway: CancellationToken,
    exports: CancellationToken,
    api: CancellationToken,
}

/// What of a configuration the parts that it is for cannot use, which the configuration itself cannot know.
///
/// # Errors
/// Every probe that cannot run as configured, every route that cannot be opened, or what the store cannot be opened with.
pub fn check(settings: &Settings) -> Result<(), Vec<AgentError>> {
    let probes = Prepared::of(&settings.probe).map(drop);
    let routes = guarded::Prepared::of(&settings.route).map(drop);
    let checked = [
        probes.map_err(AgentError::from),
        routes.map_err(AgentError::from),
        gateway::store_options(settings).map(drop),
    ];
    let errors: Vec<AgentError> = checked.into_iter().filter_map(Result::err).collect();
    match errors.is_empty() {
        true => Ok(()),
        false => Err(errors),
    }
}

/// Runs the agent until a signal ends it.
///
/// # Errors
/// When something that the configuration asks for can't be had: nothing is half started.
pub async fn run(loaded: Loaded) -> Result<Ended, AgentError> {
    let began = Instant::now();
    let mut signals = StopSignals::catch()?;
    let telemetry = Telemetry::start(&translate::telemetry(&loaded.settings))?;
    say_configuration(&loaded);
    let agent = assemble::start(loaded.settings, telemetry).await?;
    info!(took = ?round(began.elapsed()), "ready");
    let manager = told::the_start(&agent);
    let signal = signals.next().await;
    info!(
        signal,
        "stopping: new requests are refused, those in flight may end"
    );
    if let Some(manager) = &manager {
        told::the_end(manager);
    }
    let ended = agent.stop(&mut signals).await;
    match ended {
        Ended::InOrder => info!("stopped"),
        Ended::ByForce => {
            error!("stopped by force: what the journal keeps on disk is sent at the next start")
        }
    }
    Ok(ended)
}

fn say_configuration(loaded: &Loaded) {
    match &loaded.file {
        Some(file) => info!(file = %file.display(), "configuration read"),
        None => info!("no configuration file: defaults and environment"),
    }
    for warning in &loaded.warnings {
        warn!("{warning}");
    }
}

fn round(time: Duration) -> Duration {
    Duration::from_millis(time.as_millis().try_into().unwrap_or(u64::MAX))
}
