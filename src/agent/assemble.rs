//! Puts the rooms together, from the sockets inwards and back out.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper_util::service::TowerToHyperService;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Agent, AgentError, Closing, breakers, checks, face, gateway, meters, translate};
use crate::config::{self, ListenerSettings, Settings};
use crate::export::{self, Client, ExportHandle};
use crate::intake::Intake;
use crate::journal::{Cursor, DiskStorage, Journal, Opened, Recovery, RemovedExport, Subscriber};
use crate::ledger::Ledger;
use crate::listen::{AnswerBody, Face, Limits, Listener, ServerTls, Welcome};
use crate::probe::{Prepared, Probes, Windows};
use crate::receive::{Receiver, ReplyBody};
use crate::series::{SeriesCounts, SeriesHandle};
use crate::serve::{self, Ask};
use crate::shutdown::Stopping;
use crate::telemetry::Telemetry;

/// A socket, and the TLS to speak on it.
pub(super) struct Bound {
    pub(super) listener: Listener,
    pub(super) tls: Option<ServerTls>,
}

pub(super) async fn start(settings: Settings, telemetry: Telemetry) -> Result<Agent, AgentError> {
    let receivers = bind_receivers(&settings, &telemetry).await?;
    let api = &settings.api;
    let api = bind(
        "api",
        "api.listen",
        api.listen,
        api.tls.as_ref(),
        &telemetry,
    )
    .await?;
    let (stopping, closing) = (Stopping::default(), Closing::default());
    let gateway = gateway::open(&settings, &telemetry, &stopping).await?;
    let clients = clients(&settings)?;
    let mut prepared = Prepared::of(&settings.probe)?;
    let ledger = Arc::new(Ledger::new(settings.ledger.services as usize));
    let (journal, cursors) = open_journal(&settings, &ledger)?;
    let series = open_series(&settings)?;
    let handle = series.as_ref().map(|(handle, _)| handle.clone());
    let intake = Intake::new(
        journal.clone(),
        Arc::clone(&ledger),
        translate::intake_limits(&settings.receive),
        translate::kept_encodings(&settings),
        handle.clone(),
    );
    telemetry.connect(Arc::new(meters::OwnTelemetry(intake.clone())));
    let exports = start_exports(&settings, clients, cursors, &telemetry, &closing);
    let statuses: Vec<_> = exports.iter().map(|export| export.status.clone()).collect();
    meters::observe(&telemetry, &ledger, &journal, &intake, &statuses);
    if let Some((handle, counts)) = series {
        meters::observe_series(&telemetry, handle, counts);
    }
    checks::watch_own(&mut prepared, &settings, &statuses, &ledger);
    let probes = start_probes(prepared, &settings, &telemetry);
    let guarding = gateway.as_ref().map(|ready| ready.gateway.breakers());
    let cache = gateway.as_ref().and_then(|ready| ready.cache.clone());
    if let Some(cache) = &cache {
        meters::observe_cache(&telemetry, cache);
    }
    let breakers = breakers::Watch::new(
        &settings,
        &telemetry,
        &guarding.unwrap_or_default(),
        &statuses,
    );
    let rooms = face::Rooms {
        telemetry: &telemetry,
        ledger: &ledger,
        exports: statuses,
        series: handle.clone(),
        board: &probes.board(),
        breakers: &breakers,
        cache,
        stopping: &stopping,
    };
    let face = face::new(&settings, rooms);
    let asked = face.clone();
    let not_ready: Ask<Vec<String>> = Arc::new(move || asked.not_ready());
    let api = serve_api(api, face, &settings, &closing);
    let gateway = gateway.map(|ready| gateway::serve(ready, &settings, &closing));
    let receivers = serve_receivers(receivers, &intake, &telemetry, &settings, &closing);
    Ok(Agent {
        settings,
        telemetry,
        journal,
        intake,
        series: handle,
        exports,
        probes,
        breakers,
        receivers,
        gateway,
        api,
        not_ready,
        stopping,
        closing,
    })
}

async fn bind_receivers(
    settings: &Settings,
    telemetry: &Telemetry,
) -> Result<Vec<Bound>, AgentError> {
    let listeners: [(_, _, &ListenerSettings); 2] = [
        (
            "receive.grpc",
            "receive.grpc.listen",
            &settings.receive.grpc,
        ),
        (
            "receive.http",
            "receive.http.listen",
            &settings.receive.http,
        ),
    ];
    let mut bound = Vec::new();
    for (name, key, listener) in listeners.into_iter().filter(|(_, _, one)| one.enabled) {
        bound.push(bind(name, key, listener.listen, listener.tls.as_ref(), telemetry).await?);
    }
    Ok(bound)
}

pub(super) async fn bind(
    name: &'static str,
    key: &'static str,
    address: SocketAddr,
    tls: Option<&config::ServerTls>,
    telemetry: &Telemetry,
) -> Result<Bound, AgentError> {
    let tls = translate::server_tls(tls)?;
    let instruments = telemetry.instruments().listener(name);
    let listener = Listener::bind(name, key, address, instruments).await?;
    Ok(Bound { listener, tls })
}

fn clients(settings: &Settings) -> Result<Vec<(String, Client)>, AgentError> {
    let enabled = settings.export.iter().filter(|(_, export)| export.enabled);
    enabled
        .map(
            |(name, export)| match Client::new(translate::destination(export)) {
                Ok(client) => Ok((name.clone(), client)),
                Err(error) => Err(AgentError::Export {
                    name: name.clone(),
                    error,
                }),
            },
        )
        .collect()
}

