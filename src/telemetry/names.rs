//! The name of every instrument the agent has, and of every attribute it puts on them.
//!
//! OpenTelemetry semantic conventions come first; what they do not cover begins with `lineside.`.

use opentelemetry::Key;

/// Duration of one call on a gRPC receiver (semantic conventions for RPC, release candidate).
pub const RPC_SERVER_CALL_DURATION: &str = "rpc.server.call.duration";
/// Duration of one HTTP request (semantic conventions for HTTP).
pub const HTTP_SERVER_REQUEST_DURATION: &str = "http.server.request.duration";
/// HTTP requests being answered now (semantic conventions for HTTP).
pub const HTTP_SERVER_ACTIVE_REQUESTS: &str = "http.server.active_requests";

/// Duration of one attempt at an upstream (semantic conventions for HTTP).
pub const HTTP_CLIENT_REQUEST_DURATION: &str = "http.client.request.duration";

/// Open connections to upstreams, by their state (semantic conventions for HTTP).
pub const HTTP_CLIENT_OPEN_CONNECTIONS: &str = "http.client.open_connections";
/// Requests sent to an upstream again, by reason.
pub const GATEWAY_RETRIES: &str = "lineside.gateway.retries";
/// Requests that the gateway refused itself, by guard.
pub const GATEWAY_REFUSALS: &str = "lineside.gateway.refusals";
/// Requests held back by a rate limit.
pub const RATE_LIMIT_HITS: &str = "rate_limit.hits";
/// Requests of routes with idempotency keys, by what became of them.
pub const IDEMPOTENCY_REQUESTS: &str = "lineside.idempotency.requests";

/// Items taken in, for each export.
pub const ITEMS_RECEIVED: &str = "lineside.items.received";
/// Items an export's destination has accepted.
pub const ITEMS_DELIVERED: &str = "lineside.items.delivered";
/// Items an export's destination has refused for good.
pub const ITEMS_REFUSED: &str = "lineside.items.refused";
/// Items given up, by reason.
pub const ITEMS_DROPPED: &str = "lineside.items.dropped";
/// Items not yet delivered, refused or dropped.
pub const ITEMS_WAITING: &str = "lineside.items.waiting";
/// Items the intake took in, whatever exports select them.
pub const INTAKE_ITEMS: &str = "lineside.intake.items";
/// Requests turned away at the door, by signal and reason.
pub const INTAKE_TURNED_AWAY: &str = "lineside.intake.turned_away";
/// Bytes of the intake's budget in use.
pub const INTAKE_IN_FLIGHT: &str = "lineside.intake.in_flight";
/// Open connections, by listener.
pub const RECEIVE_CONNECTIONS: &str = "lineside.receive.connections";
/// Connections closed because too many were open, by listener.
pub const RECEIVE_CONNECTIONS_TURNED_AWAY: &str = "lineside.receive.connections.turned_away";

/// Bytes the journal takes on disk.
pub const JOURNAL_SIZE: &str = "lineside.journal.size";
/// Bytes in the journal that some export still needs.
pub const JOURNAL_LIVE_SIZE: &str = "lineside.journal.live_size";
/// The most bytes that may wait in the journal.
pub const JOURNAL_MAX_SIZE: &str = "lineside.journal.max_size";
/// Segments of the journal.
pub const JOURNAL_SEGMENTS: &str = "lineside.journal.segments";
/// Bytes of memory the journal holds.
pub const JOURNAL_MEMORY: &str = "lineside.journal.memory";
/// Group commits.
pub const JOURNAL_COMMITS: &str = "lineside.journal.commits";
/// Duration of one group commit.
pub const JOURNAL_COMMIT_DURATION: &str = "lineside.journal.commit.duration";
/// Writes to the journal that failed.
pub const JOURNAL_WRITE_ERRORS: &str = "lineside.journal.write_errors";

