//! What scrapers ask for, in their own words.

use crate::series::exposition::{Format, Offer, accepts_gzip, negotiate};
use crate::series::naming::Escaping;

const PROTO: &str =
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

/// Scenario: the `Accept` headers of Prometheus from 2.5 to 3.x, with and without native histograms, and of others.
/// Guarantees: each gets the format it likes best, with the escaping it asked for in that format.
#[test]
fn scrapers_get_what_they_like_best() {
    use Escaping::{AllowUtf8, Underscores, Values};
    use Format::{OpenMetrics001, OpenMetrics100, Protobuf, Text004, Text100};
    let utf8_first = format!(
        "{PROTO};escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,*/*;q=0.1"
    );
    let proto_first = format!(
        "{PROTO};q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
    );
    let native_2_42 = format!(
        "{PROTO},application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
    );
    let table: &[(&str, Format, Option<Escaping>)] = &[
        // Prometheus 2.5 to 2.34, 2.42, 2.49 to 2.55.
        (
            "application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            OpenMetrics001,
            None,
        ),
        (
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            OpenMetrics100,
            None,
        ),
        (
            "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            OpenMetrics100,
            None,
        ),
        (&native_2_42, Protobuf, None),
        // Prometheus 3.0, and 3.x with text and with protobuf first.
        (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;escaping=allow-utf-8;q=0.3,*/*;q=0.2",
            OpenMetrics100,
            Some(AllowUtf8),
        ),
        (
            "application/openmetrics-text;version=1.0.0;escaping=underscores;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=underscores;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            OpenMetrics100,
            Some(Underscores),
        ),
        (&proto_first, Protobuf, None),
        (&utf8_first, Protobuf, Some(AllowUtf8)),
        // One format alone.
        (
            "text/plain;version=1.0.0;escaping=values",
            Text100,
            Some(Values),
        ),
        (
            "text/plain;version=0.0.4;escaping=allow-utf-8",
            Text004,
            None,
        ),
        ("text/plain", Text004, None),
        ("TEXT/Plain; Version=\"1.0.0\"", Text100, None),
        ("application/openmetrics-text", OpenMetrics100, None),
        // Browsers and tools.
        (
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            Text004,
            None,
        ),
        ("*/*", Text004, None),
        ("text/*", Text004, None),
        ("application/*", OpenMetrics100, None),
        ("application/json", Text004, None),
    ];
    for (accept, format, escaping) in table {
        let offer = Offer {
            format: *format,
            escaping: *escaping,
        };
        assert_eq!(negotiate(Some(accept)), offer, "{accept}");
    }
}

/// Scenario: equal weights in both orders, refusals, ranges that say less than others, unknown parameters and versions.
/// Guarantees: the weight decides, then the order; the closest range counts; what is not understood is no match.
#[test]
fn weights_decide_and_then_the_order() {
    let table = [
        (
            "text/plain;q=0.5,application/openmetrics-text;q=0.5",
            Format::Text004,
        ),
        (
            "application/openmetrics-text;q=0.5,text/plain;q=0.5",
            Format::OpenMetrics100,
        ),
        (
            "application/openmetrics-text;q=0.1,text/plain;q=0.9",
            Format::Text004,
        ),
        ("*/*,text/plain;q=0", Format::OpenMetrics100),
        (
            "text/*;q=0.1,text/plain;version=0.0.4;q=0.9,application/openmetrics-text;q=0.5",
            Format::Text004,
        ),
        (
            "text/plain;version=0.0.4;q=0.1,text/*;q=0.9",
            Format::Text100,
        ),
        (
            "application/openmetrics-text;version=2.0.0,text/plain;q=0.1",
            Format::Text004,
        ),
        (
            "application/openmetrics-text;charset=utf-8;flavour=hot;version=0.0.1",
            Format::OpenMetrics001,
        ),
        (
            "application/vnd.google.protobuf;encoding=delimited,application/openmetrics-text;q=0.1",
            Format::OpenMetrics100,
        ),
        (
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text",
            Format::Text004,
        ),
    ];
    for (accept, format) in table {
        assert_eq!(negotiate(Some(accept)).format, format, "{accept}");
    }
}

/// Scenario: no header, an empty one, malformed ones, and an escaping scheme that does not exist.
/// Guarantees: the answer is text 0.0.4 with underscores, and says what it is.
#[test]
fn without_a_usable_wish_it_is_plain_text() {
    assert_eq!(negotiate(None), Offer::PLAIN);
    let bad = [
        "",
        ",",
        ";;;",
        "/",
        "text",
        "*",
        "q=1",
        "text/plain;q=x",
        "application/openmetrics-text;q=1.5",
        "\u{fffd}/*",
        "text/plain;version=1.0.0;q=0",
    ];
    for accept in bad {
        assert_eq!(negotiate(Some(accept)), Offer::PLAIN, "{accept}");
    }
    let unknown = negotiate(Some("text/plain;version=1.0.0;escaping=runes"));
    assert_eq!(unknown.escaping, None);
    assert_eq!(unknown.escaping(), Escaping::Underscores);
    assert_eq!(
        Offer::PLAIN.content_type(),
        "text/plain; version=0.0.4; charset=utf-8"
    );
}

/// Scenario: each format, with and without an escaping scheme that was asked for.
/// Guarantees: `Content-Type` is what Prometheus picks its parser by, and repeats the scheme.
#[test]
fn content_types_name_version_and_escaping() {
    let table = [
        (
            Format::Text100,
            None,
            "text/plain; version=1.0.0; charset=utf-8",
        ),
        (
            Format::OpenMetrics001,
            None,
            "application/openmetrics-text; version=0.0.1; charset=utf-8",
        ),
        (
            Format::OpenMetrics100,
            Some(Escaping::AllowUtf8),
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
        ),
        (
            Format::Protobuf,
            None,
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
        ),
        (
            Format::Protobuf,
            Some(Escaping::Dots),
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; escaping=dots",
        ),
    ];
    for (format, escaping, text) in table {
        assert_eq!(Offer { format, escaping }.content_type(), text);
    }
}

/// Scenario: `Accept-Encoding` as Prometheus, curl and browsers send it, with refusals and preferences.
/// Guarantees: gzip is used where it is accepted and nothing else is liked better.
#[test]
fn gzip_is_used_where_it_is_wanted() {
    for good in [
        "gzip",
        "GZIP",
        "x-gzip",
        "deflate, gzip;q=0.5",
        "*",
        "*;q=0.1",
        "identity;q=0.5, gzip;q=1.0",
        "gzip, br, zstd",
    ] {
        assert!(accepts_gzip(Some(good)), "{good}");
    }
    let bad = [
        "",
        "identity",
        "gzip;q=0",
        "gzip;q=0, *",
        "*;q=0",
        "br",
        "gzip;q=0.1, identity",
        "gzip;q=oops",
    ];
    for bad in bad {
        assert!(!accepts_gzip(Some(bad)), "{bad}");
    }
    assert!(!accepts_gzip(None));
}
