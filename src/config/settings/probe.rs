//! `[probes]`, `[probe.<name>]` and `[maintenance.<name>]`: what is checked, how often, and when not to worry.

use std::collections::BTreeMap;
use std::time::Duration;

use super::export::ClientTls;
use crate::config::probe_url::ProbeUrl;
use crate::config::secret::Secret;
use crate::config::section::{choice, section};
use crate::config::units::{ByteSize, hours, millis, minutes, secs};
use crate::config::window::{Weekday, WindowEdge};

section! {
    /// What holds for all probes.
    pub struct ProbesSettings {
        /// Checks under way at the same time. Those that ran into their timeout the last time take up half of them at most.
        max_concurrent: u32 = 64, within 2..=4096;
        /// The share of `every` by which the time between two runs varies, so that many agents do not ask at once.
        jitter: f64 = 0.1, within 0.0..=0.5;
        /// The share of the probes' traces that is kept, from 0 (none) to 1 (all).
        trace_ratio: f64 = 1.0, within 0.0..=1.0;
        /// How often the agent's own exports and the disk under `data_dir` are looked at.
        own_every: Duration = secs(5), within millis(100)..=hours(1);
        /// A warning when less than this share of the disk under `data_dir` is free, from 0 to 1.
        disk_warn_free: f64 = 0.1, within 0.0..=1.0;
        /// A failure when less than this is free under `data_dir`.
        disk_fail_free: ByteSize = ByteSize::mib(64), within ByteSize(0)..=ByteSize::tib(1);
    }
}

section! {
    /// One dependency that is checked.
    pub struct ProbeSettings {
        required {
            /// What to check. The scheme decides how: postgres, mysql, mariadb, sqlite, redis(s), valkey(s), redis(s)-sentinel, http(s),
            /// tcp, tls, grpc(s), dns, disk. Passwords belong in `password`.
            url: ProbeUrl => "\"postgres://app@db/orders\"";
        }
        /// Whether this probe runs.
        enabled: bool = true;
        /// The password for `url`.
        password: Option<Secret> = None => "{ env = \"ORDERS_DB_PASSWORD\" }";
        /// The time between two runs.
        every: Duration = secs(30), within millis(100)..=hours(24);
        /// How long one run may take, all of its phases together.
        timeout: Duration = secs(5), within millis(10)..=minutes(10);
        /// Failures in a row until it counts as down.
        failures: u32 = 3, within 1..=100;
        /// Successes in a row until it counts as up again. The first success after a start is enough.
        recoveries: u32 = 2, within 1..=100;
        /// The time between two runs while it is failing and not yet down, or succeeding and not yet up. Never longer than `every`.
        confirm_every: Duration = secs(3), within millis(10)..=hours(1);
        /// A success that took longer is a warning. "none": never.
        slow_after: Option<Duration> = None => "\"500ms\"";
        /// Whether the agent is not ready while this is down. If not, it is degraded.
        required: bool = true;
        /// Names under which `?include=` finds this probe and others together.
        groups: Vec<String> = Vec::new() => "[\"checkout\"]";
        /// The probe of something without which this one cannot work. While that is down, nothing is said of this one.
        parent: Option<String> = None => "\"name-server\"";
        /// A certificate that ends sooner is a warning.
        certificate_warn: Duration = hours(24 * 14), within secs(0)..=hours(24 * 3650);
        /// A certificate that ends sooner is a failure. One that has ended is always a failure.
        certificate_fail: Duration = secs(0), within secs(0)..=hours(24 * 3650);
        /// A warning when a larger share of a server's connections is in use, from 0 to 1.
        connections_warn: f64 = 0.8, within 0.0..=1.0;
        /// A warning when a replica is further behind, or this server is one and is.
        lag_warn: Duration = secs(30), within millis(1)..=hours(24 * 365);
        /// A warning when a transaction is open for longer.
        transaction_warn: Duration = minutes(5), within millis(1)..=hours(24 * 365);
        /// A warning when a server's clock differs more from this machine's.
        skew_warn: Duration = secs(5), within millis(1)..=hours(24 * 365);
        /// Read-only SQL statements whose numbers become gauges, by name: `[probe.orders-db.query.queue]`, …
        query: BTreeMap<String, QuerySettings> = BTreeMap::new() => "queue";
        /// TLS where the scheme says so (rediss, valkeys, rediss-sentinel, https, tls, grpcs), or the URL of a database does
        /// (sslmode, ssl-mode). Not set: the well-known public authorities.
        tls: Option<ClientTls> = None => "[probe.mail]\nurl = \"tls://mail.example:993\"";
        /// What an http or https probe asks for and expects.
        http: Option<HttpProbeSettings> = None => "[probe.shop]\nurl = \"https://shop.example/health\"";
        /// What a tcp or tls probe says and expects.
        tcp: Option<TcpProbeSettings> = None => "[probe.smtp]\nurl = \"tcp://smtp.example:25\"";
        /// What a grpc or grpcs probe asks for.
        grpc: Option<GrpcProbeSettings> = None => "[probe.stock]\nurl = \"grpc://stock.example:50051\"";
        /// What a dns probe expects.
        dns: Option<DnsProbeSettings> = None => "[probe.name-server]\nurl = \"dns://10.0.0.2/db.internal?type=A\"";
        /// What a redis or redis-sentinel probe looks at besides.
        redis: Option<RedisProbeSettings> = None => "[probe.sessions]\nurl = \"redis-sentinel://sentinel-1:26379/sessions\"";
        /// What a disk probe expects.
        disk: Option<DiskProbeSettings> = None => "[probe.uploads]\nurl = \"disk:/srv/uploads\"";
    }
}

