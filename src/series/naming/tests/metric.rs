//! Metric names.

use crate::series::naming::MetricKind::{
    Counter, Gauge, Histogram, Info, StateSet, Summary, Unknown,
};
use crate::series::naming::{
    Escaping, MetricKind, Strategy, TARGET, TextFormat, escape_metric_name, metric_name,
};

const DEFAULT: Strategy = Strategy::UnderscoreEscapingWithSuffixes;
const NO_SUFFIXES: Strategy = Strategy::UnderscoreEscapingWithoutSuffixes;
const UTF8: Strategy = Strategy::NoUtf8EscapingWithSuffixes;
const NONE: Strategy = Strategy::NoTranslation;

type Case = (
    Strategy,
    &'static str,
    &'static str,
    MetricKind,
    &'static str,
);

fn check(cases: &[Case]) {
    for (strategy, name, unit, kind, full) in cases {
        assert_eq!(
            metric_name(*strategy, name, unit, *kind).as_deref(),
            Ok(*full),
            "{name} in {unit}, a {kind:?}, {strategy:?}"
        );
    }
}

/// Scenario: names with characters of every sort. Guarantees: what is discouraged is replaced where the strategy
/// escapes, and nowhere else.
#[test]
fn characters() {
    check(&[
        // "match the regular expression: `[a-zA-Z_:]([a-zA-Z0-9_:])*`"
        (DEFAULT, "simple_metric", "", Gauge, "simple_metric"),
        (DEFAULT, "job:rate:Sum5m", "", Gauge, "job:rate:Sum5m"),
        (DEFAULT, "_private", "", Gauge, "_private"),
        (DEFAULT, ":colon", "", Gauge, ":colon"),
        // "Discouraged characters in the metric name SHOULD be replaced with the `_` character by default"
        (
            DEFAULT,
            "http.server.duration",
            "",
            Gauge,
            "http_server_duration",
        ),
        (
            NO_SUFFIXES,
            "http.server.duration",
            "",
            Gauge,
            "http_server_duration",
        ),
        (
            UTF8,
            "http.server.duration",
            "",
            Gauge,
            "http.server.duration",
        ),
        (
            NONE,
            "http.server.duration",
            "",
            Gauge,
            "http.server.duration",
        ),
        (
            NO_SUFFIXES,
            "metric@with#special$chars",
            "",
            Gauge,
            "metric_with_special_chars",
        ),
        (NO_SUFFIXES, ".foo-", "", Gauge, "_foo_"),
        (DEFAULT, "métric_ñ_chars", "", Gauge, "m_tric_chars"),
        (NONE, "métric_ñ_chars", "", Gauge, "métric_ñ_chars"),
        // "Multiple consecutive `_` characters SHOULD be replaced with a single `_` character."
        (NO_SUFFIXES, "metric@@##$$name", "", Gauge, "metric_name"),
        (
            DEFAULT,
            "metric__with_.__many",
            "",
            Gauge,
            "metric_with_many",
        ),
        (NO_SUFFIXES, "metric__name", "", Gauge, "metric_name"),
        (NONE, "metric__name", "", Gauge, "metric__name"),
        (DEFAULT, "trailing.", "s", Counter, "trailing_seconds_total"),
        // The expression allows no digit in front.
        (DEFAULT, "123metric", "", Gauge, "_123metric"),
        (NO_SUFFIXES, "123metric", "", Gauge, "_123metric"),
        (DEFAULT, "123_requests", "", Counter, "_123_requests_total"),
        (NONE, "123metric", "", Gauge, "123metric"),
    ]);
}

