//! Doors of the simulated warehouse: they open for whoever stands before them, and close when nobody comes any more.

use plan::{Fields, Grid, State};

use crate::floor::Pace;

/// How long a door stands open after somebody asked for it last, in seconds: about as far as robots in operation ask ahead.
const HELD_SECONDS: f64 = 5.0;

/// How a door stands.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Door {
    Closed,
    /// It is open from this second on.
    Opening(f64),
    /// Somebody asked for it last at this second.
    Open(f64),
}

/// All doors of a floor.
#[derive(Debug)]
pub(super) struct Doors {
    doors: Vec<Door>,
}

impl Doors {
    /// All closed: their ways are closed on the grid.
    pub(super) fn new(pace: &Pace, grid: &mut Grid) -> Self {
        pace.doorways()
            .iter()
            .flat_map(|doorway| &doorway.ways)
            .for_each(|(cell, heading)| grid.close(*cell, *heading));
        Self { doors: vec![Door::Closed; pace.doorways().len()] }
    }

    /// Lets time pass: doors that are asked for open, and stay open while they are.
    pub(super) fn step(&mut self, now: f64, pace: &Pace, grid: &mut Grid, asked: impl Iterator<Item = usize>) {
        for door in asked {
            match &mut self.doors[door] {
                closed @ Door::Closed => *closed = Door::Opening(now + pace.doorways()[door].opening_seconds),
                Door::Open(last) => *last = now,
                Door::Opening(_) => {}
            }
        }
        for (door, doorway) in self.doors.iter_mut().zip(pace.doorways()) {
            match *door {
                Door::Opening(from) if now >= from => {
                    *door = Door::Open(now);
                    doorway.ways.iter().for_each(|(cell, heading)| grid.open(*cell, *heading));
                }
                Door::Open(last) if now - last > HELD_SECONDS => {
                    *door = Door::Closed;
                    doorway.ways.iter().for_each(|(cell, heading)| grid.close(*cell, *heading));
                }
                _ => {}
            }
        }
    }

    /// Whether there is no door at all.
    pub(super) fn is_empty(&self) -> bool {
        self.doors.is_empty()
    }

    /// Whether somebody who wants to pass has to wait.
    pub(super) fn is_shut(&self, door: usize) -> bool {
        !matches!(self.doors[door], Door::Open(_))
    }
}

/// The door before which a robot stands that wants to go on to a goal, if its best way leads through one. `grid` knows all
/// ways and what they cost.
pub(super) fn door_wanted(pace: &Pace, grid: &Grid, fields: &Fields, state: State, goal: plan::Cell) -> Option<usize> {
    plan::Heading::ALL.into_iter().find_map(|heading| {
        let door = pace.door(state.cell, heading)?;
        // Whose distance nobody has measured asks before every door.
        let Some(field) = fields.get(goal) else { return Some(door) };
        let ahead = State { cell: grid.ahead(state.cell, heading), heading };
        let through = field.distance(ahead).saturating_add(u16::from(grid.costs(state.cell)[heading.index()]));
        (through <= field.distance(State { cell: state.cell, heading })).then_some(door)
    })
}
