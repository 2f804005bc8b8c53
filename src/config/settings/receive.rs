//! `[receive]`: where OTLP comes in.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::config::secret::Secret;
use crate::config::section::section;
use crate::config::units::{ByteSize, hours, millis, minutes, secs};

section! {
    /// Limits and credentials of both OTLP listeners.
    pub struct ReceiveSettings {
        /// The greatest body of a request as it is sent, that is, before decompression. Larger ones get 413 or RESOURCE_EXHAUSTED.
        max_body: ByteSize = ByteSize::mib(16), within ByteSize::kib(1)..=ByteSize::gib(1);
        /// The greatest body after decompression. Inflating stops at this size. At least `max_body`.
        max_inflated: ByteSize = ByteSize::mib(32), within ByteSize::kib(1)..=ByteSize::gib(1);
        /// Memory for all bodies that are being read or wait for the journal, over both listeners. At least `max_inflated`.
        /// When it is used up, requests are refused with a hint when to come back.
        in_flight_bytes: ByteSize = ByteSize::mib(64), within ByteSize::kib(1)..=ByteSize::gib(64);
        /// Connections for each listener.
        max_connections: u32 = 1024, within 1..=1_000_000;
        /// HTTP/2 streams (requests at the same time) for each connection.
        max_streams: u32 = 256, within 1..=65_536;
        /// How long a client may take to send the header of a request.
        header_timeout: Duration = secs(10), within millis(1)..=hours(1);
        /// How long a client may take to send the body of a request.
        body_timeout: Duration = secs(30), within millis(1)..=hours(1);
        /// How long a connection may stand without a request before it is closed.
        idle_timeout: Duration = minutes(5), within millis(1)..=hours(24);
        /// A token that senders must present as `Authorization: Bearer …`. Not set: anyone who reaches the port may send.
        bearer_token: Option<Secret> = None => "{ env = \"OTLP_TOKEN\" }";
        /// How often certificate and key files are looked at for a change.
        tls_reload_every: Duration = minutes(1), within secs(1)..=hours(24);
        /// The hint given with a refusal: come back after this time (Retry-After, RetryInfo).
        retry_after: Duration = secs(1), within millis(1)..=hours(1);
        /// Browsers that may send from other origins.
        cors: CorsSettings = CorsSettings::default();
        /// The listener on the port that OTLP/gRPC clients use by default. It takes OTLP/HTTP as well.
        grpc: ListenerSettings = ListenerSettings::on_port(4317);
        /// The listener on the port that OTLP/HTTP clients use by default. It takes OTLP/gRPC as well.
        http: ListenerSettings = ListenerSettings::on_port(4318);
    }
}

section! {
    /// Cross-origin requests (Fetch standard, "CORS protocol").
    pub struct CorsSettings {
        /// Origins whose pages may send, as `https://shop.example`; `*` stands for all. Empty: none.
        allowed_origins: Vec<String> = Vec::new() => "[\"https://shop.example\"]";
        /// Request headers allowed besides content-type, content-encoding, authorization, traceparent and tracestate.
        allowed_headers: Vec<String> = Vec::new() => "[\"x-tenant\"]";
        /// How long a browser may remember the answer.
        max_age: Duration = hours(2), within secs(0)..=hours(24);
    }
}

section! {
    /// One OTLP listener.
    pub struct ListenerSettings {
        /// Whether this listener is opened.
        enabled: bool = true;
        /// The address to listen on. Port 0 takes any free port.
        listen: SocketAddr = loopback(0);
        /// TLS on this listener. Not set: plain.
        tls: Option<ServerTls> = None;
    }
}

section! {
    /// What a listener shows to its clients, and what it asks of them.
    pub struct ServerTls {
        required {
            /// PEM file with the certificate and the intermediate ones, the listener's own first.
            cert_file: PathBuf => "\"tls/server.pem\"";
            /// PEM file with the private key that belongs to the certificate.
            key_file: PathBuf => "\"tls/server.key\"";
        }
        /// PEM file with authorities. When set, clients must present a certificate that one of them signed (mTLS).
        client_ca_file: Option<PathBuf> = None => "\"tls/clients-ca.pem\"";
    }
}

impl ListenerSettings {
    /// A plain listener on 127.0.0.1.
    pub fn on_port(port: u16) -> ListenerSettings {
        ListenerSettings {
            listen: loopback(port),
            ..ListenerSettings::default()
        }
    }
}

/// 127.0.0.1 with `port`: nothing listens beyond this machine unless it is told to.
pub(super) fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}