fn open_journal(
    settings: &Settings,
    ledger: &Ledger,
) -> Result<(Journal, Vec<Cursor>), AgentError> {
    let enabled = settings.export.iter().filter(|(_, export)| export.enabled);
    let subscribers = enabled.map(|(name, export)| {
        let signals = translate::signals(export);
        Subscriber {
            name: name.clone(),
            signals,
            account: ledger.account(name, signals),
        }
    });
    let options = translate::journal(&settings.data_dir, &settings.journal);
    let Opened {
        journal,
        cursors,
        recovery,
    } = Journal::open(options, Arc::new(DiskStorage), subscribers.collect())?;
    match settings.journal.sync {
        config::SyncMode::Memory => {
            warn!("journal.sync = \"memory\": what waits is lost when the agent ends");
        }
        _ => say_recovery(settings, &recovery),
    }
    Ok((journal, cursors))
}

/// The series, which need no export: they are kept for who asks.
fn open_series(
    settings: &Settings,
) -> Result<Option<(SeriesHandle, Arc<SeriesCounts>)>, AgentError> {
    if !settings.series.enabled {
        return Ok(None);
    }
    let options = translate::series(settings);
    Ok(Some(SeriesHandle::open(options, Arc::new(DiskStorage))?))
}

fn say_recovery(settings: &Settings, recovery: &Recovery) {
    info!(dir = %settings.data_dir.display(), "journal opened: {recovery}");
    let (places, files) = (recovery.damaged_places, &recovery.set_aside);
    if places > 0 || !files.is_empty() {
        let dir = settings.data_dir.join("journal").join("damaged");
        warn!(places, ?files, dir = %dir.display(), "parts of the journal are damaged: what could not be read is counted as dropped, the files are set aside");
    }
    for RemovedExport { name, waiting } in &recovery.removed_exports {
        let [traces, metrics, logs] = waiting;
        warn!(
            export = name,
            traces,
            metrics,
            logs,
            "this export is no longer configured: the items that waited for it are given up"
        );
    }
}

fn start_exports(
    settings: &Settings,
    clients: Vec<(String, Client)>,
    cursors: Vec<Cursor>,
    telemetry: &Telemetry,
    closing: &Closing,
) -> Vec<ExportHandle> {
    let start = |((name, client), cursor): ((String, Client), Cursor)| {
        let export = &settings.export[&name];
        let (endpoint, protocol, compression) =
            (&export.endpoint, export.protocol, export.compression);
        info!(export = name, %endpoint, %protocol, %compression, "exporting");
        let policy = translate::policy(export, settings.journal.sync);
        let instruments = telemetry.instruments().export(&name);
        export::spawn(
            &name,
            cursor,
            client,
            policy,
            instruments,
            closing.exports.clone(),
        )
    };
    clients.into_iter().zip(cursors).map(start).collect()
}

fn start_probes(prepared: Prepared, settings: &Settings, telemetry: &Telemetry) -> Probes {
    for (name, probe) in settings.probe.iter().filter(|(_, probe)| probe.enabled) {
        info!(probe = name, url = %probe.url, every = ?probe.every, "probing");
    }
    Probes::start(
        prepared,
        &settings.probes,
        Windows::of(&settings.maintenance),
        &telemetry.instruments(),
        &telemetry.tracer(),
    )
}

fn serve_api(
    bound: Bound,
    face: serve::Face,
    settings: &Settings,
    closing: &Closing,
) -> JoinHandle<()> {
    info!(address = %bound.listener.address(), tls = bound.tls.is_some(), "serving metrics, health and the ledger");
    let service = TowerToHyperService::new(warp::service(serve::routes(face)));
    let limits = translate::api_limits(&settings.api);
    bound.serve(service, limits, settings, closing.api.clone())
}

fn serve_receivers(
    receivers: Vec<Bound>,
    intake: &Intake,
    telemetry: &Telemetry,
    settings: &Settings,
    closing: &Closing,
) -> Vec<JoinHandle<()>> {
    let options = translate::receive(&settings.receive);
    let receiver = Receiver::new(intake.clone(), options, &telemetry.instruments());
    let serve = |bound: Bound| {
        let (name, address) = (bound.listener.name(), bound.listener.address());
        info!(%address, tls = bound.tls.is_some(), "{name}: receiving OTLP, gRPC and HTTP");
        let limits = translate::receive_limits(&settings.receive);
        bound.serve::<_, ReplyBody>(
            receiver.clone(),
            limits,
            settings,
            closing.receivers.clone(),
        )
    };
    receivers.into_iter().map(serve).collect()
}

impl Bound {
    fn serve<S, B>(
        self,
        face: S,
        limits: Limits,
        settings: &Settings,
        closing: CancellationToken,
    ) -> JoinHandle<()>
    where
        S: Face<B> + Sync,
        B: AnswerBody,
    {
        self.serve_each(move |_| face.clone(), limits, settings, closing)
    }

    /// With a face for each connection.
    pub(super) fn serve_each<W, S, B>(
        self,
        welcome: W,
        limits: Limits,
        settings: &Settings,
        closing: CancellationToken,
    ) -> JoinHandle<()>
    where
        W: Welcome<S>,
        S: Face<B>,
        B: AnswerBody,
    {
        if let Some(tls) = self.tls.clone() {
            tokio::spawn(tls.reload_for_ever(settings.receive.tls_reload_every));
        }
        tokio::spawn(self.listener.serve_each(welcome, limits, self.tls, closing))
    }
}
