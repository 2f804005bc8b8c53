use super::*;

/// Scenario: a series is put in, asked for, and put in again.
/// Guarantees: it is found by its fingerprint; there is one; unknown fingerprints find nothing.
#[test]
fn a_series_is_found_by_its_fingerprint() {
    let mut store = store();
    let family = gauge(&mut store, "a");
    let id = insert(&mut store, family, r#"x="1""#).unwrap();
    let fingerprint = store.get(id).unwrap().fingerprint;
    assert_eq!(store.find(fingerprint), Some(id));
    assert_eq!(store.find(store.key().of(b"other")), None);
    assert_eq!(insert(&mut store, family, r#"x="1""#), Ok(id));
    assert_eq!(
        (store.len(), store.get_family(family).unwrap().len()),
        (1, 1)
    );
}

/// Scenario: the same attributes in another spelling, then other attributes that are written alike.
/// Guarantees: the spelling finds the series from then on; the others are a label conflict.
#[test]
fn spellings_are_aliases_and_others_are_conflicts() {
    let mut store = store();
    let family = gauge(&mut store, "a");
    let id = insert(&mut store, family, r#"x="1""#).unwrap();
    let spelled = store.key().of(b"spelled otherwise");
    let new = NewSeries {
        fingerprint: spelled,
        ..series(&store, family, r#"x="1""#)
    };
    assert_eq!(store.insert(new, 0, at(0)), Ok(id));
    assert_eq!(store.find(spelled), Some(id));
    let other = store.key().of(b"other");
    let new = NewSeries {
        fingerprint: other,
        identity: 7,
        ..series(&store, family, r#"x="1""#)
    };
    assert_eq!(store.insert(new, 0, at(0)), Err(Fault::LabelConflict));
    assert_eq!((store.find(other), store.len()), (None, 1));
}

/// Scenario: the same labels in two families and at two places.
/// Guarantees: they are four series.
#[test]
fn family_and_place_tell_series_apart() {
    let mut store = store();
    let families = [gauge(&mut store, "a"), gauge(&mut store, "b")];
    let places = [store.place(r#"job="x""#, 0), store.place(r#"job="y""#, 1)];
    for family in families {
        for place in places {
            let fingerprint = store
                .key()
                .of(b"f")
                .then_number(u64::from(family.0 * 8 + place.0));
            let place = Some(place);
            let new = NewSeries {
                fingerprint,
                place,
                ..series(&store, family, r#"x="1""#)
            };
            store.insert(new, 0, at(0)).unwrap();
        }
    }
    assert_eq!(store.len(), 4);
    assert_eq!(store.place(r#"job="x""#, 0), places[0]);
}

/// Scenario: series come and go with values, exemplars, places, aliases and views.
/// Guarantees: memory is counted while they are there, and is back at its start when they are gone.
#[test]
fn memory_returns_to_its_start() {
    let mut store = store();
    let at_start = store.memory_bytes();
    let family = gauge(&mut store, "a");
    let view = store
        .view(&spec("v", MetricKind::Gauge), Reading::Same, true)
        .unwrap();
    let place = store.place(r#"job="x""#, 0);
    let with_names = store.memory_bytes();
    let mut ids = Vec::new();
    for number in 0..10 {
        let new = series(&store, family, &format!(r#"x="{number}""#));
        let id = store
            .insert(
                NewSeries {
                    place: Some(place),
                    ..new
                },
                0,
                at(0),
            )
            .unwrap();
        store.show(view, id, Some("y".into()));
        let alias = NewSeries {
            fingerprint: store.key().of(&[number]),
            place: Some(place),
            ..series(&store, family, &format!(r#"x="{number}""#))
        };
        store.insert(alias, 0, at(0)).unwrap();
        ids.push(id);
    }
    let held = store.get_mut(ids[0]).unwrap();
    let bounds = Arc::new(Bounds::new(&[1.0, 2.0]).unwrap());
    held.value = Value::Histogram(Box::new(Histogram::new(bounds)));
    let heap = held.value.heap_bytes();
    store.note_heap(0, heap);
    assert!(store.memory_bytes() > with_names + 10 * size_of::<Series>());
    store.remove(&ids);
    // A family of the view's name takes it out.
    let other = gauge(&mut store, "v");
    let id = insert(&mut store, other, "").unwrap();
    store.remove(&[id]);
    assert_eq!((store.len(), store.memory_bytes()), (0, at_start));
}

/// Scenario: a series goes, and another takes its id.
/// Guarantees: the epoch changed, and nothing of the old one is found.
#[test]
fn ids_are_used_again_after_a_new_epoch() {
    let mut store = store();
    let a = gauge(&mut store, "a");
    let id = insert(&mut store, a, r#"x="1""#).unwrap();
    let fingerprint = store.get(id).unwrap().fingerprint;
    let epoch = store.epoch();
    store.remove(&[id, id]);
    assert_ne!(store.epoch(), epoch);
    assert!(store.get_family(a).is_none());
    let b = gauge(&mut store, "b");
    assert_eq!(insert(&mut store, b, r#"x="2""#), Ok(id));
    assert_eq!(store.find(fingerprint), None);
    assert_eq!(store.get_family(b).unwrap().len(), 1);
}
