//! The demo warehouse: a floor and virtual robots for the fleet in operation, and a demand for it to meet.
//!
//! The robots speak VDA 5050 over links of their own and meet master control in the broker only: it could not tell them
//! from real ones.

mod demand;
mod keep;
mod robots;

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context as _;
use connect::vda5050::{Address, Version};
use fleet::desk::Desk;
use fleet::floor::Fulfilment;
use fleet::operation::Operation;
use fleet::vehicle::{Pose, Settings, Troubles, Vehicle};
use fleet::warehouse::{Fleet, FloorSource, Policy, Robots, Warehouse};
use model::{Clock, Space, SpaceId, SpaceKind, ThingId};
use mqtt::Broker;
use site::run::{Mode, PolicyChoice, RunBook, RunError, RunState, Scenario};
use site::{NewThing, Site, SiteError};
use store::State;
use tokio_util::sync::CancellationToken;
use twin::Origin;

/// The space that the robots are in.
const SPACE: &str = "warehouse";
/// What topics of the robots begin with.
const INTERFACE: &str = "vda5050";
/// Who made them.
const MAKER: &str = "manmul";
/// What their things' ids begin with.
const THING_PREFIX: &str = "manmul-robot-";
/// Who asks for the first run.
const BY: &str = "demo";

/// How long the run is that shows what the first policy is worth, in virtual seconds.
const FIRST_RUN_SECONDS: u64 = 600;
/// How often it is looked at.
const FIRST_RUN_LOOK: std::time::Duration = std::time::Duration::from_millis(200);

/// The most robots on the small floor.
const SMALL_FLOOR_ROBOTS_MAX: usize = 6;

/// A passer-by in the way of a robot, times a second, and for how many seconds at most.
const DELAYS_PER_SECOND: f64 = 0.003;
const DELAY_SECONDS_MAX: f64 = 4.0;

/// What the warehouse needs.
pub(crate) struct Needs {
    pub(crate) site: Arc<Site>,
    pub(crate) state: Arc<dyn State>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) broker: Broker,
    pub(crate) runs: Arc<RunBook>,
    pub(crate) desk: Arc<Desk>,
    /// How many robots; at least one.
    pub(crate) robots: u32,
    pub(crate) seed: u64,
    pub(crate) closing: CancellationToken,
}

/// Whether a thing is a robot of the warehouse, which plays there and nowhere else.
pub(crate) fn is_robot(thing: &ThingId) -> bool {
    thing.as_str().starts_with(THING_PREFIX)
}

/// The thing that robot `index` is.
fn thing(index: usize) -> ThingId {
    ThingId::new(format!("{THING_PREFIX}{:02}", index + 1)).expect("letters, digits and hyphens are an id")
}

/// Where robot `index` is spoken to.
fn address(index: usize) -> Address {
    Address::new(INTERFACE, Version::V2_1, MAKER, &format!("robot-{:02}", index + 1))
}

/// The floor, with as many robots on it: a small one for a few.
fn shape(robots: u32, seed: u64) -> Fulfilment {
    let robots = robots as usize;
    if robots > SMALL_FLOOR_ROBOTS_MAX {
        let (block_columns, block_rows, block_length) = (8, 8, 8);
        let (stations, chargers, normal) = (24, 24, Fulfilment::default());
        return Fulfilment { block_columns, block_rows, block_length, stations, chargers, robots, seed, ..normal };
    }
    let least = Fulfilment {
        block_columns: 2,
        block_rows: 2,
        block_length: 4,
        stations: 4,
        chargers: 2,
        ..Fulfilment::default()
    };
    Fulfilment { robots, seed, ..least }
}

/// Sets the warehouse up and lets it work until `closing`.
pub(crate) async fn run(needs: Needs) {
    let vehicles = match tokio::task::block_in_place(|| open(&needs)) {
        Ok(vehicles) => vehicles,
        Err(error) => return tracing::error!("{error:#}"),
    };
    let demand = demand::grow(
        Arc::clone(&needs.desk),
        Arc::clone(&needs.runs),
        Arc::clone(&needs.clock),
        needs.robots,
        needs.closing.clone(),
    );
    let driving =
        robots::drive(vehicles, needs.broker.clone(), Arc::clone(&needs.clock), needs.seed, needs.closing.clone());
    let promoting = async {
        if let Err(error) = promote_first(&needs).await {
            tracing::error!(%error, "no policy of the demo warehouse went live");
        }
    };
    let (vehicles, (), ()) = tokio::join!(driving, demand, promoting);
    tokio::task::block_in_place(|| keep::write(&*needs.state, vehicles, needs.clock.now()));
}

