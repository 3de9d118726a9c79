//! Lights, plugs, blinds, household machines, the garage door and the vacuum robot.

use model::Severity;

use super::{ENERGY, PERCENT, Thing, at_once};
use crate::body::Progress;
use crate::home::devices::{Machine, MachineState, Shutter, VacuumState};
use crate::home::house::{BLIND_ROOMS, GARDEN_LIGHT, House, LIT, Socket};
use model::Value;

pub(super) fn things() -> Vec<Thing> {
    let mut things: Vec<Thing> = LIT
        .into_iter()
        .enumerate()
        .map(|(index, room)| {
            light(&format!("light-{}", room.id()), &format!("{} light", room.title()), room.id(), index)
        })
        .collect();
    things.push(light("light-garden", "Garden light", "garden", GARDEN_LIGHT));
    things.push(plug("plug-television", "Television plug", "living-room", Socket::Television));
    things.push(plug("plug-coffee-machine", "Coffee machine plug", "kitchen", Socket::CoffeeMachine));
    things.push(plug("plug-desk", "Desk plug", "study", Socket::Desk));
    for (index, room) in BLIND_ROOMS.into_iter().enumerate() {
        things.push(blind(&format!("blind-{}", room.id()), &format!("{} blind", room.title()), room.id(), index));
    }
    things.push(garage_door());
    things.push(machine(
        ("washing-machine", "Washing machine", "utility-room"),
        ["cotton", "quick", "hot"],
        |house| &house.washing_machine,
        |house| &mut house.washing_machine,
    ));
    things.push(machine(
        ("dishwasher", "Dishwasher", "kitchen"),
        ["eco", "quick", "intensive"],
        |house| &house.dishwasher,
        |house| &mut house.dishwasher,
    ));
    things.push(fridge());
    things.push(vacuum());
    things
}

fn light(id: &str, title: &str, space: &'static str, index: usize) -> Thing {
    Thing::new(id, title, space, "light")
        .about("A dimmable lamp with warm to cool white")
        .boolean("on", "On", move |house| house.lights[index].on)
        .primary()
        .sets_boolean(move |house, on| house.lights[index].on = on)
        .number("brightness", "Brightness", ("%", 1.0, 100.0, 0), move |house| house.lights[index].brightness_percent)
        .step(1.0)
        .primary()
        .sets_number(move |house, percent| house.lights[index].brightness_percent = percent)
        .number("colour_temperature", "Colour temperature", ("K", 2_200.0, 6_500.0, 0), move |house| {
            house.lights[index].colour_kelvin
        })
        .step(100.0)
        .sets_number(move |house, kelvin| house.lights[index].colour_kelvin = kelvin)
        .number("power", "Power", ("W", 0.0, 100.0, 1), move |house| house.lights[index].power_watts)
        .action(
            "toggle",
            "Toggle",
            move |house, _| {
                house.lights[index].on = !house.lights[index].on;
                Ok(())
            },
            at_once,
        )
}

fn plug(id: &str, title: &str, space: &'static str, socket: Socket) -> Thing {
    Thing::new(id, title, space, "plug")
        .about("A plug that switches and measures")
        .boolean("on", "On", move |house| house.plug(socket).on)
        .primary()
        .sets_boolean(move |house, on| house.plugs[socket as usize].on = on)
        .number("power", "Power", ("W", 0.0, 3_680.0, 1), move |house| house.plug(socket).power_watts)
        .primary()
        .told(2.0, 10)
        .number("energy", "Energy", ENERGY, move |house| house.plug(socket).energy_kilowatt_hours)
        .told(0.02, 60)
}

/// How far something on its way to 0 or 100 has come.
fn moving(shutter: &Shutter, goal: f64) -> Progress {
    if shutter.target_percent != goal {
        return Progress::Failed("it was stopped, or sent elsewhere".to_owned());
    }
    if !shutter.is_moving() {
        return Progress::Finished(Value::Null);
    }
    Progress::Running(1.0 - (shutter.position_percent - goal).abs() / 100.0)
}

/// Open, close and stop, for something with a motor.
fn moves(
    thing: Thing,
    get: fn(&House, usize) -> &Shutter,
    get_mut: fn(&mut House, usize) -> &mut Shutter,
    index: usize,
) -> Thing {
    let goes = move |goal: f64| {
        move |house: &mut House, _: &Value| {
            get_mut(house, index).target_percent = goal;
            Ok(())
        }
    };
    thing
        .action("open", "Open", goes(100.0), move |house| moving(get(house, index), 100.0))
        .hold()
        .action("close", "Close", goes(0.0), move |house| moving(get(house, index), 0.0))
        .hold()
        .action(
            "stop",
            "Stop",
            move |house, _| {
                get_mut(house, index).stop();
                Ok(())
            },
            at_once,
        )
}

fn blind(id: &str, title: &str, space: &'static str, index: usize) -> Thing {
    let blind = Thing::new(id, title, space, "blind")
        .about("An outside blind; 100 % is open")
        .number("position", "Position", PERCENT, move |house| house.blinds[index].position_percent)
        .primary()
        .step(1.0)
        .sets_number(move |house, percent| house.blinds[index].target_percent = percent)
        .boolean("moving", "Moving", move |house| house.blinds[index].is_moving());
    moves(blind, |house, index| &house.blinds[index], |house, index| &mut house.blinds[index], index)
}

