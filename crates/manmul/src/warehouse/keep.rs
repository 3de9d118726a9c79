//! What of the virtual robots survives a restart: all of it when the program ends in good order. After any other end they
//! stand where master control knows them to be, as robots that were switched off.

use fleet::vehicle::Vehicle;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use store::State;
use store::state::{Change, StateError, Table};

/// The setting in which they are kept.
const SETTING: &str = "manmul.warehouse";

#[derive(Serialize, Deserialize)]
struct Kept {
    robots: Vec<Vehicle>,
}

/// Takes what was written down, if anything: it holds for one start only.
pub(super) fn take(state: &dyn State, now: Timestamp) -> Result<Vec<Vehicle>, StateError> {
    let Some(row) = state.get(Table::Setting, SETTING)? else { return Ok(Vec::new()) };
    state.commit(vec![Change::delete(Table::Setting, SETTING)], now)?;
    Ok(row.parse::<Kept>(Table::Setting).map(|kept| kept.robots).unwrap_or_default())
}

/// Writes the robots down when all has come to rest.
pub(super) fn write(state: &dyn State, robots: Vec<Vehicle>, now: Timestamp) {
    if let Err(error) = state.commit(vec![Change::put(Table::Setting, SETTING, None, &Kept { robots })], now) {
        tracing::warn!(%error, "the robots of the demo warehouse were not written down");
    }
}