/// Scenario: units and names that do or do not end with them. Guarantees: the unit stands once, before the type.
#[test]
fn unit_suffixes() {
    check(&[
        // "A suffix to the metric name SHOULD be added"
        (
            DEFAULT,
            "response_time",
            "ms",
            Gauge,
            "response_time_milliseconds",
        ),
        (
            DEFAULT,
            "http.request.duration",
            "ms",
            Histogram,
            "http_request_duration_milliseconds",
        ),
        (
            UTF8,
            "http.request.duration",
            "ms",
            Histogram,
            "http.request.duration_milliseconds",
        ),
        (
            DEFAULT,
            "response_time",
            "s",
            Summary,
            "response_time_seconds",
        ),
        (DEFAULT, "disk", "TiBy", Gauge, "disk_tebibytes"),
        (DEFAULT, "disk", "kBy", Gauge, "disk_kilobytes"),
        (DEFAULT, "thing", "By", Unknown, "thing_bytes"),
        (
            DEFAULT,
            "throughput",
            "By/s",
            Gauge,
            "throughput_bytes_per_second",
        ),
        (DEFAULT, "requests", "1/s", Gauge, "requests_per_second"),
        (
            DEFAULT,
            "custom_metric",
            "custom_unit",
            Gauge,
            "custom_metric_custom_unit",
        ),
        (NO_SUFFIXES, "response_time", "ms", Gauge, "response_time"),
        (NONE, "response.time", "ms", Gauge, "response.time"),
        // "Portions of the Unit within brackets (e.g. {packet}) MUST be dropped."
        (DEFAULT, "net.packets", "{packet}", Gauge, "net_packets"),
        (
            DEFAULT,
            "net.packets",
            "{packet}/s",
            Gauge,
            "net_packets_per_second",
        ),
        // "unless the metric name already ends with the unit (before type-specific suffixes)"
        (
            DEFAULT,
            "response_time_seconds",
            "s",
            Gauge,
            "response_time_seconds",
        ),
        (
            DEFAULT,
            "response.time.seconds",
            "s",
            Gauge,
            "response_time_seconds",
        ),
        (
            UTF8,
            "response.time.seconds",
            "s",
            Gauge,
            "response.time.seconds",
        ),
        (DEFAULT, "seconds", "s", Gauge, "seconds"),
        (
            DEFAULT,
            "cpu_seconds_total",
            "s",
            Counter,
            "cpu_seconds_total",
        ),
        (UTF8, "cpu_seconds_total", "s", Counter, "cpu_seconds_total"),
        (UTF8, "cpu.seconds_total", "s", Counter, "cpu.seconds_total"),
        (
            DEFAULT,
            "io_bytes_per_second",
            "By/s",
            Gauge,
            "io_bytes_per_second",
        ),
        // A beginning or a longer word is no end.
        (
            DEFAULT,
            "seconds_since",
            "s",
            Gauge,
            "seconds_since_seconds",
        ),
        (
            DEFAULT,
            "wait_milliseconds",
            "s",
            Gauge,
            "wait_milliseconds_seconds",
        ),
        (DEFAULT, "io_bytes", "By/s", Gauge, "io_bytes_per_second"),
        (
            DEFAULT,
            "io_per_second",
            "By/s",
            Gauge,
            "io_per_second_bytes_per_second",
        ),
        // "The unit suffix comes before any type-specific suffixes."
        (DEFAULT, "cpu.time", "s", Counter, "cpu_time_seconds_total"),
        (DEFAULT, "cpu_total", "s", Counter, "cpu_seconds_total"),
        (UTF8, "cpu.time", "s", Counter, "cpu.time_seconds_total"),
        // A gauge of unit 1 is a ratio, and nothing else of unit 1.
        (DEFAULT, "cpu_usage", "1", Gauge, "cpu_usage_ratio"),
        (UTF8, "cpu.usage", "1", Gauge, "cpu.usage_ratio"),
        (DEFAULT, "hit.ratio", "1", Gauge, "hit_ratio"),
        (NO_SUFFIXES, "cpu_usage", "1", Gauge, "cpu_usage"),
        (NONE, "cpu.usage", "1", Gauge, "cpu.usage"),
        (DEFAULT, "cpu_usage", "1", Histogram, "cpu_usage"),
        (DEFAULT, "cpu_usage", "1", Unknown, "cpu_usage"),
        // No unit, no suffix.
        (DEFAULT, "cpu_usage", "", Gauge, "cpu_usage"),
        (DEFAULT, "metric", "/", Gauge, "metric"),
        (DEFAULT, "build", "s", Info, "build_info"),
        (DEFAULT, "feature", "By", StateSet, "feature"),
    ]);
}

/// Scenario: kinds and names that do or do not end with their suffix. Guarantees: the suffix stands once, at the end.
#[test]
fn type_suffixes() {
    check(&[
        // "If the metric name for monotonic Sum metric points does not end in a suffix of `_total` a suffix of `_total`
        // SHOULD be added by default"
        (DEFAULT, "requests", "", Counter, "requests_total"),
        (
            DEFAULT,
            "http.requests",
            "1",
            Counter,
            "http_requests_total",
        ),
        (UTF8, "requêsts", "", Counter, "requêsts_total"),
        (UTF8, "@#$%", "", Counter, "@#$%_total"),
        (
            DEFAULT,
            "total_requests",
            "",
            Counter,
            "total_requests_total",
        ),
        (DEFAULT, "subtotal", "", Counter, "subtotal_total"),
        (NO_SUFFIXES, "http.requests", "1", Counter, "http_requests"),
        (NONE, "http.requests", "1", Counter, "http.requests"),
        // "otherwise the name MUST remain unchanged"
        (DEFAULT, "requests_total", "", Counter, "requests_total"),
        (DEFAULT, "requests.total", "", Counter, "requests_total"),
        (
            DEFAULT,
            "requests_total_total",
            "",
            Counter,
            "requests_total_total",
        ),
        (DEFAULT, "_total", "", Counter, "_total"),
        (UTF8, "requests_total", "", Counter, "requests_total"),
        (UTF8, "requests__total", "", Counter, "requests__total"),
        (UTF8, "requests.total", "", Counter, "requests.total_total"),
        (NONE, "requests_total", "", Counter, "requests_total"),
        // No other kind has a `_total` to add or to lose.
        (DEFAULT, "active", "", Gauge, "active"),
        (DEFAULT, "active_total", "s", Gauge, "active_total_seconds"),
        (DEFAULT, "latency", "", Histogram, "latency"),
        (DEFAULT, "state", "", StateSet, "state"),
        (DEFAULT, "thing", "", Unknown, "thing"),
        // "a Prometheus Gauge with an additional `_info` name suffix MUST be produced": no strategy takes it away.
        (DEFAULT, "build", "", Info, "build_info"),
        (DEFAULT, "build_info", "", Info, "build_info"),
        (NO_SUFFIXES, "app.build", "", Info, "app_build_info"),
        (UTF8, "app.build", "", Info, "app.build_info"),
        (NONE, "app.build", "", Info, "app.build_info"),
        (NONE, "app.build_info", "", Info, "app.build_info"),
    ]);
}

