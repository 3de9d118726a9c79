//! The one place through which people and programs reach the energy of a home: settings, the plan as it stands, and what it has
//! things do.
//!
//! The site, the state, the clock and the book of runs are passed in. [`Desk::turn`] is called again and again; whoever calls it
//! carries out what it decides and says how that went. There are three locks: the room is held by a turn as long as it thinks;
//! settings and what is shown lie beside it and are held for a moment.
//!
//! What happens when something fails, in this order: the plan of now; the last plan, for [`LAST_PLAN_FOR`] at most; every device
//! by itself; hands off. A feed that is silent costs its own knowledge only: prices and carbon stand as the settings say, sun and
//! load are forecast from the past.

mod books;
mod devices;
mod flows;
mod heat;
mod known;
mod obey;
mod outlook;
mod own_world;
mod past;
mod savings;
mod seen;
mod shown;
mod told;
mod turn;
mod unplanned;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use model::{Clock, Name, ThingId, Timestamp, Value};
use parking_lot::{Mutex, RwLock};
use site::Site;
use site::run::{Complaint, Promotion, RunBook, RunError};
use store::State;
use store::state::StateError;

use crate::device::Device;
use crate::outlook::{Aims, Outlook};
use crate::schedule::Schedule;
use books::Kept;
use known::Known;
use obey::{Given, Held};
use outlook::Expectations;
pub use past::DAYS_MAX;
pub use savings::{Between, LearntThing, Saved, Savings};
pub use shown::{
    Course, Day, DayPlan, Days, Decided, Flow, HomeMode, Node, Note, Now, PlannedDevice, PlannedReason,
    PlannedShortfall, SettingsView, Standing,
};
use turn::Made;

/// The word of the domain in scenarios, and under which its policy is live.
pub const DOMAIN: &str = "home";
/// What the policy is called.
pub const POLICY: &str = "optimiser";
/// How long a plan that cannot be renewed is gone by.
pub const LAST_PLAN_FOR: Duration = Duration::from_hours(6);
/// How many decisions are shown; the oldest is forgotten.
pub const DECIDED_MAX: usize = 100;

/// Makes a plan; why there is none, in words.
pub type Plan = dyn Fn(&[Device], &Outlook, &Aims) -> Result<Schedule, String> + Send + Sync;

/// What a desk stands on.
pub struct Parts {
    /// The things and their past.
    pub site: Arc<Site>,
    /// Where settings are kept.
    pub state: Arc<dyn State>,
    /// What is live.
    pub runs: Arc<RunBook>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Makes plans.
    pub plan: Arc<Plan>,
}

/// Why something cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The settings do not fit.
    #[error("{} things are wrong with the settings", .0.len())]
    Complaints(Vec<Complaint>),
    /// The settings were changed by somebody else.
    #[error("the settings have revision {found}, not {expected}")]
    Changed {
        /// What was expected.
        expected: i64,
        /// What is there.
        found: i64,
    },
    /// Nothing shows what the policy does.
    #[error(
        "there is no finished run of this home to show for it\nhint: simulate it first, watch it in shadow, or ask an owner to force it"
    )]
    NothingToShow,
    /// The home was not learned yet.
    #[error(
        "too little of the past of this home is known yet\nhint: whole days of its meter are needed; look again in an hour"
    )]
    NotKnown,
    /// Nobody said what electricity costs.
    #[error("nobody said what electricity costs\nhint: say it in the settings of the home")]
    NoTariff,
    /// The run is of something else.
    #[error("run {0} is not of this home")]
    OtherDomain(String),
    /// Which policy is live cannot be read or changed.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The state failed.
    #[error(transparent)]
    State(#[from] StateError),
}

/// What a turn has one thing do.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Which thing.
    pub thing: ThingId,
    /// What its properties are to be.
    pub values: Vec<(Name, Value)>,
    /// Why, in a sentence.
    pub words: String,
    /// Whether it is to be sent; otherwise it is what would be done.
    pub send: bool,
}

/// What a turn came to.
#[derive(Debug, Default)]
pub struct Turned {
    /// What is live, with the run that shows for it.
    pub live: Option<Promotion>,
    /// What is to be done, or would be.
    pub decisions: Vec<Decision>,
}

/// The energy of a home.
pub struct Desk {
    site: Arc<Site>,
    state: Arc<dyn State>,
    runs: Arc<RunBook>,
    clock: Arc<dyn Clock>,
    plan: Arc<Plan>,
    kept: RwLock<Kept>,
    room: Mutex<Room>,
    shown: RwLock<Arc<DayPlan>>,
    known: RwLock<Option<Arc<Known>>>,
    savings: RwLock<Arc<Savings>>,
    /// Held by who learns the home.
    learning: Mutex<()>,
}

/// What a turn leaves for the next one.
#[derive(Default)]
struct Room {
    made: Option<Made>,
    expectations: Expectations,
    given: BTreeMap<ThingId, Given>,
    held: BTreeMap<ThingId, Held>,
    /// What things had before they were told something, and what of it is written down.
    before: BTreeMap<ThingId, Vec<(Name, Value)>>,
    kept_before: BTreeMap<ThingId, Vec<(Name, Value)>>,
    decided: VecDeque<Decided>,
    /// When it was last tried to plan, and why that failed.
    tried: Option<Timestamp>,
    failed: Option<String>,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").field("rev", &self.kept.read().rev).finish_non_exhaustive()
    }
}

impl Desk {
    /// Goes on from what the state holds.
    pub fn open(parts: Parts) -> Result<Self, DeskError> {
        let kept = Kept::open(&*parts.state)?;
        let before = books::before(&*parts.state)?;
        let nothing = DayPlan {
            mode: HomeMode::Off,
            live: None,
            standing: Standing::HandsOff,
            currency: None,
            course: None,
            notes: Vec::new(),
            decided: Vec::new(),
        };
        Ok(Self {
            site: parts.site,
            state: parts.state,
            runs: parts.runs,
            clock: parts.clock,
            plan: parts.plan,
            kept: RwLock::new(kept),
            room: Mutex::new(Room { before: before.clone(), kept_before: before, ..Room::default() }),
            shown: RwLock::new(Arc::new(nothing)),
            known: RwLock::default(),
            savings: RwLock::default(),
            learning: Mutex::default(),
        })
    }

    /// The plan as it stands.
    pub fn day_plan(&self) -> Arc<DayPlan> {
        Arc::clone(&self.shown.read())
    }

    /// The energy of the home now.
    pub fn now(&self) -> Result<Now, DeskError> {
        let (settings, now) = (self.settings(), self.clock.now());
        let live = self.live()?;
        let home = Arc::new(seen::look_around(&self.site, &settings));
        let seen = seen::Seen::new(&self.site, home, now);
        Ok(flows::now(&seen, &settings, &self.site.place(), HomeMode::of(live.as_ref())))
    }

    /// What the last days came to, today included. Reads the history.
    pub fn days(&self, count: u32) -> Days {
        let settings = self.settings();
        let home = seen::look_around(&self.site, &settings);
        past::days(&self.site, &home, &settings, &self.site.place(), self.clock.now(), count)
    }
}
