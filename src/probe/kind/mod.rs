//! The kinds of checks: one file each, and one place that chooses between them.

mod blocking;
mod disk;
mod dns;
mod export;
mod grpc;
mod http;
mod redis;
mod server;
mod sql;
mod tcp;

pub use export::{AskExport, ExportHealth};

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::KeyValue;

use super::failure::Failure;
use super::metric::Metric;
use super::run::Run;
use crate::config::{ProbeKind, ProbeSettings, ProbesSettings};

/// One way of checking one dependency.
#[async_trait]
pub(super) trait Check: Send + Sync {
    /// What every span of this check says, known before it runs: `db.system.name`, `server.address`, …
    fn attributes(&self) -> Vec<KeyValue>;

    /// The numbers that it may measure, as [`Run::reading`] names them.
    fn metrics(&self) -> Vec<Metric> {
        Vec::new()
    }

    /// Whether a run calls something outside of the agent, and so makes a CLIENT span.
    fn is_call(&self) -> bool {
        true
    }

    /// Checks once. It keeps no time: whoever runs it drops it when the timeout has passed, which must end every
    /// connection it made.
    async fn check(&self, run: &Run) -> Result<(), Failure>;
}

/// The check that `settings` ask for.
///
/// # Errors
///
/// Says what cannot be used: TLS material, or a pattern.
pub(super) fn build(settings: &ProbeSettings) -> Result<Box<dyn Check>, String> {
    match settings.url.kind() {
        ProbeKind::Postgres => Ok(Box::new(sql::Postgres::new(settings)?)),
        ProbeKind::Mysql => Ok(Box::new(sql::Mysql::new(settings)?)),
        ProbeKind::Sqlite => Ok(Box::new(sql::Sqlite::new(settings)?)),
        ProbeKind::Redis => Ok(Box::new(redis::Redis::new(settings)?)),
        ProbeKind::Sentinel => Ok(Box::new(redis::Sentinel::new(settings)?)),
        ProbeKind::Http => Ok(Box::new(http::HttpCheck::new(settings)?)),
        ProbeKind::Tcp => Ok(Box::new(tcp::TcpCheck::new(settings)?)),
        ProbeKind::Grpc => Ok(Box::new(grpc::GrpcCheck::new(settings)?)),
        ProbeKind::Dns => Ok(Box::new(dns::DnsCheck::new(settings)?)),
        ProbeKind::Disk => Ok(Box::new(disk::DiskCheck::new(settings))),
        ProbeKind::Export => Err("exports have their probes by themselves".to_owned()),
    }
}

/// The check of the agent's own export `name`; see [`export::ExportCheck::new`].
pub(super) fn own_export(name: &str, stuck_after: Duration, ask: AskExport) -> Arc<dyn Check> {
    Arc::new(export::ExportCheck::new(name, stuck_after, ask))
}

/// The check of the disk under `data_dir`.
pub(super) fn own_disk(data_dir: &Path, settings: &ProbesSettings) -> Arc<dyn Check> {
    Arc::new(disk::DiskCheck::own(data_dir, settings))
}
