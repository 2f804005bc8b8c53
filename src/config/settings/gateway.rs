//! `[gateway]`, `[route.<name>]`, `[cache]`: calls to named upstreams, and what guards them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::export::ClientTls;
use super::probe::HttpVersion;
use super::receive::{ServerTls, loopback};
use crate::config::endpoint::Endpoint;
use crate::config::probe_url::ProbeUrl;
use crate::config::secret::Secret;
use crate::config::section::{choice, section};
use crate::config::units::{ByteSize, hours, millis, minutes, secs};

section! {
    /// The gateway: services call third parties, or are called, through it.
    pub struct GatewaySettings {
        /// The address to listen on. Port 0 takes any free port. It is opened where there is a route.
        listen: SocketAddr = loopback(2272);
        /// Connections at the same time.
        max_connections: u32 = 1024, within 1..=1_000_000;
        /// HTTP/2 streams (requests at the same time) for each connection.
        max_streams: u32 = 256, within 1..=65_536;
        /// The greatest head of a request: its target and all its headers. Larger ones get 431.
        max_head: ByteSize = ByteSize::kib(32), within ByteSize::kib(8)..=ByteSize::mib(1);
        /// How long a client may take to send the head of a request.
        header_timeout: Duration = secs(10), within millis(1)..=hours(1);
        /// How long a connection may stand without a request before it is closed.
        idle_timeout: Duration = secs(75), within millis(1)..=hours(24);
        /// The hint given while the agent shuts down: come back after this time (Retry-After).
        retry_after: Duration = secs(1), within millis(1)..=hours(1);
        /// TLS on this listener. Not set: plain.
        tls: Option<ServerTls> = None;
    }
}

choice! {
    /// Which way the requests of a route go.
    pub enum Direction {
        /// From one's own services to a third party.
        Egress = "egress",
        /// From outside to one's own service.
        Ingress = "ingress",
    }
}

choice! {
    /// What becomes of %2F and %5C in a path.
    pub enum EncodedSlash {
        /// The request is refused.
        Refuse = "refuse",
        /// It is passed on as it is.
        Pass = "pass",
    }
}

choice! {
    /// To which addresses an upstream's name may lead.
    pub enum Reach {
        /// Any that a host can have. Link-local ones, where clouds keep credentials, must stand in the URL itself.
        Any = "any",
        /// Only those that are routed on the public internet.
        Public = "public",
    }
}

