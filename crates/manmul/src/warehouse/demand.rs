//! A steady stream of orders for the demo: loads are taken from storages to stations, and brought back.

use std::sync::Arc;
use std::time::Duration;

use fleet::desk::{Desk, DeskError};
use fleet::orders::Wanted;
use fleet::warehouse::Fleet;
use model::{Clock, Timestamp};
use plan::Random;
use site::run::RunBook;
use tokio_util::sync::CancellationToken;

/// Who asks for them: what is made up is marked by this name.
const BY: &str = "demo";
/// How often it is looked whether orders are due.
const LOOK: Duration = Duration::from_millis(500);
/// The most orders that wait for a robot; while as many wait, none come.
const WAITING_MAX: u64 = 50;
/// For how many seconds of each robot an order comes: robots are at work two thirds of the time.
const ORDER_SECONDS: f64 = 240.0;
/// The most orders that come at once.
const AT_ONCE_MAX: usize = 20;
/// How much time an order has, in seconds.
const DUE_SECONDS: u64 = 900;

/// Lets orders come while somebody decides, until `closing`.
pub(super) async fn grow(
    desk: Arc<Desk>,
    runs: Arc<RunBook>,
    clock: Arc<dyn Clock>,
    robots: u32,
    closing: CancellationToken,
) {
    let mut random = Random::new(clock.now().micros().unsigned_abs());
    let interval = Duration::from_secs_f64(ORDER_SECONDS / f64::from(robots.max(1)));
    let mut due = clock.now();
    while tokio::time::timeout(LOOK, closing.cancelled()).await.is_err() {
        let now = clock.now();
        let is_live = runs.live(Fleet::NAME).is_ok_and(|live| live.now.is_some());
        let mut orders = 0;
        while is_live && due <= now && orders < AT_ONCE_MAX {
            orders += 1;
            due = due + interval;
        }
        // What could not come while nobody decided is not made up for.
        due = due.max(now);
        if orders == 0 {
            continue;
        }
        let made = tokio::task::block_in_place(|| (0..orders).try_for_each(|_| one(&desk, &mut random, now)));
        if let Err(error) = made {
            tracing::debug!(%error, "no order came to the demo warehouse");
        }
    }
}

fn one(desk: &Desk, random: &mut Random, now: Timestamp) -> Result<(), DeskError> {
    if desk.waiting()? >= WAITING_MAX {
        return Ok(());
    }
    let drawn = desk.with(|operation| {
        let floor = operation.floor();
        if floor.storages.is_empty() || floor.stations.is_empty() {
            return None;
        }
        let storage = floor.storages[random.index(floor.storages.len())].id.clone();
        let station = floor.stations[random.index(floor.stations.len())].id.clone();
        Some(if random.index(2) == 0 { (storage, station) } else { (station, storage) })
    });
    let Some(Some((from, to))) = drawn else { return Ok(()) };
    let due = Some(now + Duration::from_secs(DUE_SECONDS));
    desk.create(None, Wanted { from, to, priority: 0, due, not_before: None }, BY).map(drop)
}
