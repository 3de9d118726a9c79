//! Contacts, motion, the lock, the doorbell, smoke and water.

use model::{Severity, Value};

use super::{PERCENT, Thing, at_once, battery};
use crate::body::Progress;
use crate::home::house::{House, WINDOW_ROOMS};
use crate::home::rooms::Room;

/// How long the smoke detector tests itself.
const SMOKE_TEST_SECONDS: f64 = 4.0;

pub(super) fn things() -> Vec<Thing> {
    let mut things = vec![
        contact("door-front", "Front door", "hall", 72.0, |house| house.pulses.front_door_seconds > 0.0),
        contact("door-terrace", "Terrace door", "living-room", 58.0, |house| house.pulses.terrace_door_seconds > 0.0),
    ];
    let charges = [81.0, 66.0, 49.0];
    for ((index, room), charge) in WINDOW_ROOMS.into_iter().enumerate().zip(charges) {
        let (id, title) = (format!("window-{}", room.id()), format!("{} window", room.title()));
        things.push(contact(&id, &title, room.id(), charge, move |house| house.pulses.window_seconds[index] > 0.0));
    }
    things.push(motion("motion-hall", "Hall motion", Room::Hall, 69.0, |house| house.pulses.hall_motion_seconds > 0.0));
    things.push(
        motion("motion-garage", "Garage motion", Room::Garage, 37.0, |house| house.pulses.garage_motion_seconds > 0.0)
            .reachable(House::is_garage_sensor_reachable),
    );
    things.push(presence());
    things.push(lock());
    things.push(doorbell());
    things.push(smoke_detector());
    things.push(water_meter());
    things
}

fn contact(
    id: &str,
    title: &str,
    space: &'static str,
    charge: f64,
    is_open: impl Fn(&House) -> bool + Send + 'static,
) -> Thing {
    let contact = Thing::new(id, title, space, "contact")
        .about("Tells whether it is open")
        .boolean("open", "Open", is_open)
        .primary();
    battery(contact, charge, 0.09)
}

fn motion(id: &str, title: &str, room: Room, charge: f64, moves: fn(&House) -> bool) -> Thing {
    let sensor = Thing::new(id, title, room.id(), "motion-sensor")
        .about("Sees people move, and how bright it is")
        .boolean("motion", "Motion", moves)
        .primary()
        .number("illuminance", "Illuminance", ("lx", 0.0, 100_000.0, 0), move |house| {
            let lamp = crate::home::house::LIT.iter().position(|known| *known == room);
            let lamp_lux = lamp.map_or(0.0, |index| house.lights[index].power_watts * 11.0);
            house.daylight_lux(room) * 0.15 + lamp_lux
        })
        .told(15.0, 30);
    battery(sensor, charge, 0.14)
}

fn presence() -> Thing {
    Thing::new("presence-living-room", "Living room presence", "living-room", "presence-sensor")
        .about("A radar that counts the people in the room")
        .boolean("presence", "Presence", |house| house.household.awake_in(Room::LivingRoom) > 0)
        .primary()
        .counter("people", "People", |house| house.household.awake_in(Room::LivingRoom) as i64)
        .primary()
        .number("illuminance", "Illuminance", ("lx", 0.0, 100_000.0, 0), |house| {
            house.daylight_lux(Room::LivingRoom) * 0.2 + house.lights[Room::LivingRoom as usize].power_watts * 11.0
        })
        .told(15.0, 30)
}

fn lock() -> Thing {
    let set = |locked: bool| {
        move |house: &mut House, _: &Value| {
            if locked && house.pulses.front_door_seconds > 0.0 {
                return Err("the door is open".to_owned());
            }
            house.locked = locked;
            Ok(())
        }
    };
    let lock = Thing::new("lock-front-door", "Front door lock", "hall", "lock")
        .about("Locks when the last one leaves and when everybody sleeps")
        .boolean("locked", "Locked", |house| house.locked)
        .primary()
        .action("lock", "Lock", set(true), at_once)
        .hold()
        .action("unlock", "Unlock", set(false), at_once)
        .hold();
    battery(lock, 63.0, 0.35)
}

fn doorbell() -> Thing {
    let doorbell = Thing::new("doorbell", "Doorbell", "hall", "doorbell")
        .about("Tells who is there before they ring")
        .boolean("motion", "Motion", |house| house.pulses.door_motion_seconds > 0.0)
        .primary()
        .event("pressed", "Pressed", Severity::Information)
        .action(
            "chime",
            "Play chime",
            |house, _| {
                house.pulses.chime_seconds = 2.0;
                Ok(())
            },
            |house| match house.pulses.chime_seconds {
                left if left > 0.0 => Progress::Running(1.0 - left / 2.0),
                _ => Progress::Finished(Value::Null),
            },
        );
    battery(doorbell, 94.0, 0.6)
}

fn smoke_detector() -> Thing {
    let detector = Thing::new("smoke-detector-hall", "Hall smoke detector", "hall", "smoke-detector")
        .about("Optical; its battery wants to be replaced soon")
        .boolean("smoke", "Smoke", |_| false)
        .primary()
        .boolean("battery_low", "Battery low", |house| house.battery_percent(11.5, 0.1) < 15.0)
        .event("alarm", "Alarm", Severity::Fault)
        .action(
            "test",
            "Test",
            |house, _| {
                house.pulses.smoke_test_seconds = SMOKE_TEST_SECONDS;
                Ok(())
            },
            |house| match house.pulses.smoke_test_seconds {
                left if left > 0.0 => Progress::Running(1.0 - left / SMOKE_TEST_SECONDS),
                _ => Progress::Finished(Value::text("passed")),
            },
        );
    battery(detector, 11.5, 0.1)
}

fn water_meter() -> Thing {
    Thing::new("water-meter", "Water meter", "utility-room", "water-meter")
        .about("Measures what flows, finds leaks and can close the main valve")
        .number("flow", "Flow", ("L/min", 0.0, 100.0, 1), |house| house.water.flow_litres_per_second * 60.0)
        .primary()
        .told(0.2, 10)
        .number("total", "Total", ("m³", 0.0, 1e7, 3), |house| house.water.total_cubic_metres)
        .primary()
        .told(0.005, 60)
        .boolean("leak", "Leak", |house| house.water.leak)
        .primary()
        .boolean("valve_open", "Valve open", |house| house.water.valve_open)
        .sets_boolean(|house, open| house.water.valve_open = open)
        .number("battery", "Battery", PERCENT, |house| house.battery_percent(86.0, 0.05))
        .diagnostic()
        .told(1.0, 60)
        .event("leak", "Leak found", Severity::Warning)
}