section! {
    /// One way through the gateway, to one upstream.
    pub struct RouteSettings {
        required {
            /// Where requests go: http:// for plain, https:// for TLS. A path is put in front of that of each request. Credentials
            /// belong in `headers`.
            upstream: Endpoint => "\"https://api.stripe.com\"";
        }
        /// Whether this route is open.
        enabled: bool = true;
        /// Requests whose path begins with these segments take this route. The longest prefix that fits wins. Not set: every path.
        prefix: Option<String> = None => "\"/stripe\"";
        /// Requests for these hosts take this route. A route with a host comes before one without.
        hosts: Vec<String> = Vec::new() => "[\"stripe.internal\"]";
        /// Methods that pass. Empty: all but CONNECT and TRACE.
        methods: Vec<String> = Vec::new() => "[\"GET\", \"POST\"]";
        /// Which way requests go: `egress` to a third party, or `ingress` to one's own service. With `ingress` the upstream sees the Host
        /// that the client asked for, and X-Forwarded-For, -Host and -Proto.
        direction: Direction = Direction::Egress;
        /// Whether `prefix` is taken away from the path that the upstream sees.
        strip_prefix: bool = true;
        /// What becomes of %2F and %5C in a path: `refuse` or `pass`.
        encoded_slash: EncodedSlash = EncodedSlash::Refuse;
        /// The version of HTTP towards the upstream: `auto`, `1.1` or `2`. In plain, `auto` is 1.1 and `2` by prior knowledge.
        version: HttpVersion = HttpVersion::Auto;
        /// To which addresses the upstream's name may lead: `any` or `public`.
        reach: Reach = Reach::Any;
        /// TLS towards an https:// upstream. Not set: the well-known public authorities.
        tls: Option<ClientTls> = None => "[route.bank]\nupstream = \"https://bank.example\"";
        /// Headers sent with every request in place of the caller's, by name: a key that services need not know.
        headers: BTreeMap<String, Secret> = BTreeMap::new() => "{ authorization = { env = \"STRIPE_AUTHORIZATION\" } }";
        /// Headers of requests that the upstream does not get to see.
        drop_request_headers: Vec<String> = Vec::new() => "[\"cookie\"]";
        /// Headers of answers that the caller does not get to see.
        drop_answer_headers: Vec<String> = Vec::new() => "[\"server\"]";
        /// Headers that tell callers apart, for limits and idempotency keys. The first that a request has counts, else its address.
        caller: Vec<String> = vec!["authorization".to_owned(), "x-api-key".to_owned()];
        /// How many redirects of GET and HEAD are followed, and only those that stay with the upstream. Others go to the caller.
        redirects: u32 = 0, within 0..=20;
        /// Whether WebSockets pass.
        websocket: bool = true;
        /// The greatest body of a request. It streams; nothing is held.
        max_body: ByteSize = ByteSize::gib(1), within ByteSize(0)..=ByteSize::tib(1);
        /// The greatest head of an answer.
        max_answer_head: ByteSize = ByteSize::kib(64), within ByteSize::kib(8)..=ByteSize::mib(1);
        /// Requests under way at the same time (bulkhead). Further ones wait.
        concurrency: u32 = 256, within 1..=1_000_000;
        /// How long a request may wait for its turn before it gets 503. With 0 it does at once.
        concurrency_wait: Duration = millis(0), within millis(0)..=minutes(10);
        /// How long each step may take.
        timeout: RouteTimeouts = RouteTimeouts::default();
        /// Connections to the upstream that are kept open.
        pool: PoolSettings = PoolSettings::default();
        /// Stops calling an upstream that keeps failing.
        breaker: RouteBreaker = RouteBreaker::default();
        /// Repeats what failed and may be repeated.
        retry: RouteRetry = RouteRetry::default();
        /// How many requests are let through.
        limit: RouteLimits = RouteLimits::default();
        /// Makes repeated requests with the same key run once.
        idempotency: Option<IdempotencySettings> = None;
        /// Keeps answers that may be kept (RFC 9111).
        cache: Option<RouteCache> = None;
    }
}

section! {
    /// How long each step of a call may take.
    pub struct RouteTimeouts {
        /// To look the name up and connect.
        connect: Duration = secs(5), within millis(1)..=hours(1);
        /// To agree on TLS.
        tls: Duration = secs(5), within millis(1)..=hours(1);
        /// To take more of the request's body, counted anew with each part.
        send: Duration = secs(30), within millis(1)..=hours(1);
        /// From the whole request sent to the head of the answer.
        first_byte: Duration = minutes(1), within millis(1)..=hours(1);
        /// To send more of the answer's body, counted anew with each part; for WebSockets, to send anything in either direction.
        idle: Duration = minutes(5), within millis(1)..=hours(24);
        /// All attempts together, up to the head of the answer. "none": as long as the steps take.
        total: Option<Duration> = None => "\"30s\"";
    }
}

section! {
    /// Connections that are kept open.
    pub struct PoolSettings {
        /// Connections without a request that are kept.
        max_idle: u32 = 64, within 0..=100_000;
        /// How long a connection is kept without a request. Shorter than the upstream does.
        idle_timeout: Duration = secs(50), within millis(1)..=hours(24);
        /// The age at which a connection is no longer used, so that changed addresses are noticed. "none": any.
        max_age: Option<Duration> = Some(minutes(30)), within secs(1)..=hours(24 * 365);
    }
}

choice! {
    /// Settings of a breaker that suit a well-known third party.
    pub enum BreakerPreset {
        /// 3 failures, 30 s.
        Stripe = "stripe",
        /// 5 failures, 60 s.
        Twilio = "twilio",
        /// 3 failures, 120 s.
        Namesilo = "namesilo",
        /// 5 failures, 30 s.
        Openai = "openai",
    }
}

choice! {
    /// What a breaker does besides deciding by itself.
    pub enum BreakerMode {
        /// Opens and closes.
        Auto = "auto",
        /// Counts, and lets everything pass.
        MetricsOnly = "metrics_only",
        /// Neither counts nor opens.
        Disabled = "disabled",
    }
}

