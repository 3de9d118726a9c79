//! What a warehouse is made of, as people write it into a scenario.

use serde::{Deserialize, Serialize};
use site::run::Complaint;

use crate::floor::{Floor, FloorError, Fulfilment, LineSide, Sortation};

/// The most robots of one warehouse.
pub(super) const ROBOTS_MAX: u32 = 10_000;
/// The most orders an hour, and rows of a list.
pub(super) const ORDERS_MAX: usize = 1_000_000;

/// The most cells of a floor that is made from a shape.
const CELLS_MAX: usize = 500_000;

/// Where the floor comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FloorSource {
    /// It was drawn or imported.
    Drawn(Box<Floor>),
    /// A fulfilment centre of this shape.
    Fulfilment(Fulfilment),
    /// A sortation centre of this shape.
    Sortation(Sortation),
    /// Line-side supply of this shape.
    LineSide(LineSide),
}

/// The robots, all alike.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Robots {
    /// How many.
    pub count: u32,
    /// Metres a second.
    pub speed: f64,
    /// Seconds for a quarter turn.
    pub turn_seconds: f64,
    /// Seconds to take a load.
    pub load_seconds: f64,
    /// Hours that a full battery lasts.
    pub battery_hours: f64,
    /// Percent below which a robot goes to charge.
    pub charge_below_percent: f64,
    /// Percent with which it goes back to work.
    pub charge_until_percent: f64,
    /// What one costs an hour, in any currency.
    pub cost_per_hour: f64,
}

/// What has to be carried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Demand {
    /// Orders an hour, by chance; besides those of the list.
    pub orders_per_hour: f64,
    /// How the hours of the day differ, as factors; 24 of them, or none.
    pub profile: Vec<f64>,
    /// Minutes from the coming of an order until it is due.
    pub due_minutes: f64,
    /// Orders that are known.
    pub list: Vec<OrderRow>,
}

/// A known order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderRow {
    /// When it comes, in seconds from the start.
    pub second: f64,
    /// The storage or station where it is taken.
    pub from: String,
    /// The storage or station to which it is brought.
    pub to: String,
    /// More urgent orders have a higher one.
    #[serde(default)]
    pub priority: u8,
    /// When it is due, in seconds from the start.
    #[serde(default)]
    pub due: Option<f64>,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Troubles {
    /// Times an hour that a robot stops for a moment: a person in the way, a lost position.
    pub stops_per_robot_hour: f64,
    /// How long such a stop is on average, in seconds.
    pub stop_seconds: f64,
    /// Times a day that a robot breaks down.
    pub breakdowns_per_robot_day: f64,
    /// Minutes until it is back at work.
    pub repair_minutes: f64,
}

/// A warehouse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Warehouse {
    /// Where robots drive.
    pub floor: FloorSource,
    /// Who drives.
    pub robots: Robots,
    /// What for.
    pub demand: Demand,
    /// What goes wrong.
    pub troubles: Troubles,
    /// What a station costs an hour, in the same currency as robots.
    pub station_cost_per_hour: f64,
    /// What an order costs that is done late, or is due and not done.
    pub late_order_cost: f64,
}

impl Default for Warehouse {
    fn default() -> Self {
        Self {
            floor: FloorSource::default(),
            robots: Robots::default(),
            demand: Demand::default(),
            troubles: Troubles::default(),
            station_cost_per_hour: 25.0,
            late_order_cost: 2.0,
        }
    }
}

impl Default for FloorSource {
    fn default() -> Self {
        Self::Fulfilment(Fulfilment::default())
    }
}

impl Default for Robots {
    fn default() -> Self {
        Self {
            count: 20,
            speed: 1.5,
            turn_seconds: 1.0,
            load_seconds: 4.0,
            battery_hours: 8.0,
            charge_below_percent: 25.0,
            charge_until_percent: 85.0,
            cost_per_hour: 4.0,
        }
    }
}

impl Default for Demand {
    fn default() -> Self {
        Self { orders_per_hour: 400.0, profile: Vec::new(), due_minutes: 20.0, list: Vec::new() }
    }
}

impl Default for Troubles {
    fn default() -> Self {
        Self { stops_per_robot_hour: 1.0, stop_seconds: 8.0, breakdowns_per_robot_day: 0.5, repair_minutes: 15.0 }
    }
}

