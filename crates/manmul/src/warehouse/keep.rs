//! What of the warehouse survives a restart: robots, master control and orders, written down together.

use std::sync::Arc;
use std::time::Duration;

use fleet::vehicle::Vehicle;
use model::{Clock, Timestamp};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use store::State;
use store::state::{Change, StateError, Table};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::control::Control;
use super::demand::Demand;

/// The setting in which it is kept.
const SETTING: &str = "manmul.warehouse";
/// How often it is written down.
const SAVE_EVERY: Duration = Duration::from_secs(5);

/// The warehouse at one moment.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) robots: Vec<Vehicle>,
    pub(super) master: serde_json::Value,
    pub(super) demand: Demand,
}

/// What was written down, if anything.
pub(super) fn read(state: &dyn State) -> Result<Option<Kept>, StateError> {
    state.get(Table::Setting, SETTING)?.map(|row| row.parse(Table::Setting)).transpose()
}

fn write(state: &dyn State, robots: &Mutex<Vec<Vehicle>>, control: &Mutex<Control>, now: Timestamp) {
    let kept = {
        // Both at one moment: what master control holds is where the robots are.
        let (robots, control) = (robots.lock(), control.lock());
        let (master, demand) = control.save();
        Kept { robots: robots.clone(), master, demand }
    };
    if let Err(error) = state.commit(vec![Change::put(Table::Setting, SETTING, None, &kept)], now) {
        tracing::warn!(%error, "the demo warehouse was not written down");
    }
}

/// Writes the warehouse down now and then, and once more when both who `work` on it have ended.
pub(super) async fn keep(
    state: Arc<dyn State>,
    clock: Arc<dyn Clock>,
    (robots, control): (Arc<Mutex<Vec<Vehicle>>>, Arc<Mutex<Control>>),
    work: [JoinHandle<()>; 2],
    closing: CancellationToken,
) {
    while tokio::time::timeout(SAVE_EVERY, closing.cancelled()).await.is_err() {
        tokio::task::block_in_place(|| write(&*state, &robots, &control, clock.now()));
    }
    for task in work {
        if let Err(error) = task.await {
            tracing::error!(%error, "the demo warehouse failed");
        }
    }
    tokio::task::block_in_place(|| write(&*state, &robots, &control, clock.now()));
}
