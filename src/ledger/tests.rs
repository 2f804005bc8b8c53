use std::sync::Arc;

use bytes::Bytes;

use super::*;
use crate::otlp::{Batch, Encoding, Origin, ServiceItems};

fn batch(signal: Signal, services: &[(&str, u32)]) -> Batch {
    let services: Arc<[ServiceItems]> = services
        .iter()
        .map(|(name, items)| ServiceItems {
            service: Arc::from(*name),
            items: *items,
        })
        .collect();
    Batch {
        signal,
        origin: Origin::Outside,
        encoding: Encoding::Identity,
        items: services.iter().map(|part| part.items).sum(),
        inflated_len: 0,
        received_unix_ms: 0,
        services,
        bytes: Bytes::new(),
    }
}

/// Scenario: batches of two services leave in every way.
/// Guarantees: each counter holds exactly its items, overall and by service.
#[test]
fn every_fate_is_counted_where_it_belongs() {
    let account = Account::new("collector", SignalSet::ALL, 10);
    let spans = batch(Signal::Traces, &[("shop", 3), ("bank", 4)]);
    for _ in 0..5 {
        account.enter(&spans);
    }
    account.leave(&spans, Fate::Delivered);
    account.leave(&spans, Fate::Refused);
    account.leave(&spans, Fate::PartlyRefused { refused: 5 });
    account.leave(&spans, Fate::Dropped(DropReason::Expired));
    let total = account.total(Signal::Traces);
    assert_eq!(
        (
            total.received,
            total.waiting,
            total.delivered,
            total.refused
        ),
        (35, 7, 9, 12)
    );
    let report = account.report();
    let bank = &report.services["bank"][&Signal::Traces];
    assert_eq!(
        (bank.delivered, bank.refused, bank.dropped["expired"]),
        (6, 6, 4)
    );
    assert!(
        report
            .services
            .values()
            .flat_map(|rows| rows.values())
            .all(TallyReport::adds_up)
    );
}

/// Scenario: more services than the limit, and a name of a kilobyte that a cut may not split.
/// Guarantees: the number of rows is bounded, what is beyond stands under one name, sums hold.
#[test]
fn services_are_bounded() {
    let account = Account::new("collector", SignalSet::ALL, 2);
    let long = "ü".repeat(500);
    let logs = batch(Signal::Logs, &[(&long, 1), ("", 2), ("c", 3), ("d", 4)]);
    account.enter(&logs);
    account.leave(&logs, Fate::Delivered);
    let report = account.report();
    assert_eq!(report.services.len(), 3);
    assert_eq!(report.services["(other)"][&Signal::Logs].delivered, 7);
    assert_eq!(report.services["(unnamed)"][&Signal::Logs].delivered, 2);
    assert!(report.services.keys().all(|name| name.len() <= 100));
}

/// Scenario: items are lost of which only the number is known, then the rest is delivered.
/// Guarantees: the overall row is right at once, the services' rows once nothing waits.
#[test]
fn losses_without_a_name_are_attributed_when_the_rest_is_settled() {
    let account = Account::new("collector", SignalSet::ALL, 10);
    let (lost, kept) = (
        batch(Signal::Traces, &[("a", 5)]),
        batch(Signal::Traces, &[("b", 2)]),
    );
    account.enter(&lost);
    account.enter(&kept);
    account.lose(Signal::Traces, 5, DropReason::Corrupted);
    assert_eq!(account.total(Signal::Traces).waiting, 2);
    account.leave(&kept, Fate::Delivered);
    let report = account.report();
    assert_eq!(
        report.services["a"][&Signal::Traces].dropped["corrupted"],
        5
    );
    assert_eq!(report.services["b"][&Signal::Traces].delivered, 2);
    assert_eq!(account.waiting(), 0);
}

/// Scenario: a book is written and read back; then every shorter prefix of its bytes is read.
/// Guarantees: equal rows; a cut snapshot is refused, never misread and never a panic.
#[test]
fn snapshots_come_back_equal_or_not_at_all() {
    let mut book = Book::new(4);
    let spans = batch(Signal::Metrics, &[("shop", 300), ("bank", 70_000)]);
    book.enter(spans.signal, spans.items, &spans.services);
    book.leave(
        spans.signal,
        spans.items,
        &spans.services,
        Fate::PartlyRefused { refused: 200 },
    );
    book.enter_lost(Signal::Logs, 9, DropReason::Evicted);
    let mut bytes = Vec::new();
    book.encode(&mut bytes);
    let back = Book::decode(&bytes, 4).expect("a whole snapshot");
    assert_eq!((back.totals, back.other), (book.totals, book.other));
    assert_eq!(back.services, book.services);
    assert!((0..bytes.len()).all(|len| Book::decode(&bytes[..len], 4).is_none()));
}

/// Scenario: requests are turned away, one of known and one of unknown size.
/// Guarantees: requests and known items are counted; the JSON has the documented shape.
#[test]
fn the_report_has_the_documented_shape() {
    let ledger = Ledger::new(10);
    ledger.turn_away(Signal::Logs, TurnedAway::Full, Some(7));
    ledger.turn_away(Signal::Logs, TurnedAway::Full, None);
    ledger
        .account("b", SignalSet::NONE.with(Signal::Logs))
        .enter(&batch(Signal::Logs, &[("x", 1)]));
    let json = serde_json::to_value(ledger.report()).expect("json");
    assert_eq!(json["turned_away"]["logs"]["full"]["requests"], 2);
    assert_eq!(json["turned_away"]["logs"]["full"]["items"], 7);
    assert_eq!(json["exports"]["b"]["logs"]["waiting"], 1);
    assert_eq!(json["exports"]["b"]["services"]["x"]["logs"]["received"], 1);
    assert!(json["exports"]["b"].get("traces").is_none());
}