/// Series that are kept.
pub const SERIES_ACTIVE: &str = "lineside.series.active";
/// The most series that may be kept.
pub const SERIES_LIMIT: &str = "lineside.series.limit";
/// Metric families that are kept.
pub const SERIES_FAMILIES: &str = "lineside.series.families";
/// Bytes of memory that series use, roughly.
pub const SERIES_MEMORY: &str = "lineside.series.memory";
/// Bytes of requests that wait to be added to the series.
pub const SERIES_QUEUE_SIZE: &str = "lineside.series.queue.size";
/// Series that ended for want of points.
pub const SERIES_EXPIRED: &str = "lineside.series.expired";
/// Points that were not taken, or not as they came, by reason.
pub const SERIES_POINTS_FAULTY: &str = "lineside.series.points.faulty";
/// Requests that came when the series were closed.
pub const SERIES_REQUESTS_MISSED: &str = "lineside.series.requests.missed";
/// Bytes of the file that lets counters go on after a restart.
pub const SERIES_CONTINUITY_SIZE: &str = "lineside.series.continuity.size";
/// Failed attempts to write that file.
pub const SERIES_CONTINUITY_ERRORS: &str = "lineside.series.continuity.errors";

/// Duration of one export request.
pub const EXPORT_REQUEST_DURATION: &str = "lineside.export.request.duration";
/// Size of one export request as sent.
pub const EXPORT_REQUEST_SIZE: &str = "lineside.export.request.size";
/// Export requests sent again.
pub const EXPORT_RETRIES: &str = "lineside.export.retries";
/// Export requests under way.
pub const EXPORT_IN_FLIGHT: &str = "lineside.export.in_flight";
/// Age of the oldest batch an export has not delivered.
pub const EXPORT_OLDEST_WAITING_AGE: &str = "lineside.export.oldest_waiting.age";

/// State of a circuit breaker: 0 closed, 1 open, 2 half-open.
pub const CIRCUIT_BREAKER_STATE: &str = "circuit_breaker.state";
/// Changes of a circuit breaker's state, by the state that began and why.
pub const CIRCUIT_BREAKER_TRANSITIONS: &str = "circuit_breaker.transitions";
/// Calls that a circuit breaker was asked for, by what became of them.
pub const CIRCUIT_BREAKER_CALLS: &str = "circuit_breaker.calls";
/// Calls that took longer than a circuit breaker's policy allows, whatever became of them.
pub const CIRCUIT_BREAKER_SLOW_CALLS: &str = "circuit_breaker.slow_calls";
/// The share of calls that failed lately, as a circuit breaker sees it.
pub const CIRCUIT_BREAKER_FAILURE_RATE: &str = "circuit_breaker.failure_rate";
/// The span event of a change of a circuit breaker's state.
pub const CIRCUIT_BREAKER_TRANSITION: &str = "circuit_breaker.transition";

/// Whether what a probe checks works, by its state.
pub const PROBE_UP: &str = "lineside.probe.up";
/// Whether the last run of a probe succeeded.
pub const PROBE_SUCCESS: &str = "lineside.probe.success";
/// Duration of the runs of a probe.
pub const PROBE_DURATION: &str = "lineside.probe.duration";
/// Duration of the last run of a probe.
pub const PROBE_LAST_DURATION: &str = "lineside.probe.last_duration";
/// Duration of each phase of the last run of a probe.
pub const PROBE_PHASE_DURATION: &str = "lineside.probe.phase.duration";
/// Runs of a probe, by outcome and reason.
pub const PROBE_RUNS: &str = "lineside.probe.runs";
/// How much later than due runs begin.
pub const PROBE_LATENESS: &str = "lineside.probe.lateness";
/// When the first certificate that a probe was shown ends.
pub const PROBE_CERTIFICATE_END: &str = "lineside.probe.certificate.end";

