//! The demo home: some fifty things in one physical world, with a family that lives in it.

pub mod devices;
pub mod energy;
pub mod family;
pub mod heating;
pub mod house;
pub mod market;
pub mod place;
pub mod rooms;
mod things;
pub mod water;
pub mod weather;

use std::sync::Arc;

use model::{Name, PropertyModel, PropertyRole, Space, SpaceId, SpaceKind, ThingId, ThingModel, Timestamp, Unit};

use crate::home::house::House;
use crate::home::place::Place;
use crate::home::rooms::Room;
use crate::instrument::Instrumented;
use crate::thing::VirtualThing;
use crate::world::World;

/// One thing of the demo home.
#[derive(Debug, Clone)]
pub struct DemoThing {
    /// Its id.
    pub id: ThingId,
    /// What people call it.
    pub title: String,
    /// Where it stands.
    pub space: SpaceId,
    /// What it can tell and do.
    pub model: Arc<ThingModel>,
}

/// A thing that nobody has taken in yet.
#[derive(Debug, Clone)]
pub struct Newcomer {
    /// Its id.
    pub id: ThingId,
    /// What it calls itself.
    pub title: String,
    /// What it can tell.
    pub model: ThingModel,
}

/// The demo home: its places, its things, and the world that drives them.
#[derive(Debug)]
pub struct DemoHome {
    /// The tree of places, parents first.
    pub spaces: Vec<Space>,
    /// All things.
    pub things: Vec<DemoThing>,
    /// What drives them, standing at the start.
    pub world: World,
}

/// The demo home of this seed as it is at `start`, where wall clocks show UTC.
pub fn home(seed: u64, start: Timestamp) -> DemoHome {
    home_at(seed, start, Place::in_zone(0))
}

/// The demo home of this seed at a place.
pub fn home_at(seed: u64, start: Timestamp, place: Place) -> DemoHome {
    let declared = things::all();
    let spaces_of: Vec<&'static str> = declared.iter().map(crate::instrument::Declared::space).collect();
    let (body, things) = Instrumented::new(move |seed, start| House::new(seed, place, start), declared);
    let described = |(thing, space): (&VirtualThing, &str)| DemoThing {
        id: thing.id().clone(),
        title: thing.title().to_owned(),
        space: space_id(space),
        model: Arc::clone(thing.model()),
    };
    let listed = things.iter().zip(spaces_of).map(described).collect();
    let mut world = World::new(seed, start);
    world.add(Box::new(body), things).expect("the things of the demo home have different ids");
    DemoHome { spaces: spaces(), things: listed, world }
}

/// A thing that has only just been unpacked: it speaks, and nobody has said yet that it belongs to the home. It lives in
/// no world; any world can play it by its model.
pub fn newcomer() -> Newcomer {
    let property = |title: &str, unit: &str, (minimum, maximum): (f64, f64), decimals: u8, role: PropertyRole| {
        let unit = Some(Unit::new(unit));
        let (minimum, maximum, decimals) = (Some(minimum), Some(maximum), Some(decimals));
        PropertyModel { title: title.to_owned(), unit, minimum, maximum, decimals, role, ..PropertyModel::default() }
    };
    let named = |name: &str| Name::new(name).expect("names of the demo home are valid");
    let properties = [
        ("temperature", property("Temperature", "°C", (12.0, 32.0), 1, PropertyRole::Primary)),
        ("humidity", property("Humidity", "%", (40.0, 90.0), 0, PropertyRole::Primary)),
        ("soil_moisture", property("Soil moisture", "%", (20.0, 60.0), 0, PropertyRole::Primary)),
        ("battery", property("Battery", "%", (80.0, 100.0), 0, PropertyRole::Diagnostic)),
    ];
    let title = "Greenhouse sensor".to_owned();
    let model = ThingModel {
        id: "demo.greenhouse-sensor".to_owned(),
        title: title.clone(),
        description: "Measures air and soil where seedlings grow".to_owned(),
        kind: "climate-sensor".to_owned(),
        properties: properties.map(|(name, property)| (named(name), property)).into(),
        ..ThingModel::default()
    };
    let id = ThingId::new("greenhouse-sensor").expect("ids of the demo home are valid");
    Newcomer { id, title, model }
}

fn space_id(text: &str) -> SpaceId {
    SpaceId::new(text).expect("ids of the demo home are valid")
}