fn garage_door() -> Thing {
    let door = Thing::new("garage-door", "Garage door", "garage", "garage-door")
        .about("A sectional door with a motor")
        .choice("state", "State", &["closed", "open", "opening", "closing", "ajar"], |house| {
            let door = &house.garage_door;
            match (door.is_moving(), door.target_percent > door.position_percent) {
                (true, true) => "opening",
                (true, false) => "closing",
                _ if door.position_percent <= 0.0 => "closed",
                _ if door.position_percent >= 100.0 => "open",
                _ => "ajar",
            }
        })
        .primary()
        .number("position", "Position", PERCENT, |house| house.garage_door.position_percent);
    moves(door, |house, _| &house.garage_door, |house, _| &mut house.garage_door, 0)
}

fn machine(
    (id, title, space): (&str, &str, &'static str),
    programmes: [&'static str; 3],
    get: fn(&House) -> &Machine,
    get_mut: fn(&mut House) -> &mut Machine,
) -> Thing {
    Thing::new(id, title, space, id)
        .about("Tells when it is done, and can be started from afar when it is loaded")
        .choice("state", "State", &["idle", "running", "finished"], move |house| match get(house).state {
            MachineState::Idle => "idle",
            MachineState::Running => "running",
            MachineState::Finished => "finished",
        })
        .primary()
        .number("remaining", "Remaining time", ("min", 0.0, 300.0, 0), move |house| get(house).remaining_minutes())
        .primary()
        .told(1.0, 60)
        .choice("programme", "Programme", &programmes, move |house| programmes[get(house).programme.min(2)])
        .sets_choice(move |house, choice| {
            get_mut(house).programme = programmes.iter().position(|known| *known == choice).unwrap_or(0);
        })
        .number("power", "Power", ("W", 0.0, 3_000.0, 0), move |house| get(house).power_watts)
        .told(5.0, 10)
        .number("energy", "Energy", ENERGY, move |house| get(house).energy_kilowatt_hours)
        .told(0.02, 60)
        .counter("cycles", "Cycles", move |house| get(house).cycles)
        .diagnostic()
        .event("finished", "Finished", Severity::Information)
        .action("start", "Start", move |house, _| get_mut(house).start(), at_once)
        .hold()
        .action(
            "stop",
            "Stop",
            move |house, _| {
                get_mut(house).stop();
                Ok(())
            },
            at_once,
        )
}

fn fridge() -> Thing {
    Thing::new("fridge", "Fridge", "kitchen", "fridge")
        .about("A fridge that tells its temperature and whether its door is open")
        .number("temperature", "Temperature", ("°C", -5.0, 30.0, 1), |house| house.fridge.temperature_celsius)
        .primary()
        .told(0.2, 30)
        .number("target", "Target temperature", ("°C", 2.0, 8.0, 0), |house| house.fridge.target_celsius)
        .step(1.0)
        .sets_number(|house, celsius| house.fridge.target_celsius = celsius)
        .boolean("door_open", "Door open", |house| house.fridge.door_seconds > 0.0)
        .number("power", "Power", ("W", 0.0, 300.0, 0), |house| house.fridge.power_watts)
        .told(3.0, 10)
        .number("energy", "Energy", ENERGY, |house| house.fridge.energy_kilowatt_hours)
        .told(0.02, 60)
}

fn vacuum() -> Thing {
    Thing::new("vacuum-robot", "Vacuum robot", "hall", "vacuum-robot")
        .about("Cleans the ground floor every working day at ten")
        .choice("state", "State", &["docked", "charging", "cleaning", "paused", "returning"], |house| {
            match house.vacuum.state {
                VacuumState::Docked if house.vacuum.battery_percent < 100.0 => "charging",
                VacuumState::Docked => "docked",
                VacuumState::Cleaning => "cleaning",
                VacuumState::Paused => "paused",
                VacuumState::Returning => "returning",
            }
        })
        .primary()
        .number("battery", "Battery", PERCENT, |house| house.vacuum.battery_percent)
        .primary()
        .told(1.0, 30)
        .number("area", "Cleaned area", ("m²", 0.0, 500.0, 0), |house| house.vacuum.area_square_metres)
        .told(1.0, 30)
        .number("bin", "Bin", PERCENT, |house| house.vacuum.bin_percent)
        .diagnostic()
        .told(1.0, 60)
        .number("power", "Dock power", ("W", 0.0, 100.0, 0), |house| house.vacuum.power_watts)
        .diagnostic()
        .told(3.0, 30)
        .event("finished", "Finished cleaning", Severity::Information)
        .action("start", "Start cleaning", |house, _| house.vacuum.start(), at_once)
        .hold()
        .action(
            "pause",
            "Pause",
            |house, _| match house.vacuum.state {
                VacuumState::Cleaning | VacuumState::Returning => {
                    house.vacuum.state = VacuumState::Paused;
                    Ok(())
                }
                _ => Err("it is not on its way".to_owned()),
            },
            at_once,
        )
        .action(
            "dock",
            "Return to dock",
            |house, _| {
                house.vacuum.dock();
                Ok(())
            },
            |house| match house.vacuum.state {
                VacuumState::Docked => Progress::Finished(Value::Null),
                VacuumState::Returning => Progress::Running(1.0 - (house.vacuum.distance_seconds / 25.0).min(1.0)),
                _ => Progress::Failed("it was sent elsewhere".to_owned()),
            },
        )
        .hold()
        .action(
            "empty_bin",
            "Empty bin",
            |house, _| {
                if house.vacuum.state != VacuumState::Docked {
                    return Err("it is not on its dock".to_owned());
                }
                house.vacuum.bin_percent = 0.0;
                Ok(())
            },
            at_once,
        )
}