impl ProbeSettings {
    /// The password to log in with: that of `password` before that of the URL.
    pub fn login_password(&self) -> Option<&Secret> {
        self.password.as_ref().or(self.url.password())
    }
}

section! {
    /// One read-only SQL statement whose numbers become gauges.
    pub struct QuerySettings {
        required {
            /// One statement that only reads. It runs in a read-only transaction.
            sql: String => "\"SELECT queue_name, status, count(*) AS value FROM jobs GROUP BY 1, 2\"";
        }
        /// The metric's name. Not set: the query's.
        metric: Option<String> = None => "\"queue.size\"";
        /// The columns that hold the numbers; every other column becomes an attribute. With one, the gauge has the metric's name;
        /// with several, the name of the column is appended: metric.column.
        values: Vec<String> = vec!["value".to_owned()];
        /// The unit of the numbers (UCUM).
        unit: String = String::new() => "\"{job}\"";
        /// One line about the metric.
        about: String = String::new() => "\"Jobs by queue and status.\"";
        /// Rows that are read. When there are more, the rest is left out with a warning.
        max_rows: u32 = 100, within 1..=10_000;
    }
}

choice! {
    /// The version of HTTP that a probe speaks.
    pub enum HttpVersion {
        /// Over TLS what the server chooses, otherwise HTTP/1.1.
        Auto = "auto",
        /// HTTP/1.1.
        Http1 = "1.1",
        /// HTTP/2, in plain by prior knowledge.
        Http2 = "2",
    }
}

