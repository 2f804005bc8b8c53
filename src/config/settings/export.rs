//! `[export.<name>]`: OTLP destinations.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::endpoint::Endpoint;
use crate::config::secret::Secret;
use crate::config::section::{choice, section};
use crate::config::units::{ByteSize, hours, millis, minutes, secs};
use crate::otlp::Signal;

choice! {
    /// The OTLP transport of an export.
    pub enum Protocol {
        /// OTLP/gRPC.
        Grpc = "grpc",
        /// OTLP/HTTP with protobuf bodies.
        Http = "http",
    }
}

choice! {
    /// How an export compresses what it sends.
    pub enum Compression {
        /// Not at all.
        None = "none",
        /// gzip (RFC 1952).
        Gzip = "gzip",
        /// Zstandard (RFC 8878).
        Zstd = "zstd",
    }
}

section! {
    /// One OTLP destination.
    pub struct ExportSettings {
        required {
            /// Where to send: http:// for plain, https:// for TLS. With `protocol = "http"`, /v1/traces, /v1/metrics or /v1/logs is
            /// appended to the path. Credentials belong in `headers`.
            endpoint: Endpoint => "\"http://otel-collector:4317\"";
        }
        /// Whether this export runs. A disabled one keeps no place in the journal.
        enabled: bool = true;
        /// The transport: `grpc` or `http` (protobuf).
        protocol: Protocol = Protocol::Grpc;
        /// How requests are compressed.
        compression: Compression = Compression::Gzip;
        /// Which signals go there.
        signals: Vec<Signal> = Signal::ALL.to_vec();
        /// Headers (gRPC metadata) sent with every request, by name.
        headers: BTreeMap<String, Secret> = BTreeMap::new() => "{ authorization = { env = \"COLLECTOR_AUTHORIZATION\" } }";
        /// TLS towards an https:// endpoint. Not set: the well-known public authorities.
        tls: Option<ClientTls> = None => "[export.archive]\nendpoint = \"https://archive.example:4317\"";
        /// How long one request may take, from the first byte sent to the answer.
        timeout: Duration = secs(10), within millis(1)..=hours(1);
        /// How long a connection may take to be made.
        connect_timeout: Duration = secs(5), within millis(1)..=hours(1);
        /// Requests in flight at the same time.
        concurrency: u32 = 8, within 1..=1024;
        /// How long a batch is tried again before it is dropped and counted. "none": as long as it is in the journal.
        max_age: Option<Duration> = Some(hours(24)), within secs(1)..=hours(24 * 365);
        /// Readiness fails when the oldest batch that waits for this export is older.
        stuck_after: Duration = minutes(5), within secs(1)..=hours(24 * 365);
        /// How waiting requests are merged into larger ones.
        batch: BatchSettings = BatchSettings::default();
        /// Exponential backoff with full jitter. A delay that the destination asks for (Retry-After, RetryInfo) comes first.
        retry: RetrySettings = RetrySettings::default();
        /// Stops sending to a destination that keeps failing, and tries with one request when it may be back.
        breaker: BreakerSettings = BreakerSettings::default();
    }
}

section! {
    /// How waiting requests are merged.
    pub struct BatchSettings {
        /// A merged request is sent when it reaches this size, before compression. One that is larger by itself goes alone.
        max_bytes: ByteSize = ByteSize::mib(1), within ByteSize::kib(1)..=ByteSize::gib(1);
        /// A merged request is sent when its oldest part has waited this long.
        max_delay: Duration = millis(200), within millis(0)..=minutes(1);
    }
}

section! {
    /// Exponential backoff with full jitter.
    pub struct RetrySettings {
        /// The upper end of the first delay; it doubles with each failure.
        initial: Duration = millis(100), within millis(1)..=minutes(10);
        /// The greatest delay. At least `initial`.
        max: Duration = secs(30), within millis(1)..=hours(1);
    }
}

section! {
    /// The circuit breaker of an export.
    pub struct BreakerSettings {
        /// Failures in a row until it opens.
        failures: u32 = 5, within 1..=1_000_000;
        /// How long it stays open before one request is let through.
        open_for: Duration = secs(5), within millis(1)..=hours(24);
    }
}

section! {
    /// TLS towards a destination.
    pub struct ClientTls {
        /// PEM file with the authorities to trust in place of the public ones.
        ca_file: Option<PathBuf> = None => "\"tls/ca.pem\"";
        /// PEM file with the certificate to present (mTLS). Given together with `key_file`.
        cert_file: Option<PathBuf> = None => "\"tls/client.pem\"";
        /// PEM file with the private key that belongs to it.
        key_file: Option<PathBuf> = None => "\"tls/client.key\"";
        /// The name to expect in the destination's certificate where it is not the endpoint's host.
        server_name: Option<String> = None => "\"collector.internal\"";
    }
}
