use super::*;
use MetricKind::{Counter, Gauge, Histogram, Summary};

/// Scenario: pairs of families that share a name or a sample name, and pairs that do not.
/// Guarantees: the second is refused with the holder and the name that both need, or taken.
#[test]
fn sample_names_belong_to_one_family() {
    let table = [
        (("a", Gauge), ("a", Gauge), None),
        (("a", Gauge), ("b", Gauge), None),
        (("a", Gauge), ("a", Counter), Some("a")),
        (("a", Gauge), ("a", Histogram), Some("a")),
        (("a_bucket", Gauge), ("a", Histogram), Some("a_bucket")),
        (("a_count", Gauge), ("a", Histogram), Some("a_count")),
        (("a_sum", Gauge), ("a", Summary), Some("a_sum")),
        (("a_bucket", Gauge), ("a", Summary), None),
        (("a", Histogram), ("a_count", Gauge), Some("a_count")),
        (("a", Summary), ("a_bucket", Gauge), None),
        (("a", Histogram), ("a_total", Counter), None),
        (("a_total", Counter), ("a", Gauge), None),
    ];
    for ((name, kind), (second_name, second_kind), taken) in table {
        let mut store = store();
        let first = store.family(&spec(name, kind)).unwrap();
        let second = spec(second_name, second_kind);
        assert_eq!(store.holds(&second), taken.is_some() || name == second_name);
        let result = store.family(&second);
        let expected = taken.map(|name: &str| NameTaken {
            holder: first,
            name: name.into(),
        });
        assert_eq!(result.clone().err(), expected, "{name} {second_name}");
        if name == second_name && taken.is_none() {
            assert_eq!(result, Ok(first));
        }
    }
}

/// Scenario: a view that yields and one that does not, in the way of a received metric; a view in the way of a view.
/// Guarantees: the one gives its name up, the other keeps it; views never take a name that is held.
#[test]
fn views_give_way_if_they_yield() {
    let mut store = store();
    let held = gauge(&mut store, "held");
    let taken = store
        .view(&spec("held", Gauge), Reading::Same, true)
        .unwrap_err();
    assert_eq!(taken.holder, held);
    store
        .view(&spec("soft", Gauge), Reading::Same, true)
        .unwrap();
    let hard = store
        .view(&spec("hard", Gauge), Reading::Same, false)
        .unwrap();
    let epoch = store.epoch();
    gauge(&mut store, "soft");
    assert_ne!(store.epoch(), epoch);
    assert_eq!(store.family(&spec("hard", Gauge)).unwrap_err().holder, hard);
}

/// Scenario: a histogram needs the names of a view that yields and of a gauge that stays.
/// Guarantees: it is refused, and the view stays as well.
#[test]
fn a_view_does_not_give_way_in_vain() {
    let mut store = store();
    let view = store.view(&spec("a", Gauge), Reading::Same, true).unwrap();
    gauge(&mut store, "a_count");
    assert!(store.family(&spec("a", Histogram)).is_err());
    assert!(store.get_family(view).is_some());
}

/// Scenario: an own family and a pinned one lose their series.
/// Guarantees: the pinned one stays, the other's names are free.
#[test]
fn pinned_families_stay() {
    let mut store = store();
    let pinned = store.pinned_family(&spec("p", Counter)).unwrap();
    let other = store.family(&spec("h", Histogram)).unwrap();
    let ids = [pinned, other].map(|family| insert(&mut store, family, "").unwrap());
    store.remove(&ids);
    assert!(store.get_family(pinned).unwrap().is_empty());
    assert!(store.get_family(other).is_none());
    assert!(store.family(&spec("h_bucket", Gauge)).is_ok());
}

/// Scenario: a conflict is noted, again by its key, and a thousand others.
/// Guarantees: points are added up, only the first is new, the list is bounded and forgets what is long past.
#[test]
fn conflicts_are_bounded() {
    let mut conflicts = Conflicts::default();
    assert!(conflicts.note(ConflictKind::Type, "a", ("x", "y"), 1, 10));
    assert!(!conflicts.note(ConflictKind::Type, "a", ("x", "y"), 1, 11));
    let key = conflicts.key(ConflictKind::Type, "a", "y");
    assert!(conflicts.note_again(key, 3, 12));
    assert!(!conflicts.note_again(conflicts.key(ConflictKind::Unit, "a", "y"), 3, 12));
    let only = &conflicts.list()[0];
    assert_eq!(
        (only.points, only.first_seen_s, only.last_seen_s),
        (5, 10, 12)
    );
    for number in 0..2000 {
        conflicts.note(ConflictKind::Help, &number.to_string(), ("x", "y"), 1, 20);
    }
    assert_eq!(conflicts.list().len(), Conflicts::MAX);
    conflicts.forget(13);
    assert_eq!(conflicts.list().len(), Conflicts::MAX - 1);
}
