//! Which policy is live in a domain, and the run that shows why.

use model::Timestamp;
use serde::{Deserialize, Serialize};
use store::state::{Change, StateError, Table};

use super::book::{RunBook, RunError, RunState};
use super::mode::Mode;
use super::scenario::PolicyChoice;

/// How many earlier promotions are kept; the oldest is forgotten.
const EARLIER_MAX: usize = 50;

/// One promotion of a policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Promotion {
    /// What was promoted.
    pub policy: PolicyChoice,
    /// Shadow or operate.
    pub mode: Mode,
    /// The run that it rests on; `None` when it was forced.
    pub run: Option<String>,
    /// When.
    #[cfg_attr(feature = "schema", schema(value_type = i64))]
    pub time: Timestamp,
    /// By whom.
    pub by: String,
}

/// What is live in a domain.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Live {
    /// What decides now; `None`: hands off.
    pub now: Option<Promotion>,
    /// What decided before, the newest first.
    pub earlier: Vec<Promotion>,
}

impl RunBook {
    /// What is live in a domain.
    pub fn live(&self, domain: &str) -> Result<Live, RunError> {
        let name = self.domain(domain)?.description().name;
        Ok(self.read_live(name)?)
    }

    /// Takes the policy of a finished run live, in shadow or for real.
    pub fn promote(&self, run: &str, mode: Mode, by: &str) -> Result<Live, RunError> {
        let run = self.run(run)?;
        if run.state != RunState::Finished {
            return Err(RunError::NothingToShow(run.id));
        }
        let promotion = Promotion {
            policy: run.scenario.policy,
            mode,
            run: Some(run.id),
            time: self.clock.now(),
            by: by.to_owned(),
        };
        self.change_live(&run.scenario.domain, Some(promotion))
    }

    /// Takes a policy live with nothing to show for it. Whoever calls this has made sure that an owner asks.
    pub fn force(&self, domain: &str, policy: PolicyChoice, mode: Mode, by: &str) -> Result<Live, RunError> {
        let promotion = Promotion { policy, mode, run: None, time: self.clock.now(), by: by.to_owned() };
        self.change_live(domain, Some(promotion))
    }

    /// Hands off.
    pub fn withdraw(&self, domain: &str) -> Result<Live, RunError> {
        self.change_live(domain, None)
    }

    /// Goes back to what decided before.
    pub fn roll_back(&self, domain: &str) -> Result<Live, RunError> {
        let earlier = self.live(domain)?.earlier.into_iter().next();
        self.change_live(domain, earlier)
    }

    fn change_live(&self, domain: &str, now: Option<Promotion>) -> Result<Live, RunError> {
        let name = self.domain(domain)?.description().name;
        let mut live = self.read_live(name)?;
        if let Some(before) = std::mem::replace(&mut live.now, now) {
            live.earlier.insert(0, before);
            live.earlier.truncate(EARLIER_MAX);
        }
        self.state.commit(vec![Change::put(Table::Setting, setting(name), None, &live)], self.clock.now())?;
        Ok(live)
    }

    fn read_live(&self, domain: &str) -> Result<Live, StateError> {
        let row = self.state.get(Table::Setting, &setting(domain))?;
        row.map_or_else(|| Ok(Live::default()), |row| row.parse(Table::Setting))
    }

    /// The runs that something live rests on.
    pub(super) fn live_runs(&self) -> Result<Vec<String>, StateError> {
        let mut runs = Vec::new();
        for domain in self.domains() {
            let live = self.read_live(domain.description().name)?;
            runs.extend(live.now.into_iter().chain(live.earlier).filter_map(|promotion| promotion.run));
        }
        Ok(runs)
    }
}

/// Where it is kept.
fn setting(domain: &str) -> String {
    format!("site.live.{domain}")
}