impl FloorSource {
    /// The floor itself, unless it would become too large.
    pub fn floor(&self) -> Result<Floor, Vec<Complaint>> {
        let (name, cells) = match self {
            Self::Drawn(floor) => return Ok((**floor).clone()),
            Self::Fulfilment(shape) => ("fulfilment", shape.cells()),
            Self::Sortation(shape) => ("sortation", shape.cells()),
            Self::LineSide(shape) => ("line_side", shape.cells()),
        };
        if cells > CELLS_MAX {
            let problem = format!("the floor would have {cells} cells, at most {CELLS_MAX} are made");
            let hint = "make it smaller".to_owned();
            return Err(vec![Complaint { place: format!("/world/floor/{name}"), problem, hint }]);
        }
        Ok(match self {
            Self::Drawn(floor) => (**floor).clone(),
            Self::Fulfilment(shape) => shape.floor(),
            Self::Sortation(shape) => shape.floor(),
            Self::LineSide(shape) => shape.floor(),
        })
    }
}

impl Warehouse {
    /// Everything that is wrong with the numbers; the floor is looked at by itself.
    pub(super) fn complaints(&self) -> Vec<Complaint> {
        let mut complaints = Vec::new();
        let mut within = |place: &str, value: f64, low: f64, high: f64| {
            if !(low..=high).contains(&value) {
                let problem = format!("{value} is not between {low} and {high}");
                complaints.push(Complaint { place: format!("/world{place}"), problem, hint: String::new() });
            }
        };
        let (robots, troubles) = (&self.robots, &self.troubles);
        within("/robots/count", f64::from(robots.count), 1.0, f64::from(ROBOTS_MAX));
        within("/robots/speed", robots.speed, 0.05, 10.0);
        within("/robots/turn_seconds", robots.turn_seconds, 0.05, 60.0);
        within("/robots/load_seconds", robots.load_seconds, 0.0, 3_600.0);
        within("/robots/battery_hours", robots.battery_hours, 0.1, 1_000.0);
        within("/robots/charge_below_percent", robots.charge_below_percent, 0.0, 90.0);
        within("/robots/charge_until_percent", robots.charge_until_percent, robots.charge_below_percent + 5.0, 100.0);
        within("/robots/cost_per_hour", robots.cost_per_hour, 0.0, 1e6);
        within("/demand/orders_per_hour", self.demand.orders_per_hour, 0.0, ORDERS_MAX as f64);
        within("/demand/due_minutes", self.demand.due_minutes, 0.1, 10_000.0);
        within("/demand/list", self.demand.list.len() as f64, 0.0, ORDERS_MAX as f64);
        within("/troubles/stops_per_robot_hour", troubles.stops_per_robot_hour, 0.0, 1_000.0);
        within("/troubles/stop_seconds", troubles.stop_seconds, 0.0, 3_600.0);
        within("/troubles/breakdowns_per_robot_day", troubles.breakdowns_per_robot_day, 0.0, 1_000.0);
        within("/troubles/repair_minutes", troubles.repair_minutes, 0.0, 10_000.0);
        within("/station_cost_per_hour", self.station_cost_per_hour, 0.0, 1e6);
        within("/late_order_cost", self.late_order_cost, 0.0, 1e6);
        let profile = &self.demand.profile;
        let is_day = profile.len() == 24 && profile.iter().all(|factor| (0.0..=1_000.0).contains(factor));
        if !profile.is_empty() && !is_day {
            complaints.push(Complaint {
                place: "/world/demand/profile".into(),
                problem: format!("{} factors are no day", profile.len()),
                hint: "give 24 factors from 0 on, or none".into(),
            });
        }
        complaints
    }
}

/// What is wrong with a floor, as complaints about a scenario.
pub fn floor_complaints(error: FloorError) -> Vec<Complaint> {
    match error {
        FloorError::Faults(faults) => faults
            .into_iter()
            .map(|fault| Complaint {
                place: format!("/world/floor {}", fault.place),
                problem: fault.problem,
                hint: fault.hint,
            })
            .collect(),
        other => {
            let place = "/world/floor".to_owned();
            vec![Complaint { place, problem: other.to_string(), hint: String::new() }]
        }
    }
}
