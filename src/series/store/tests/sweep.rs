use super::*;

/// Scenario: series of every lineage and kind, and ever later sweeps.
/// Guarantees: each goes when its own time has passed, not before; the answer names it.
#[test]
fn each_kind_has_its_time() {
    use Lineage::{Converted, Derived, Received};
    let table = [
        (MetricKind::Gauge, Received, 10),
        (MetricKind::Unknown, Received, 10),
        (MetricKind::Summary, Received, 10),
        (MetricKind::Counter, Received, 20),
        (MetricKind::Histogram, Received, 20),
        (MetricKind::Counter, Converted, 30),
        (MetricKind::Gauge, Converted, 30),
        (MetricKind::Histogram, Derived, 30),
    ];
    for (kind, lineage, after) in table {
        let mut store = store();
        let family = store.family(&spec("a", kind)).unwrap();
        let new = NewSeries {
            lineage,
            ..series(&store, family, "")
        };
        let id = store.insert(new, 0, at(100)).unwrap();
        assert_eq!(
            store.sweep(at(100 + after), &EXPIRY),
            [],
            "{kind:?} {lineage:?}"
        );
        assert_eq!(
            store.sweep(at(50), &EXPIRY),
            [],
            "a clock set back ends nothing"
        );
        assert_eq!(
            store.sweep(at(101 + after), &EXPIRY),
            [id],
            "{kind:?} {lineage:?}"
        );
        assert!(store.is_empty() && store.get_family(family).is_none());
    }
}

/// Scenario: of two series one is kept alive by points; both are shown in a view as well.
/// Guarantees: the other goes from its family and from the view, and the epoch changes; without an end it does not.
#[test]
fn a_sweep_takes_ended_series_everywhere() {
    let mut store = store();
    let family = gauge(&mut store, "a");
    let view = store
        .view(&spec("v", MetricKind::Gauge), Reading::Same, false)
        .unwrap();
    let ids = ["", r#"x="1""#].map(|labels| insert(&mut store, family, labels).unwrap());
    for id in ids {
        store.show(view, id, None);
    }
    store.get_mut(ids[1]).unwrap().seen_s = 100;
    let epoch = store.epoch();
    assert_eq!(store.sweep(at(5), &EXPIRY), []);
    assert_eq!(store.epoch(), epoch);
    assert_eq!(store.sweep(at(101), &EXPIRY), [ids[0]]);
    assert_ne!(store.epoch(), epoch);
    let lens = [family, view].map(|family| store.get_family(family).unwrap().len());
    assert_eq!((lens, store.len()), ([1, 1], 1));
}
