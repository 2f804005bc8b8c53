//! What stands between the load and the upstream.

use tokio::runtime::Runtime;

use crate::Fallible;
use crate::gateway;
use crate::nginx;
use crate::process::Server;
use crate::sink::Sink;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// Nothing: the upstream itself.
    Direct,
    /// nginx with `access_log off`.
    Nginx,
    /// nginx with its access log.
    NginxLogging,
    /// The gateway with its default share of traces.
    Gateway,
    /// The gateway with every request traced and exported.
    GatewayTracing,
}

impl System {
    pub const ALL: [System; 5] = [
        System::Direct,
        System::Nginx,
        System::NginxLogging,
        System::Gateway,
        System::GatewayTracing,
    ];

    pub fn name(self) -> &'static str {
        match self {
            System::Direct => "direct",
            System::Nginx => "nginx, access_log off",
            System::NginxLogging => "nginx, access_log on",
            System::Gateway => "gateway, telemetry.trace_ratio by default",
            System::GatewayTracing => "gateway, every request traced",
        }
    }

    /// Whether its requests belong to traces that the caller samples.
    pub fn is_sampled(self) -> bool {
        self == System::GatewayTracing
    }
}

/// A system that takes requests.
pub struct Running {
    pub port: u16,
    proxy: Option<Server>,
    sink: Option<Sink>,
}

impl Running {
    /// Starts `system` before `upstream`.
    pub fn start(runtime: &Runtime, system: System, upstream: u16) -> Fallible<Running> {
        let sink = match system.is_sampled() {
            true => Some(Sink::start(runtime)?),
            false => None,
        };
        let proxy = match system {
            System::Direct => None,
            System::Nginx | System::NginxLogging => {
                let logs = system == System::NginxLogging;
                Some(nginx::proxy(upstream, logs)?)
            }
            System::Gateway | System::GatewayTracing => {
                let sink = sink.as_ref().map(|sink| sink.port);
                Some(gateway::start(upstream, sink)?)
            }
        };
        Ok(Running {
            port: proxy.as_ref().map_or(upstream, |proxy| proxy.port),
            proxy,
            sink,
        })
    }

    /// CPU of the proxy so far, in seconds.
    pub fn cpu_s(&self) -> Fallible<f64> {
        self.proxy
            .as_ref()
            .map_or(Ok(0.0), |proxy| proxy.process.cpu_s())
    }

    /// Resident memory of the proxy, in MiB.
    pub fn rss_mib(&self) -> Fallible<f64> {
        self.proxy
            .as_ref()
            .map_or(Ok(0.0), |proxy| proxy.process.rss_mib())
    }

    /// Spans that it has exported.
    pub fn spans(&self) -> u64 {
        self.sink.as_ref().map_or(0, Sink::spans)
    }
}
