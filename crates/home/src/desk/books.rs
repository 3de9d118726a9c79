//! What is written down: the settings, and which policy is live.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Name, ThingId, Value};
use site::run::{Live, Mode, PolicyChoice, Promotion, RunError, RunState};
use store::State;
use store::state::{Change, StateError, Table};

use super::seen::look_around;
use super::shown::{HomeMode, SettingsView};
use super::{DOMAIN, Desk, DeskError, POLICY, Room};
use crate::settings::Settings;

/// The setting in which the settings of the home are kept.
const SETTING: &str = "home.settings";

/// The setting in which it is kept what things had before they were told something.
const BEFORE: &str = "home.before";

/// What things had before they were told something.
type Before = BTreeMap<ThingId, Vec<(Name, Value)>>;

/// What is written down of what things had before.
pub(super) fn before(state: &dyn State) -> Result<Before, StateError> {
    let Some(row) = state.get(Table::Setting, BEFORE)? else { return Ok(Before::new()) };
    let kept: BTreeMap<ThingId, BTreeMap<Name, serde_json::Value>> = row.parse(Table::Setting)?;
    let values = |values: BTreeMap<Name, serde_json::Value>| {
        values.into_iter().map(|(name, json)| (name, Value::from_json(json))).collect()
    };
    Ok(kept.into_iter().map(|(thing, of)| (thing, values(of))).collect())
}

/// The settings with their revision.
pub(super) struct Kept {
    pub(super) settings: Arc<Settings>,
    pub(super) rev: i64,
}

impl Kept {
    pub(super) fn open(state: &dyn State) -> Result<Self, StateError> {
        let Some(row) = state.get(Table::Setting, SETTING)? else {
            return Ok(Self { settings: Arc::default(), rev: 0 });
        };
        Ok(Self { rev: row.rev, settings: Arc::new(row.parse(Table::Setting)?) })
    }
}

impl Desk {
    /// What people said.
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.kept.read().settings)
    }

    /// What people said, and what was found.
    pub fn settings_view(&self) -> SettingsView {
        let (settings, rev) = {
            let kept = self.kept.read();
            (Arc::clone(&kept.settings), kept.rev)
        };
        let home = look_around(&self.site, &settings);
        SettingsView { settings: (*settings).clone(), rev, home }
    }

    /// Whether people have said anything yet.
    pub fn is_set_up(&self) -> bool {
        self.kept.read().rev > 0
    }

    /// Takes new settings, once they are written down. `expected` is the revision that they must have.
    pub fn set(&self, settings: Settings, expected: Option<i64>) -> Result<(), DeskError> {
        let complaints = settings.check();
        if !complaints.is_empty() {
            return Err(DeskError::Complaints(complaints));
        }
        let mut kept = self.kept.write();
        if let Some(expected) = expected.filter(|expected| *expected != kept.rev) {
            return Err(DeskError::Changed { expected, found: kept.rev });
        }
        let change = Change::put(Table::Setting, SETTING, None, &settings);
        self.state.commit(vec![change], self.clock.now())?;
        let rev = self.state.get(Table::Setting, SETTING)?.map_or(kept.rev + 1, |row| row.rev);
        *kept = Kept { settings: Arc::new(settings), rev };
        Ok(())
    }

    /// Writes down what things had before they were told something, when that has changed.
    pub(super) fn keep_before(&self, room: &mut Room) -> Result<(), StateError> {
        if room.before == room.kept_before {
            return Ok(());
        }
        let json = |values: &Vec<(Name, Value)>| -> BTreeMap<Name, serde_json::Value> {
            values.iter().map(|(name, value)| (name.clone(), value.to_json())).collect()
        };
        let kept: BTreeMap<&ThingId, _> = room.before.iter().map(|(thing, values)| (thing, json(values))).collect();
        self.state.commit(vec![Change::put(Table::Setting, BEFORE, None, &kept)], self.clock.now())?;
        room.kept_before.clone_from(&room.before);
        Ok(())
    }

    /// What is live.
    pub(super) fn live(&self) -> Result<Option<Promotion>, DeskError> {
        match self.runs.live(DOMAIN) {
            Ok(live) => Ok(live.now),
            // Without a domain there is nothing that could be live.
            Err(RunError::UnknownDomain(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Says who decides. What is carried out needs a finished run to show for it, the newest when none is named; `force` does
    /// without, and whoever calls with it has made sure that an owner asks.
    pub fn set_mode(&self, mode: HomeMode, run: Option<&str>, force: bool, by: &str) -> Result<Live, DeskError> {
        let policy = PolicyChoice { name: POLICY.to_owned(), parameters: serde_json::Value::Null };
        let mode = match mode {
            HomeMode::Off => return Ok(self.runs.withdraw(DOMAIN)?),
            HomeMode::Shadow => Mode::Shadow,
            HomeMode::Operate => Mode::Operate,
        };
        if let Some(run) = run {
            let found = self.runs.run(run)?;
            if found.scenario.domain != DOMAIN {
                return Err(DeskError::OtherDomain(run.to_owned()));
            }
            return Ok(self.runs.promote(run, mode, by)?);
        }
        let runs = self.runs.runs()?;
        let is_ours = |policy: &PolicyChoice| policy.name == POLICY;
        let newest = runs.iter().find(|run| {
            run.scenario.domain == DOMAIN && run.state == RunState::Finished && is_ours(&run.scenario.policy)
        });
        match newest {
            Some(run) => Ok(self.runs.promote(&run.id, mode, by)?),
            // Nothing is sent in shadow, so there is nothing to show for it yet: it is how one comes to see.
            None if force || mode == Mode::Shadow => Ok(self.runs.force(DOMAIN, policy, mode, by)?),
            None => Err(DeskError::NothingToShow),
        }
    }
}