/// Looks into a layer of the response cache, by outcome.
pub const CACHE_REQUESTS: &str = "cache.requests";
/// Answers given up to make room, by layer.
pub const CACHE_EVICTIONS: &str = "cache.evictions";
/// Answers taken in, by layer.
pub const CACHE_SETS: &str = "cache.sets";
/// What came to nothing because a layer of the response cache could not be used.
pub const CACHE_ERRORS: &str = "cache.errors";
/// Answers that are kept, by layer.
pub const CACHE_ENTRIES: &str = "cache.entries";
/// Memory that kept answers take, by layer.
pub const CACHE_SIZE: &str = "cache.size";
/// The most memory that kept answers may take, by layer.
pub const CACHE_MAX_SIZE: &str = "cache.max_size";
/// How long looks into a layer take, by quantile.
pub const CACHE_GET_DURATION: &str = "cache.get.duration";
/// How much larger answers are than what is stored of them, by layer.
pub const CACHE_COMPRESSION_RATIO: &str = "cache.compression_ratio";
/// Share of looks into the agent's memory that found an answer, as the reference documents name it.
pub const CACHE_L1_HIT_RATE: &str = "cache_L1_hit_rate";
/// The same of the shared layer.
pub const CACHE_L2_HIT_RATE: &str = "cache_L2_hit_rate";

/// CPU time of the process.
pub const PROCESS_CPU_TIME: &str = "process.cpu.time";
/// Resident memory of the process.
pub const PROCESS_MEMORY_USAGE: &str = "process.memory.usage";
/// Time since the process started.
pub const PROCESS_UPTIME: &str = "process.uptime";
/// Open file descriptors of the process.
pub const PROCESS_FILE_DESCRIPTORS: &str = "process.unix.file_descriptor.count";
/// Threads of the process.
pub const PROCESS_THREADS: &str = "process.thread.count";
/// Always 1, with the version as an attribute.
pub const BUILD_INFO: &str = "lineside.build_info";
/// Duration of one scrape, by format.
pub const SCRAPE_DURATION: &str = "lineside.scrape.duration";
/// Size of one scrape before compression, by format.
pub const SCRAPE_SIZE: &str = "lineside.scrape.size";
/// Series left out of scrapes because they could not be written in the format asked for.
pub const SCRAPE_LEFT_OUT: &str = "lineside.scrape.left_out";