fn spaces() -> Vec<Space> {
    let space = |id: &str, parent: Option<&str>, kind: SpaceKind, title: &str| {
        Space::new(space_id(id), parent.map(space_id), kind, title)
    };
    let mut spaces = vec![
        space("home", None, SpaceKind::Site, "Home"),
        space("house", Some("home"), SpaceKind::Building, "House"),
        space("ground-floor", Some("house"), SpaceKind::Floor, "Ground floor"),
        space("upper-floor", Some("house"), SpaceKind::Floor, "Upper floor"),
        space("garden", Some("home"), SpaceKind::Zone, "Garden"),
    ];
    for room in Room::ALL {
        let floor = match room {
            Room::Bedroom | Room::ChildrensRoom | Room::Study | Room::Bathroom => "upper-floor",
            _ => "ground-floor",
        };
        spaces.push(space(room.id(), Some(floor), SpaceKind::Room, room.title()));
    }
    spaces
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::body::Body;
    use crate::random::Random;
    use model::Value;

    type Body0 = Instrumented<House>;

    fn demo(seed: u64, start: Timestamp) -> (Body0, Vec<VirtualThing>) {
        let place = Place::in_zone(0);
        let (mut body, things) = Instrumented::new(move |seed, start| House::new(seed, place, start), things::all());
        body.reset(seed, start);
        (body, things)
    }

    fn values(body: &Body0, things: &[VirtualThing]) -> BTreeMap<String, Value> {
        let mut values = BTreeMap::new();
        for (index, thing) in things.iter().enumerate() {
            for (property, name) in thing.model().properties.keys().enumerate() {
                values.insert(format!("{}/{name}", thing.id()), body.read(index, property));
            }
        }
        values
    }

    /// Whatever the weather, the family and meddling hands do, what things tell adds up.
    #[test]
    fn energy_balances_and_every_value_fits_its_model() {
        for seed in [1, 2] {
            let start = Timestamp::parse("2026-06-01T00:00:00Z").unwrap();
            let (mut body, things) = demo(seed, start);
            let mut random = Random::new(seed, "test");
            let (mut now, mut fed_in, mut drew) = (start, 0, 0);
            for step in 0..4 * 1_440_u32 {
                let dt = random.between(1.0, 60.0).floor();
                now = now + std::time::Duration::from_secs(dt as u64);
                body.step(now, dt, &mut random);
                if step % 7 == 0 {
                    meddle(&mut body, &things, &mut random);
                }
                let values = values(&body, &things);
                for (index, thing) in things.iter().enumerate() {
                    for (property, (name, model)) in thing.model().properties.iter().enumerate() {
                        let value = body.read(index, property);
                        assert_ne!(value, Value::Null, "{}/{name}", thing.id());
                        assert_eq!(model.check(value.clone()), Ok(value), "{}/{name}", thing.id());
                    }
                }
                let watts = |name: &str| values[name].as_f64().unwrap();
                let consumption = watts("distribution-board/consumption");
                let sources = watts("grid-meter/power") + watts("solar-inverter/power") + watts("home-battery/power");
                assert!((sources - consumption).abs() <= 2.0, "{sources} W for {consumption} W");
                let all = values.iter().filter(|(name, _)| name.ends_with("/power"));
                let all =
                    all.filter(|(name, _)| !["grid-", "solar-", "home-b"].iter().any(|not| name.starts_with(not)));
                let loads: f64 = all.map(|(_, value)| value.as_f64().unwrap()).sum();
                let loads = loads + watts("distribution-board/stove") + watts("distribution-board/standby");
                assert!((loads - consumption).abs() <= 6.0, "{loads} W of {consumption} W");
                fed_in += u32::from(watts("grid-meter/power") < -100.0);
                drew += u32::from(watts("grid-meter/power") > 100.0);
            }
            assert!(fed_in > 50 && drew > 50, "{fed_in} {drew}");
        }
    }

    /// Writes a valid value to some writable property, or starts some action.
    fn meddle(body: &mut Body0, things: &[VirtualThing], random: &mut Random) {
        let index = random.index(things.len());
        let model = things[index].model();
        if !model.actions.is_empty() && random.unit() < 0.3 {
            let _refusal = body.start(index, random.index(model.actions.len()), &Value::Null);
        }
        let writable: Vec<usize> =
            model.properties.values().enumerate().filter(|(_, model)| model.writable).map(|(at, _)| at).collect();
        let Some(property) = writable.get(random.index(writable.len())) else { return };
        let shape = model.properties.values().nth(*property).unwrap();
        let value = match shape.data_type {
            model::DataType::Boolean => Value::Boolean(random.unit() < 0.5),
            model::DataType::String => shape.choices[random.index(shape.choices.len())].clone(),
            _ => Value::Float(random.between(shape.minimum.unwrap(), shape.maximum.unwrap())),
        };
        body.write(index, *property, &value);
    }

    #[test]
    fn the_home_is_well_described() {
        let home = home(1, Timestamp::from_seconds(1_790_000_000));
        assert!((40..=55).contains(&home.things.len()), "{}", home.things.len());
        let spaces: Vec<&SpaceId> = home.spaces.iter().map(|space| &space.id).collect();
        for space in &home.spaces {
            let parent_is_earlier =
                |parent| spaces.iter().position(|id| *id == parent) < spaces.iter().position(|id| **id == space.id);
            assert!(space.parent.as_ref().is_none_or(parent_is_earlier), "{space:?}");
        }
        for thing in &home.things {
            assert!(spaces.contains(&&thing.space), "{thing:?}");
            let model = &thing.model;
            assert!(!model.title.is_empty() && !model.description.is_empty() && !model.kind.is_empty());
            let primary = model.properties.values().filter(|property| property.role == PropertyRole::Primary).count();
            assert!((1..=4).contains(&primary), "{} has {primary} primary properties", thing.id);
            assert!(model.properties.values().all(|property| !property.title.is_empty()));
            assert_eq!(&ThingModel::from_wot(&model.to_wot()).unwrap(), &**model, "{}", thing.id);
        }
    }
}
