//! How fast a floor is driven on, in steps of its grid: ways with a speed limit take longer, and doors have to open.

use std::collections::HashMap;

use plan::{Cell, Grid, Heading};

use super::{Floor, GridView, Network, NodeIndex};

/// How fast robots get over a floor.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pace {
    /// How long a step of the grid takes, in seconds.
    pub step_seconds: f64,
    /// The seconds that ways with a speed limit take beyond a step.
    lags: HashMap<(Cell, Heading), f64>,
    doorways: Vec<Doorway>,
    /// The doorway on a way, as its place in the list.
    on_way: HashMap<(Cell, Heading), usize>,
}

/// A door, as the grid has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Doorway {
    /// The ways through it.
    pub ways: Vec<(Cell, Heading)>,
    /// How long it takes to open.
    pub opening_seconds: f64,
}

impl Pace {
    /// How fast robots of this speed and turn rate get over a floor that was laid out on a grid.
    pub fn of(
        floor: &Floor,
        network: &Network,
        view: &GridView,
        metres_per_second: f64,
        radians_per_second: f64,
    ) -> Self {
        let step_seconds = view.step_seconds(metres_per_second, radians_per_second);
        let doors = floor.doors.iter();
        let doorways = doors.map(|door| Doorway { ways: Vec::new(), opening_seconds: door.opening_seconds }).collect();
        let mut pace = Self { doorways, ..Self::plain(step_seconds) };
        for node in 0..network.len() as NodeIndex {
            let cell = view.cell(node);
            for heading in Heading::ALL {
                let ahead = view.grid.ahead(cell, heading);
                let way = network.ways(node).iter().find(|way| view.cell(way.to) == ahead);
                let Some(way) = way else { continue };
                let limit = way.speed_limit.map_or(metres_per_second, |limit| limit.min(metres_per_second));
                let lag = way.length / limit.max(1e-3) - step_seconds;
                if lag > 1e-9 {
                    pace.lags.insert((cell, heading), lag);
                }
                if let Some(door) = way.door {
                    pace.doorways[door].ways.push((cell, heading));
                    pace.on_way.insert((cell, heading), door);
                }
            }
        }
        pace
    }

    /// On a floor without slow ways and doors.
    pub fn plain(step_seconds: f64) -> Self {
        Self { step_seconds, ..Self::default() }
    }

    /// The seconds that a way takes beyond a step.
    pub fn lag(&self, cell: Cell, heading: Heading) -> f64 {
        self.lags.get(&(cell, heading)).copied().unwrap_or(0.0)
    }

    /// Whether some way has a speed limit that robots feel.
    pub fn has_slow_ways(&self) -> bool {
        !self.lags.is_empty()
    }

    /// Whether some ways cost more than others.
    pub fn has_prices(&self) -> bool {
        self.has_slow_ways() || !self.doorways.is_empty()
    }

    /// The doors, in the order of the floor.
    pub fn doorways(&self) -> &[Doorway] {
        &self.doorways
    }

    /// The door on a way, by its number.
    pub fn door(&self, cell: Cell, heading: Heading) -> Option<usize> {
        self.on_way.get(&(cell, heading)).copied()
    }

    /// The least steps for which whoever takes a way stands on the cell that it leads to.
    pub fn steps(&self, cell: Cell, heading: Heading) -> u32 {
        1 + (self.lag(cell, heading) / self.step_seconds) as u32
    }

    /// Says what ways cost where they take longer than a step, so that planners look for others. A door costs as much as it
    /// takes to open.
    pub fn price(&self, grid: &mut Grid) {
        for (cell, heading) in self.lags.keys().chain(self.on_way.keys()).copied() {
            let opening = self.door(cell, heading).map_or(0.0, |door| self.doorways[door].opening_seconds);
            let steps = 1.0 + (self.lag(cell, heading) + opening) / self.step_seconds;
            // More than the largest cost is said as that: nobody goes there who need not.
            grid.set_cost(cell, heading, steps.round().min(f64::from(u8::MAX)) as u8);
        }
    }
}