section! {
    /// What an http or https probe asks for and expects.
    pub struct HttpProbeSettings {
        /// The method.
        method: String = "GET".to_owned();
        /// Headers to send, by name.
        headers: BTreeMap<String, Secret> = BTreeMap::new() => "{ authorization = { env = \"SHOP_AUTHORIZATION\" } }";
        /// The body to send.
        body: Option<Secret> = None => "\"{}\"";
        /// The version of HTTP.
        version: HttpVersion = HttpVersion::Auto;
        /// Statuses that are a success: codes as "204", classes as "2xx", ranges as "200-299".
        status: Vec<String> = vec!["2xx".to_owned()];
        /// How many redirects are followed. With 0, a redirect is judged by `status`.
        redirects: u32 = 0, within 0..=20;
        /// Headers that the answer must have, each with a regular expression that its value must match.
        expect_headers: BTreeMap<String, String> = BTreeMap::new() => "{ content-type = \"^application/json\" }";
        /// Regular expressions that the answer's body must match.
        expect_body: Vec<String> = Vec::new() => "[\"\\\"status\\\":\\\"ok\\\"\"]";
        /// Regular expressions that the answer's body must not match.
        refuse_body: Vec<String> = Vec::new() => "[\"(?i)maintenance\"]";
        /// JSON paths (RFC 9535) that must find something in the answer's body, each with a regular expression that every value
        /// found must match. Texts are matched without their quotes.
        expect_json: BTreeMap<String, String> = BTreeMap::new() => "{ \"$.status\" = \"^ok$\" }";
        /// The most that is read of the body. What assertions look for must stand within it.
        max_body: ByteSize = ByteSize::kib(256), within ByteSize(0)..=ByteSize::mib(64);
    }
}

section! {
    /// What a tcp or tls probe says and expects.
    pub struct TcpProbeSettings {
        /// What to send once connected.
        send: Option<Secret> = None => "\"EHLO probe\\r\\n\"";
        /// A regular expression that must match what the server sends, within its first 64 KiB.
        expect: Option<String> = None => "\"^220 \"";
    }
}

section! {
    /// What a grpc or grpcs probe asks for.
    pub struct GrpcProbeSettings {
        /// The service to ask about. Empty: the server as a whole.
        service: String = String::new() => "\"shop.Orders\"";
        /// Metadata to send, by name.
        metadata: BTreeMap<String, Secret> = BTreeMap::new() => "{ authorization = { env = \"ORDERS_AUTHORIZATION\" } }";
    }
}

section! {
    /// What a dns probe expects.
    pub struct DnsProbeSettings {
        /// A regular expression that one of the answers must match.
        expect: Option<String> = None => "\"^10\\\\.\"";
        /// Whether every answer must match `expect`.
        expect_all: bool = false;
        /// Whether the question goes over TCP.
        tcp: bool = false;
    }
}

section! {
    /// What a redis or redis-sentinel probe looks at besides.
    pub struct RedisProbeSettings {
        /// Lists whose lengths become gauges.
        lists: Vec<String> = Vec::new() => "[\"jobs\"]";
        /// Streams whose lengths, and how far each consumer group is behind, become gauges.
        streams: Vec<String> = Vec::new() => "[\"events\"]";
        /// A warning when a larger share of `maxmemory` is in use, from 0 to 1. Nothing is said where Redis has no limit.
        memory_warn: f64 = 0.9, within 0.0..=1.0;
        /// Further sentinels, each as host:port.
        sentinels: Vec<String> = Vec::new() => "[\"sentinel-2:26379\"]";
        /// User and password for the servers that the sentinels name, where they differ from those for the sentinels.
        server_user: Option<String> = None => "\"probe\"";
        /// The password that goes with it.
        server_password: Option<Secret> = None => "{ env = \"REDIS_PASSWORD\" }";
    }
}

section! {
    /// What a disk probe expects.
    pub struct DiskProbeSettings {
        /// A warning when less than this share is free, from 0 to 1.
        warn_free: f64 = 0.1, within 0.0..=1.0;
        /// A failure when less than this share is free, from 0 to 1.
        fail_free: f64 = 0.02, within 0.0..=1.0;
    }
}

section! {
    /// A time during which nothing is said of some probes. They run as ever, and their meters show what they find.
    pub struct MaintenanceSettings {
        required {
            /// When it begins, in UTC: each day as "02:00", or once as "2026-12-01T22:00:00Z".
            from: WindowEdge => "\"02:00\"";
            /// When it ends, written in the same way. "02:00" to "01:00" ends on the next day.
            to: WindowEdge => "\"03:30\"";
        }
        /// The days on which it begins. Empty: every day.
        days: Vec<Weekday> = Vec::new() => "[\"sat\", \"sun\"]";
        /// The probes it is for. Empty: all.
        probes: Vec<String> = Vec::new() => "[\"orders-db\"]";
    }
}