section! {
    /// The circuit breaker of a route.
    pub struct RouteBreaker {
        /// What it does: `auto`, `metrics_only` (counts, lets everything pass) or `disabled`.
        mode: BreakerMode = BreakerMode::Auto;
        /// The values of `failures` and `open_for` for a well-known third party, where they are not set: `stripe`, `twilio`, `namesilo` or `openai`.
        preset: Option<BreakerPreset> = None => "\"stripe\"";
        /// Failures in a row until it opens. Not set: that of the preset, else 5.
        failures: Option<u32> = None, within 1..=1_000_000 => "3";
        /// How long it stays open before calls are tried. "none": that of the preset, else 30 s.
        open_for: Option<Duration> = None, within millis(1)..=hours(24) => "\"30s\"";
        /// The longest that it stays open when it opens again and again: each time twice as long, with up to a tenth more by chance.
        /// Once it has stayed closed for as long as it was open, this begins anew.
        max_open_for: Duration = minutes(5), within millis(1)..=hours(24);
        /// It also opens when at least this share of the calls in the window fails, above 0 to 1. "none": only by failures in a row.
        failure_rate: Option<f64> = None, within 0.0..=1.0 => "0.5";
        /// It also opens when at least this share of the calls in the window is slow, above 0 to 1. A slow trial then is a failed one. "none":
        /// never.
        slow_rate: Option<f64> = None, within 0.0..=1.0 => "0.8";
        /// A call that took longer is slow.
        slow_after: Duration = secs(5), within millis(1)..=hours(1);
        /// The window for rates: that many calls, where `window_time` is not set.
        window_calls: u32 = 100, within 1..=10_000;
        /// The window for rates: that much time.
        window_time: Option<Duration> = None, within secs(1)..=hours(1) => "\"1m\"";
        /// Calls in the window before rates count.
        minimum_calls: u32 = 20, within 1..=10_000;
        /// Calls let through at the same time while it is half open.
        trials: u32 = 1, within 1..=1000;
        /// Successes in a row until it closes.
        successes: u32 = 1, within 1..=1000;
        /// Statuses of answers that are failures: codes as "502", classes as "5xx", ranges as "500-504".
        failure_status: Vec<String> = vec!["500".to_owned(), "502-504".to_owned()];
    }
}

section! {
    /// What is repeated and how often.
    pub struct RouteRetry {
        /// Attempts in all, the first included. With 1 nothing is repeated.
        attempts: u32 = 3, within 1..=20;
        /// The upper end of the first delay; further ones grow with decorrelated jitter.
        base: Duration = millis(100), within millis(1)..=minutes(10);
        /// The greatest delay. An upstream that asks for more (Retry-After) is not asked again; the caller is told.
        max: Duration = secs(10), within millis(1)..=hours(1);
        /// No attempt begins later than this after the first.
        within: Duration = secs(30), within millis(1)..=hours(1);
        /// Statuses of answers after which a request is repeated.
        status: Vec<String> = vec!["429".to_owned(), "502-504".to_owned()];
        /// Whether a request that is not idempotent by its method (RFC 9110, section 9.2.2) is repeated where it carries a key. Without a key it
        /// never is, unless nothing of it was sent.
        keyed: bool = true;
        /// The greatest body that is held to be sent again. A larger one is sent once.
        max_body: ByteSize = ByteSize::kib(64), within ByteSize(0)..=ByteSize::mib(16);
        /// Repetitions that the upstream gets for each request, in the long run: 0.2 is one for five.
        budget: f64 = 0.2, within 0.0..=10.0;
        /// Repetitions a second that it gets besides.
        budget_floor: f64 = 1.0, within 0.0..=1000.0;
    }
}

section! {
    /// How many requests are let through.
    pub struct RouteLimits {
        /// For the route as a whole.
        route: Option<RateSettings> = None;
        /// For each caller.
        caller: Option<RateSettings> = None;
        /// Callers that are counted apart. Further ones share one count.
        max_callers: u32 = 10_000, within 1..=1_000_000;
        /// Whether the upstream's own limit is learned from its answers (RateLimit, X-RateLimit-…, Retry-After) and kept.
        learn: bool = true;
        /// How long a request may wait for the upstream's limit. One that would wait longer gets 429.
        max_wait: Duration = secs(2), within millis(0)..=minutes(10);
    }
}

