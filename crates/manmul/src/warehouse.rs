//! The demo warehouse: virtual robots that speak VDA 5050 over links of their own, and master control in operation.
//!
//! Both sides meet in the broker only: master control could not tell these robots from real ones.

mod control;
mod demand;
mod keep;
mod operate;
mod robots;

use std::sync::Arc;

use anyhow::Context as _;
use connect::vda5050::{Address, Version};
use fleet::floor::{Floor, Fulfilment, Network};
use fleet::vehicle::{Pose, Settings, Troubles, Vehicle};
use fleet::warehouse::{Fleet, FloorSource, Policy, Robots, Warehouse};
use model::{Clock, Space, SpaceId, SpaceKind, ThingId};
use mqtt::Broker;
use parking_lot::Mutex;
use site::run::{Mode, PolicyChoice, RunBook, RunError, RunState, Scenario};
use site::{NewThing, Site, SiteError};
use store::State;
use tokio_util::sync::CancellationToken;
use twin::Origin;

use control::Control;
use keep::Kept;

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
        return Fulfilment { robots, seed, ..Fulfilment::default() };
    }
    Fulfilment { block_columns: 2, block_rows: 2, block_length: 4, stations: 4, chargers: 2, robots, seed }
}

/// Sets the warehouse up and lets it work until `closing`. Blocks while it reads and writes the state.
pub(crate) fn open(needs: Needs) -> anyhow::Result<Vec<tokio::task::JoinHandle<()>>> {
    place(&needs.site, needs.robots).context("the demo warehouse cannot be set up")?;
    let floor = shape(needs.robots, needs.seed).floor();
    let network = Arc::new(floor.network()?);
    let (vehicles, control) = match keep::read(&*needs.state)? {
        Some(kept) if kept.robots.len() == needs.robots as usize => go_on(kept, &floor, &network, &needs)?,
        _ => begin(&floor, &network, &needs)?,
    };
    let (vehicles, control) = (Arc::new(Mutex::new(vehicles)), Arc::new(Mutex::new(control)));
    let (clock, closing) = (&needs.clock, &needs.closing);
    let driving = tokio::spawn(robots::drive(
        Arc::clone(&vehicles),
        needs.broker.clone(),
        Arc::clone(clock),
        needs.seed,
        closing.clone(),
    ));
    let operating = tokio::spawn(operate::operate(
        Arc::clone(&control),
        needs.broker.clone(),
        Arc::clone(&needs.runs),
        Arc::clone(clock),
        closing.clone(),
    ));
    let keeping = tokio::spawn(keep::keep(
        Arc::clone(&needs.state),
        Arc::clone(clock),
        (vehicles, control),
        [driving, operating],
        closing.clone(),
    ));
    let promoting = tokio::spawn(async move {
        if let Err(error) = promote_first(&needs).await {
            tracing::error!(%error, "no policy of the demo warehouse went live");
        }
    });
    Ok(vec![keeping, promoting])
}

/// Robots and master control as they were written down.
fn go_on(kept: Kept, floor: &Floor, network: &Arc<Network>, needs: &Needs) -> anyhow::Result<(Vec<Vehicle>, Control)> {
    let now = needs.clock.now();
    let control = Control::restore(kept.master, kept.demand, floor, network, now).context("master control")?;
    Ok((kept.robots, control))
}

/// Robots where the floor has them, and master control that knows of nothing else.
fn begin(floor: &Floor, network: &Arc<Network>, needs: &Needs) -> anyhow::Result<(Vec<Vehicle>, Control)> {
    let settings = Settings {
        troubles: Troubles {
            delays_per_second: DELAYS_PER_SECOND,
            delay_seconds_max: DELAY_SECONDS_MAX,
            ..Troubles::default()
        },
        ..Settings::default()
    };
    let starts = floor.robots.iter().enumerate().filter_map(|(index, start)| {
        let point = network.point(network.node(&start.node)?);
        let pose = Pose { x: point.x, y: point.y, theta: start.theta, map: floor.map.clone(), node: String::new() };
        Some(Vehicle::new(settings.clone(), address(index), pose))
    });
    let vehicles: Vec<Vehicle> = starts.collect();
    let control = Control::new(floor, network, vehicles.len(), needs.seed, needs.clock.now())?;
    Ok((vehicles, control))
}

/// Makes the space and the robots' things that are not there yet.
fn place(site: &Site, robots: u32) -> Result<(), SiteError> {
    let id = SpaceId::new(SPACE).expect("a word is an id");
    let spaces = site.spaces();
    if !spaces.iter().any(|(row, _)| row.space.id == id) {
        let root = spaces.iter().find(|(row, _)| row.space.parent.is_none());
        let parent = root.map(|(row, _)| row.space.id.clone());
        site.add_space(Space { id: id.clone(), parent, kind: SpaceKind::Building, title: "Warehouse".to_owned() })?;
    }
    for index in 0..robots as usize {
        let thing = thing(index);
        if site.thing_row(&thing).is_none() {
            site.create_thing(NewThing {
                id: thing,
                title: Some(format!("Robot {}", index + 1)),
                model: None,
                space: Some(id.clone()),
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