/// Floor, things and robots, as far as they are not there yet; gives the robots.
fn open(needs: &Needs) -> anyhow::Result<Vec<Vehicle>> {
    place(&needs.site, needs.robots).context("the demo warehouse cannot be set up")?;
    let desk = &needs.desk;
    if !desk.is_open() {
        desk.set_floor(FloorSource::Fulfilment(shape(needs.robots, needs.seed)), None)?;
    }
    let count = needs.robots as usize;
    let wanted: HashMap<String, usize> = (0..count).map(|index| (address(index).serial_number, index)).collect();
    let all = desk.robots()?;
    let ours = all.iter().filter(|robot| robot.address.manufacturer == MAKER);
    let surplus: Vec<u32> =
        ours.filter(|robot| !wanted.contains_key(&robot.address.serial_number)).map(|robot| robot.number).collect();
    desk.change_robots((0..count).map(|index| (address(index), Version::V2_1)).collect(), &surplus)?;
    let kept = keep::take(&*needs.state, needs.clock.now())?;
    if kept.len() == count {
        return Ok(kept);
    }
    let batteries: HashMap<String, f64> =
        kept.iter().map(|robot| (robot.address().serial_number.clone(), robot.battery_percent())).collect();
    let stand = desk.with(|operation| vehicles(operation, count, &batteries));
    Ok(stand.unwrap_or_default())
}

/// Robots where master control knows them to be, and the others where the floor has them.
fn vehicles(operation: &Operation, count: usize, batteries: &HashMap<String, f64>) -> Vec<Vehicle> {
    let (floor, network, master) = (operation.floor(), operation.network(), operation.master());
    let held = |index: usize| {
        let address = address(index);
        let robot = master.robot_at(&address.manufacturer, &address.serial_number)?;
        master.traffic().base(robot).first().map(|visit| (visit.cell, visit.theta))
    };
    let mut taken: Vec<bool> = vec![false; network.len()];
    (0..count).filter_map(held).for_each(|(node, _)| taken[node as usize] = true);
    let starts = floor.robots.iter().filter_map(|start| Some((network.node(&start.node)?, start.theta)));
    let parkings = floor.parkings.iter().filter_map(|parking| Some((network.node(&parking.node)?, 0.0)));
    let anywhere = (0..network.len() as u32).map(|node| (node, 0.0));
    let mut free = starts.chain(parkings).chain(anywhere);
    let settings = Settings {
        troubles: Troubles {
            delays_per_second: DELAYS_PER_SECOND,
            delay_seconds_max: DELAY_SECONDS_MAX,
            ..Troubles::default()
        },
        ..Settings::default()
    };
    let mut robots = Vec::with_capacity(count);
    for index in 0..count {
        let place = held(index).or_else(|| free.find(|(node, _)| !std::mem::replace(&mut taken[*node as usize], true)));
        let Some((node, theta)) = place else { break };
        let point = network.point(node);
        let pose = Pose { x: point.x, y: point.y, theta, map: floor.map.clone(), node: String::new() };
        let mut robot = Vehicle::new(settings.clone(), address(index), pose);
        if let Some(percent) = batteries.get(&robot.address().serial_number) {
            robot.set_battery(*percent);
        }
        robots.push(robot);
    }
    robots
}

/// Makes the space and the robots' things that are not there yet.
fn place(site: &Site, robots: u32) -> Result<(), SiteError> {
    let id = SpaceId::new(SPACE).expect("a word is an id");
    let spaces = site.spaces();
    if !spaces.iter().any(|(row, _)| row.space.id == id) {
        let root = spaces.iter().find(|(row, _)| row.space.parent.is_none());
        let parent = root.map(|(row, _)| row.space.id.clone());
        site.add_space(Space::new(id.clone(), parent, SpaceKind::Building, "Warehouse"))?;
    }
    for index in 0..robots as usize {
        let thing = thing(index);
        if site.thing_row(&thing).is_none() {
            site.create_thing(NewThing {
                id: thing,
                title: Some(format!("Robot {}", index + 1)),
                model: None,
                space: Some(id.clone()),
                location: None,
                tags: vec!["demo".to_owned()],
                origin: Origin::Virtual,
            })?;
        }
    }
    Ok(())
}

/// Takes a first policy live, with a short run to show for it, where nobody has ever decided who decides.
async fn promote_first(needs: &Needs) -> Result<(), RunError> {
    let live = needs.runs.live(Fleet::NAME)?;
    if live.now.is_some() || !live.earlier.is_empty() {
        return Ok(());
    }
    let world = Warehouse {
        floor: FloorSource::Fulfilment(shape(needs.robots, needs.seed)),
        robots: Robots { count: needs.robots, ..Robots::default() },
        ..Warehouse::default()
    };
    let scenario = Scenario {
        title: "The demo warehouse".to_owned(),
        domain: Fleet::NAME.to_owned(),
        policy: PolicyChoice { name: Policy::NAME.to_owned(), parameters: serde_json::Value::Null },
        world: serde_json::to_value(world).expect("a warehouse has text keys and finite numbers"),
        start: needs.clock.now(),
        duration_seconds: FIRST_RUN_SECONDS,
        seeds: vec![needs.seed],
    };
    let run = needs.runs.simulate(scenario, BY)?.id;
    while !needs.runs.run(&run)?.state.is_over() {
        if tokio::time::timeout(FIRST_RUN_LOOK, needs.closing.cancelled()).await.is_ok() {
            return Ok(());
        }
    }
    // Somebody may have cancelled it, or decided otherwise meanwhile.
    let live = needs.runs.live(Fleet::NAME)?;
    let is_undecided = live.now.is_none() && live.earlier.is_empty();
    if is_undecided && needs.runs.run(&run)?.state != RunState::Cancelled {
        needs.runs.promote(&run, Mode::Operate, BY)?;
    }
    Ok(())
}
