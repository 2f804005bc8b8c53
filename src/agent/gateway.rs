//! The gateway: bound with the other sockets, opened with what its routes need, served last.

use std::io;
use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;

use tokio::task::JoinHandle;
use tracing::info;

use super::assemble::{Bound, bind};
use super::{AgentError, Closing, translate};
use crate::config::Settings;
use crate::gateway::{Cache, Gateway, Means, Prepared, sweep_for_ever};
use crate::listen::Workers;
use crate::shutdown::Stopping;
use crate::store::{Store, StoreOptions};
use crate::telemetry::Telemetry;

/// The gateway, with the socket that it will be served on.
pub(super) struct Ready {
    pub(super) gateway: Gateway,
    /// Where routes keep answers; `None` where no route does.
    pub(super) cache: Option<Arc<Cache>>,
    bound: Bound,
    workers: Workers,
    store: Option<Store>,
}

/// The gateway while it is served.
pub(super) struct Served {
    pub(super) gateway: Gateway,
    pub(super) serving: JoinHandle<()>,
    /// The database of its routes, which is closed behind it.
    pub(super) store: Option<Store>,
    /// The threads of its connections, with all that runs on them.
    pub(super) workers: Workers,
}

/// Binds the gateway's socket and opens its routes, where there is one. Nothing is served yet.
pub(super) async fn open(
    settings: &Settings,
    telemetry: &Telemetry,
    stopping: &Stopping,
) -> Result<Option<Ready>, AgentError> {
    let prepared = Prepared::of(&settings.route)?;
    if prepared.is_empty() {
        return Ok(None);
    }
    let own = &settings.gateway;
    let (name, key) = ("gateway", "gateway.listen");
    let bound = bind(name, key, own.listen, own.tls.as_ref(), telemetry).await?;
    let workers = workers().map_err(AgentError::Threads)?;
    let (cache, store) = (cache(settings)?, store(settings).await?);
    let means = Means {
        settings: own.clone(),
        telemetry,
        stopping: stopping.clone(),
        cache: cache.clone(),
        store: store.clone(),
    };
    let gateway = Gateway::open(prepared, means);
    Ok(Some(Ready {
        gateway,
        cache,
        bound: Bound {
            listener: bound.listener.on(workers.clone()),
            ..bound
        },
        workers,
        store,
    }))
}

/// One thread for each processor.
fn workers() -> io::Result<Workers> {
    let processors = available_parallelism().unwrap_or(NonZero::<usize>::MIN);
    Workers::start("lineside-gateway", processors)
}

/// The database, where a route has idempotency keys.
async fn store(settings: &Settings) -> Result<Option<Store>, AgentError> {
    let Some(options) = store_options(settings)? else {
        return Ok(None);
    };
    let store = Store::open(&options).await?;
    info!(store = options.place(), "keeping idempotency keys");
    Ok(Some(store))
}

/// What the database is opened with, where a route has idempotency keys.
pub(super) fn store_options(settings: &Settings) -> Result<Option<StoreOptions>, AgentError> {
    if !settings
        .open_routes()
        .any(|(_, route)| route.idempotency.is_some())
    {
        return Ok(None);
    }
    let options = StoreOptions::of(&settings.store, &settings.data_dir)?;
    Ok(Some(options))
}

/// The cache, where a route keeps answers.
fn cache(settings: &Settings) -> Result<Option<Arc<Cache>>, AgentError> {
    let kept = settings
        .open_routes()
        .filter_map(|(_, route)| route.cache.as_ref());
    match kept.map(|cache| cache.max_entry.bytes()).max() {
        None => Ok(None),
        Some(largest) => Cache::start(&settings.cache, largest)
            .map(Some)
            .map_err(|error| AgentError::Cache(error.to_string())),
    }
}

/// Serves the gateway; what it guards stands in the log.
pub(super) fn serve(ready: Ready, settings: &Settings, closing: &Closing) -> Served {
    let Ready {
        gateway,
        bound,
        store,
        workers,
        ..
    } = ready;
    if let Some(store) = &store {
        let sweeping = sweep_for_ever(store.clone(), settings.store.sweep_every);
        tokio::spawn(closing.gateway.clone().run_until_cancelled_owned(sweeping));
    }
    info!(address = %bound.listener.address(), tls = bound.tls.is_some(), "gateway: taking requests");
    for (name, route) in settings.open_routes() {
        let prefix = route.prefix.as_deref().unwrap_or("/");
        let hosts = route.hosts.join(" ");
        info!(route = name, prefix, hosts, upstream = %route.upstream, "guarding");
    }
    let limits = translate::gateway_limits(&settings.gateway);
    let served = gateway.clone();
    let welcome = move |peer| served.door(peer);
    let serving = bound.serve_each(welcome, limits, settings, closing.gateway.clone());
    Served {
        gateway,
        serving,
        store,
        workers,
    }
}
