//! The registry: inbox, limits, edits.

use super::*;
use crate::reported::LESSONS;
use model::{Cause, DataType, Name, PropertyModel, Quality, Record, RecordKind, Timestamp, Value};

fn id(text: &str) -> ThingId {
    ThingId::new(text).unwrap()
}

fn thing(name: &str, status: ThingStatus) -> Thing {
    Thing::new(id(name), status, &Arc::from("native"), Timestamp(1))
}

fn registry() -> Registry {
    Registry::new(RegistryLimits { inbox: 2, total: 4 })
}

#[test]
fn the_inbox_and_the_whole_are_bounded() {
    let mut registry = registry();
    for name in ["a", "b"] {
        registry.add(thing(name, ThingStatus::Inbox), Position(0)).unwrap();
    }
    let full = registry.add(thing("c", ThingStatus::Inbox), Position(0)).unwrap_err();
    assert_eq!(full, RegistryError::Full { place: "in the inbox", limit: 2 });
    let accept = ThingEdit { status: Some(ThingStatus::Accepted), ..ThingEdit::default() };
    registry.edit(&id("a"), Some(1), accept).unwrap();
    registry.add(thing("c", ThingStatus::Inbox), Position(0)).unwrap();
    registry.add(thing("d", ThingStatus::Accepted), Position(0)).unwrap();
    assert!(registry.add(thing("e", ThingStatus::Accepted), Position(0)).is_err());
    assert_eq!(registry.in_inbox(), 2);
    registry.remove(&id("c"), None).unwrap();
    assert_eq!((registry.in_inbox(), registry.len()), (1, 3));
}

#[test]
fn edits_count_revs_and_refuse_stale_ones() {
    let mut registry = registry();
    registry.add(thing("lamp", ThingStatus::Accepted), Position(0)).unwrap();
    let title = |title: &str| ThingEdit { title: Some(title.into()), ..ThingEdit::default() };
    assert_eq!(registry.edit(&id("lamp"), Some(1), title(" Desk lamp ")).unwrap().title, "Desk lamp");
    let stale = registry.edit(&id("lamp"), Some(1), title("x")).unwrap_err();
    assert_eq!(stale.to_string(), "lamp is at rev 2, not 1");
    assert_eq!(registry.edit(&id("lamp"), None, title("Desk lamp")).unwrap().rev, 2, "nothing changed");
    assert!(registry.get(&id("lamp")).unwrap().words().starts_with("desk lamp\n"));
    assert_eq!(registry.edit(&id("lamp"), None, title("")).unwrap().title, "lamp");
    assert_eq!(registry.edit(&id("none"), None, title("")), Err(RegistryError::Unknown(id("none"))));
}

#[test]
fn order_of_title_and_sub_things_follow_changes() {
    let mut registry = registry();
    for name in ["b", "a", "c"] {
        registry.add(Thing { via: Some(id("gateway")), ..thing(name, ThingStatus::Accepted) }, Position(0)).unwrap();
    }
    registry.edit(&id("a"), None, ThingEdit { title: Some("Zebra".into()), ..ThingEdit::default() }).unwrap();
    let titles = |after| -> Vec<String> {
        let found = registry.by_title(ThingStatus::Accepted, after);
        found.map(|(_, index)| registry.slot(index).thing.title.clone()).collect()
    };
    assert_eq!(titles(None), ["b", "c", "Zebra"]);
    assert_eq!(titles(Some((Arc::clone(registry.get(&id("b")).unwrap().words()), id("b")))), ["c", "Zebra"]);
    assert_eq!(registry.by_title(ThingStatus::Inbox, None).count(), 0);
    registry.remove(&id("b"), None).unwrap();
    assert_eq!(registry.behind(&id("gateway")).len(), 2);
}

#[test]
fn changes_are_given_once_and_again_when_given_back() {
    let mut registry = registry();
    registry.add(thing("a", ThingStatus::Accepted), Position(0)).unwrap();
    registry.add(thing("b", ThingStatus::Accepted), Position(0)).unwrap();
    registry.remove(&id("b"), None).unwrap();
    let (rows, removed) = registry.take_changes();
    assert_eq!((rows.len(), removed.clone()), (1, vec![id("b")]));
    assert_eq!(registry.take_changes(), (vec![], vec![]));
    registry.give_back(&rows, removed);
    registry.add(thing("b", ThingStatus::Accepted), Position(0)).unwrap();
    let (rows, removed) = registry.take_changes();
    assert_eq!((rows.len(), removed.len()), (2, 0), "what came back is not removed");
}

#[test]
fn equal_models_share_memory() {
    let mut registry = registry();
    let model = || {
        let property = (Name::new("t").unwrap(), PropertyModel::default());
        Arc::new(ThingModel { properties: [property].into(), ..ThingModel::default() })
    };
    for name in ["a", "b"] {
        registry.add(Thing { model: model(), ..thing(name, ThingStatus::Accepted) }, Position(0)).unwrap();
    }
    let of = |name| &registry.get(&id(name)).unwrap().thing.model;
    assert!(Arc::ptr_eq(of("a"), of("b")));
}

#[test]
fn a_twin_learns_its_model_and_survives_a_restart() {
    let mut registry = registry();
    let index = registry.add(thing("meter", ThingStatus::Inbox), Position(3)).unwrap();
    let mut record = Record {
        position: Position(4),
        time: Timestamp(5),
        received: Timestamp(5),
        thing: id("meter"),
        kind: RecordKind::Property,
        name: Name::new("power").unwrap(),
        value: Value::Integer(7),
        quality: Quality::Good,
        cause: Arc::new(Cause::device("meter")),
    };
    let mut report = |registry: &mut Registry, value: Value| {
        record.position = record.position.next();
        record.value = value;
        let model = Arc::clone(&registry.slot(index).thing.model);
        let applied = registry.slot_mut(index).twin.report(&mut record, &model).unwrap();
        if applied.teaches {
            let property = PropertyModel { data_type: DataType::of(&record.value), ..PropertyModel::default() };
            let mut model = (*model).clone();
            model.properties.insert(record.name.clone(), property);
            registry.change(index, |thing| thing.model = Arc::new(model));
        }
        registry.slot_mut(index).twin.advance(record.position, record.received);
        (applied.teaches, record.value.clone(), record.quality)
    };
    assert_eq!(report(&mut registry, Value::Null), (false, Value::Null, Quality::Good));
    for _ in 0..LESSONS {
        report(&mut registry, Value::Integer(7));
    }
    assert_eq!(report(&mut registry, Value::Integer(8)), (false, Value::Float(8.0), Quality::Good));
    assert_eq!(report(&mut registry, Value::text("off")), (true, Value::text("off"), Quality::Good), "it widens");
    assert!(registry.slot(index).twin.diagnostics().is_none());

    let (rows, _) = registry.take_changes();
    let checkpoints = registry.take_checkpoints();
    let document = serde_json::to_string(&checkpoints[0].1).unwrap();
    let mut again = Registry::new(RegistryLimits::default());
    again.restore((*rows[0]).clone(), Some(serde_json::from_str(&document).unwrap()));
    assert_eq!(again.get(&id("meter")).unwrap().twin.checkpoint(), checkpoints[0].1);
    assert_eq!(again.take_checkpoints(), vec![]);
}