/// Scenario: the info metric of a resource. Guarantees: it is "`target_info`" in every strategy.
#[test]
fn the_target() {
    for strategy in Strategy::ALL {
        let name = metric_name(strategy, TARGET, "", Info);
        assert_eq!(name.as_deref(), Ok("target_info"), "{strategy:?}");
    }
}

/// Scenario: names of which nothing is left. Guarantees: each is refused, by its name, of which an error repeats no
/// more than a line.
#[test]
fn names_of_nothing() {
    let cases = [
        (DEFAULT, ""),
        (NO_SUFFIXES, ""),
        (UTF8, ""),
        (NONE, ""),
        (DEFAULT, "@#$%"),
        (NO_SUFFIXES, "@_#_$_%"),
        (DEFAULT, "花火"),
        (DEFAULT, "_"),
        (NONE, "___"),
        (UTF8, "___"),
    ];
    for (strategy, name) in cases {
        let error = metric_name(strategy, name, "s", Counter).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(&format!("{name:?}")), "{text}");
    }
    let long = metric_name(DEFAULT, &"花".repeat(1000), "", Gauge).unwrap_err();
    assert!(long.to_string().chars().count() < 200, "{long}");
}

/// Scenario: the table of "Interaction with Translation Strategy", for "a counter metric named `foo.bar` with unit
/// `By`". Guarantees: the names in it.
#[test]
fn strategies_and_escaping() {
    let table = [
        (DEFAULT, "foo_bar_bytes_total", "foo_bar_bytes_total"),
        (NO_SUFFIXES, "foo_bar", "foo_bar"),
        (UTF8, "foo_bar_bytes_total", "foo.bar_bytes_total"),
        (NONE, "foo_bar", "foo.bar"),
    ];
    for (strategy, underscores, utf8) in table {
        let name = metric_name(strategy, "foo.bar", "By", Counter).unwrap();
        let shown = |escaping| escape_metric_name(escaping, &name).into_owned();
        assert_eq!(shown(Escaping::default()), underscores, "{strategy:?}");
        assert_eq!(shown(Escaping::Underscores), underscores, "{strategy:?}");
        assert_eq!(shown(Escaping::AllowUtf8), utf8, "{strategy:?}");
    }
}

/// Scenario: the strategies. Guarantees: each does what its name says, and the default is the specification's.
#[test]
fn the_strategies() {
    let does = |strategy: Strategy| (strategy.escapes(), strategy.adds_suffixes());
    assert_eq!(does(DEFAULT), (true, true));
    assert_eq!(does(NO_SUFFIXES), (true, false));
    assert_eq!(does(UTF8), (false, true));
    assert_eq!(does(NONE), (false, false));
    assert_eq!(Strategy::default(), DEFAULT);
}

/// Scenario: the words for every kind. Guarantees: each format gets only words it knows; "a Prometheus Gauge MUST be
/// produced" for what it does not.
#[test]
fn words_of_types() {
    let words = [
        (Counter, "counter", "counter"),
        (Gauge, "gauge", "gauge"),
        (Histogram, "histogram", "histogram"),
        (Summary, "summary", "summary"),
        (Info, "gauge", "info"),
        (StateSet, "gauge", "stateset"),
        (Unknown, "untyped", "unknown"),
    ];
    assert_eq!(words.map(|(kind, ..)| kind), MetricKind::ALL);
    for (kind, text, open_metrics) in words {
        assert_eq!(kind.word(TextFormat::Prometheus), text);
        assert_eq!(kind.word(TextFormat::OpenMetrics), open_metrics);
    }
}
