use super::*;

fn numbered(number: usize) -> String {
    format!(r#"x="{number}""#)
}

/// Scenario: series up to and beyond each limit.
/// Guarantees: the last that fits is taken, the next is refused under the limit's name, and known ones are still found.
#[test]
fn each_limit_has_its_name() {
    let mut store = store();
    let family = gauge(&mut store, "a");
    let long = format!(r#"x="{}""#, "y".repeat(60));
    assert_eq!(long.len(), 64);
    insert(&mut store, family, &long).unwrap();
    let longer = format!(r#"x="{}""#, "y".repeat(61));
    assert_eq!(
        insert(&mut store, family, &longer),
        Err(Fault::LabelsTooLong)
    );
    for number in 1..10 {
        insert(&mut store, family, &numbered(number)).unwrap();
    }
    assert_eq!(
        insert(&mut store, family, &numbered(10)),
        Err(Fault::MetricLimit)
    );
    assert!(insert(&mut store, family, &numbered(9)).is_ok());
    for number in 0..90 {
        assert!(!store.is_full(Lineage::Received));
        let family = gauge(&mut store, &format!("b{}", number / 10));
        insert(&mut store, family, &numbered(number)).unwrap();
    }
    assert!(store.is_full(Lineage::Received) && !store.is_full(Lineage::Converted));
    let family = gauge(&mut store, "c");
    assert_eq!(insert(&mut store, family, ""), Err(Fault::SeriesLimit));
}

/// Scenario: series until memory is full, then growth of values.
/// Guarantees: memory never exceeds the limit, and growth that does not fit is refused.
#[test]
fn memory_is_limited() {
    let limits = Limits {
        memory_bytes: 10_000,
        series_per_metric: 100,
        ..LIMITS
    };
    let mut store = Store::new(limits);
    let family = gauge(&mut store, "a");
    let refused = (0..100).find_map(|number| insert(&mut store, family, &numbered(number)).err());
    assert_eq!(refused, Some(Fault::MemoryLimit));
    let used = store.memory_bytes();
    assert!(9000 < used && used <= limits.memory_bytes, "{used}");
    let known = insert(&mut store, family, &numbered(0)).unwrap();
    assert_eq!(store.may_grow(known, 5000), Err(Fault::MemoryLimit));
    assert_eq!(store.may_grow(known, 0), Ok(()));
}

/// Scenario: a full metric, and an overflow series for it at two places, asked for twice each.
/// Guarantees: overflow series come on top of the limits, one for each place, up to a bound of their own.
#[test]
fn overflow_series_come_on_top() {
    let mut store = store();
    let family = gauge(&mut store, "a");
    for number in 0..10 {
        insert(&mut store, family, &numbered(number)).unwrap();
    }
    let mut overflow = |job: usize| {
        let place = Some(store.place(&format!(r#"job="{job}""#), 0));
        let lineage = Lineage::Converted;
        let new = NewSeries::overflow(store.key(), family, place, lineage, 1, Value::Integer(0));
        let id = store.insert(new, 0, at(0));
        id.map(|id| (id, store.get(id).unwrap().is_overflow(), store.len()))
    };
    let first = overflow(1).unwrap();
    assert_eq!(overflow(1), Ok(first));
    assert_eq!((first.1, first.2), (true, 11));
    for job in 2..23 {
        assert_eq!(overflow(job).unwrap().2, 10 + job);
    }
    assert_eq!(overflow(23), Err(Fault::SeriesLimit));
}

/// Scenario: more places without series than wait for one.
/// Guarantees: they are let go, and the epoch says so; a place where a series stands stays.
#[test]
fn empty_places_are_bounded() {
    let mut store = Store::new(Limits {
        memory_bytes: 1 << 24,
        ..LIMITS
    });
    let family = gauge(&mut store, "a");
    let place = store.place("kept", 0);
    let new = NewSeries {
        place: Some(place),
        ..series(&store, family, "")
    };
    store.insert(new, 0, at(0)).unwrap();
    let epoch = store.epoch();
    let before = store.memory_bytes();
    for number in 0..10_000 {
        store.place(&format!("p{number}"), 0);
    }
    assert!(store.epoch() > epoch);
    assert!(store.memory_bytes() - before < 4096 * 256);
    assert_eq!(store.places().text(place), "kept");
}
