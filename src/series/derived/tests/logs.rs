use super::*;

fn record(number: i32, text: &str) -> LogRecord {
    LogRecord {
        severity_number: number,
        severity_text: text.to_owned(),
        ..LogRecord::default()
    }
}

/// Scenario: every severity by number, and by text in the words of several sources.
/// Guarantees: ranges are those of the data model; the number counts before the text; nonsense is unspecified.
#[test]
fn severities_are_ranges_or_words() {
    let table = [
        (1, "", "TRACE"),
        (4, "", "TRACE"),
        (5, "", "DEBUG"),
        (9, "", "INFO"),
        (12, "ERROR", "INFO"),
        (16, "", "WARN"),
        (17, "", "ERROR"),
        (24, "", "FATAL"),
        (0, "Warning", "WARN"),
        (0, " err ", "ERROR"),
        (0, "CRITICAL", "FATAL"),
        (0, "notice", "INFO"),
        (0, "", "UNSPECIFIED"),
        (0, "important", "UNSPECIFIED"),
        (25, "", "UNSPECIFIED"),
        (-1, "debug", "DEBUG"),
    ];
    for (number, text, expected) in table {
        let mut shop = Shop::new(&DerivedOptions::default());
        shop.logs("web", vec![record(number, text)], at(0));
        let line =
            format!(r#"{{service_name="web",severity="{expected}",job="web",instance=""}} 1"#);
        assert_eq!(shop.shown("log_records_total"), [line], "{number} {text:?}");
    }
}

/// Scenario: records of two services in several requests; services beyond the limit on senders.
/// Guarantees: counts add up by service and severity; what is beyond is in the overflow series and a fault.
#[test]
fn records_are_counted_by_service() {
    let mut shop = Shop::limited(&DerivedOptions::default(), limits(100), 2);
    for _ in 0..3 {
        shop.logs(
            "web",
            vec![record(9, ""), record(9, ""), record(17, "")],
            at(0),
        );
        shop.logs("orders", vec![record(9, "")], at(0));
        shop.logs("beyond", vec![record(9, "")], at(0));
    }
    assert_eq!(
        shop.shown("log_records_total"),
        [
            r#"{otel_metric_overflow="true"} 3"#,
            r#"{service_name="orders",severity="INFO",job="orders",instance=""} 3"#,
            r#"{service_name="web",severity="ERROR",job="web",instance=""} 3"#,
            r#"{service_name="web",severity="INFO",job="web",instance=""} 6"#,
        ]
    );
    assert_eq!(shop.faults(Fault::TargetLimit), 3);
}