section! {
    /// A rate.
    pub struct RateSettings {
        required {
            /// Requests let through in the time that `per` says.
            requests: u32 => "100";
        }
        /// The time.
        per: Duration = secs(1), within millis(1)..=hours(24);
        /// How many may come at once. Not set: `requests`.
        burst: Option<u32> = None, within 1..=1_000_000 => "20";
    }
}

choice! {
    /// What becomes of a key whose request got an answer of the class 5xx.
    pub enum ServerErrors {
        /// The answer is kept and given again: it may have done something.
        Keep = "keep",
        /// The key is free: the request may be made again.
        Release = "release",
    }
}

choice! {
    /// What a repeated request gets when nobody knows how the first ended.
    pub enum UnknownOutcome {
        /// 409, which says so.
        Refuse = "refuse",
        /// It runs again: the upstream honours the key itself.
        Repeat = "repeat",
    }
}

section! {
    /// Idempotency keys: `Idempotency-Key` or `X-Idempotency-Key`.
    pub struct IdempotencySettings {
        /// Whether requests without a key are refused with 400.
        required: bool = false;
        /// Methods for which keys count.
        methods: Vec<String> = vec!["POST".to_owned(), "PATCH".to_owned()];
        /// How long an agent holds a key before it must renew its hold, which it does while the request runs. When it ends without, the outcome is
        /// unknown.
        lease: Duration = secs(30), within secs(1)..=hours(1);
        /// How long an answer is kept.
        keep_for: Duration = hours(24), within secs(1)..=hours(24 * 365);
        /// How long it is kept that an outcome is unknown.
        keep_unknown_for: Duration = hours(24 * 7), within secs(1)..=hours(24 * 365);
        /// The greatest body of a request with a key. Larger ones get 413.
        max_body: ByteSize = ByteSize::mib(1), within ByteSize(0)..=ByteSize::mib(64);
        /// The greatest body of an answer that is kept. Of a larger one only its status is, and a repeated request is told so.
        max_answer: ByteSize = ByteSize::mib(1), within ByteSize(0)..=ByteSize::mib(64);
        /// What becomes of a key when the upstream answers 5xx: `keep` or `release`. 401, 407, 408, 421, 425, 429 and 503 say that nothing was
        /// done: they always release it.
        server_errors: ServerErrors = ServerErrors::Keep;
        /// What a repeated request gets when nobody knows how the first ended: `refuse` (409) or `repeat`, for an upstream that honours the key itself.
        unknown: UnknownOutcome = UnknownOutcome::Refuse;
    }
}

section! {
    /// What a route keeps of answers.
    pub struct RouteCache {
        /// How long an answer counts as fresh that says nothing of it and may be kept. "none": it is not kept.
        default_ttl: Option<Duration> = None, within secs(1)..=hours(24 * 30) => "\"10s\"";
        /// The longest that an answer counts as fresh, whatever it says.
        max_ttl: Duration = hours(24), within secs(1)..=hours(24 * 365);
        /// How long after it ended an answer is given when the upstream fails (stale-if-error, RFC 5861), unless it says otherwise.
        stale_if_error: Duration = secs(0), within secs(0)..=hours(24 * 30);
        /// The greatest body that is kept.
        max_entry: ByteSize = ByteSize::mib(1), within ByteSize(0)..=ByteSize::mib(64);
    }
}

section! {
    /// Where answers are kept.
    pub struct CacheSettings {
        /// Memory for answers of all routes (L1).
        memory: ByteSize = ByteSize::mib(64), within ByteSize::kib(64)..=ByteSize::gib(64);
        /// A Redis or Valkey that several agents share (L2). Not set: memory only.
        url: Option<ProbeUrl> = None => "\"rediss://cache:6379/0\"";
        /// The password to log in with.
        password: Option<Secret> = None => "{ env = \"CACHE_PASSWORD\" }";
        /// TLS towards a rediss:// URL. Not set: the well-known public authorities.
        tls: Option<ClientTls> = None;
        /// How long L2 may take before the upstream is asked instead.
        timeout: Duration = millis(50), within millis(1)..=minutes(1);
        /// Bodies from this size on are compressed in L2 (zstd).
        compress_from: ByteSize = ByteSize::kib(1), within ByteSize(0)..=ByteSize::gib(1);
    }
}