/// The export's configured name.
pub const EXPORT: Key = Key::from_static_str("lineside.export");
/// `traces`, `metrics` or `logs`.
pub const SIGNAL: Key = Key::from_static_str("lineside.signal");
/// How many items a request carries.
pub const ITEMS: Key = Key::from_static_str("lineside.items");
/// Why items were dropped or a request was turned away.
pub const REASON: Key = Key::from_static_str("reason");
/// The configured name of a probe, on metrics.
pub const PROBE_NAME: Key = Key::from_static_str("probe");
/// The kind of a probe, on metrics.
pub const KIND: Key = Key::from_static_str("kind");
/// The phase of a run.
pub const PHASE: Key = Key::from_static_str("phase");
/// How an export request, or a run of a probe, ended.
pub const OUTCOME: Key = Key::from_static_str("outcome");
/// The layer of the response cache, `L1` or `L2`.
pub const CACHE_LAYER: Key = Key::from_static_str("cache.layer");
/// The quantile that a value is of, as `0.95`.
pub const QUANTILE: Key = Key::from_static_str("quantile");
/// The format of a scrape.
pub const FORMAT: Key = Key::from_static_str("format");
/// The listener a connection came in by.
pub const LISTENER: Key = Key::from_static_str("listener");
/// The dependency a circuit breaker guards.
pub const SERVICE: Key = Key::from_static_str("service");
/// `active` or `idle`.
pub const HTTP_CONNECTION_STATE: Key = Key::from_static_str("http.connection.state");
/// The configured name of a route of the gateway.
pub const ROUTE: Key = Key::from_static_str("lineside.route");
/// `egress` or `ingress`.
pub const DIRECTION: Key = Key::from_static_str("lineside.direction");
/// The guard of the gateway that refused a request.
pub const GUARD: Key = Key::from_static_str("guard");
/// What a rate limit is for: a route's prefix.
pub const ENDPOINT: Key = Key::from_static_str("endpoint");
/// Which limit it was: `route`, `caller` or `quota`.
pub const LIMIT: Key = Key::from_static_str("limit");
/// The state that a circuit breaker left.
pub const FROM: Key = Key::from_static_str("from");
/// The state that a circuit breaker entered.
pub const TO: Key = Key::from_static_str("to");
/// `user` or `system`.
pub const CPU_MODE: Key = Key::from_static_str("cpu.mode");
/// The version of the running build.
pub const VERSION: Key = Key::from_static_str("version");
/// The HTTP method.
pub const HTTP_METHOD: Key = Key::from_static_str("http.request.method");
/// How many requests followed the first of one call.
pub const HTTP_RESEND_COUNT: Key = Key::from_static_str("http.request.resend_count");
/// The route's template, never the raw path.
pub const HTTP_ROUTE: Key = Key::from_static_str("http.route");
/// The HTTP status code.
pub const HTTP_STATUS: Key = Key::from_static_str("http.response.status_code");
/// `grpc`.
pub const RPC_SYSTEM: Key = Key::from_static_str("rpc.system.name");
/// The full method, `package.Service/Method`.
pub const RPC_METHOD: Key = Key::from_static_str("rpc.method");
/// The gRPC status by name, such as `OK` or `UNAVAILABLE`.
pub const RPC_STATUS: Key = Key::from_static_str("rpc.response.status_code");
/// The path of a request as asked for.
pub const URL_PATH: Key = Key::from_static_str("url.path");
/// The request's id, the caller's own or the trace id.
pub const REQUEST_ID: Key = Key::from_static_str("request.id");
/// The class of an error; for HTTP the status code.
pub const ERROR_TYPE: Key = Key::from_static_str("error.type");

/// The host that a call goes to.
pub const SERVER_ADDRESS: Key = Key::from_static_str("server.address");
/// The port that a call goes to.
pub const SERVER_PORT: Key = Key::from_static_str("server.port");
/// The address that a connection was made to.
pub const PEER_ADDRESS: Key = Key::from_static_str("network.peer.address");
/// The port that a connection was made to.
pub const PEER_PORT: Key = Key::from_static_str("network.peer.port");
/// The version of TLS, as `1.3`.
pub const TLS_VERSION: Key = Key::from_static_str("tls.protocol.version");
/// The version of HTTP, as `1.1` or `2`.
pub const PROTOCOL_VERSION: Key = Key::from_static_str("network.protocol.version");
/// The scheme of a request's URL.
pub const URL_SCHEME: Key = Key::from_static_str("url.scheme");
/// The URL of a request, without user, password and query.
pub const URL_FULL: Key = Key::from_static_str("url.full");
/// The database system: `postgresql`, `mysql`, `mariadb`, `sqlite`, `redis`.
pub const DB_SYSTEM: Key = Key::from_static_str("db.system.name");
/// The database within the system.
pub const DB_NAMESPACE: Key = Key::from_static_str("db.namespace");
/// The operation: `SELECT`, `PING`.
pub const DB_OPERATION: Key = Key::from_static_str("db.operation.name");
/// The statement, without values.
pub const DB_QUERY: Key = Key::from_static_str("db.query.text");
/// The database's own code of an error, as `28P01`.
pub const DB_STATUS: Key = Key::from_static_str("db.response.status_code");
/// The name that a name server is asked for.
pub const DNS_QUESTION: Key = Key::from_static_str("dns.question.name");
/// The file or directory that is looked at.
pub const FILE_PATH: Key = Key::from_static_str("file.path");
/// The probe's configured name, on spans.
pub const PROBE: Key = Key::from_static_str("lineside.probe.name");
/// The kind of a probe, on spans.
pub const PROBE_KIND: Key = Key::from_static_str("lineside.probe.kind");
