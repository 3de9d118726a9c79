//! Rules: what people want to happen by itself, shown on the past before it touches a thing.
//!
//! A rule is a text in versions ([`book`](self)). One version may be live, another in shadow beside it. Both follow the
//! records of the durable log beside the fold ([`work`](self)), each in an engine of its own, so that a rule in shadow
//! cannot reach a thing. What an engine asks for becomes commands on the same way down as everybody's, with the rule, the
//! run and the record as their cause; what a rule in shadow, or outside its stage, would have done is written down.
//!
//! A version goes live with a backtest ([`replay`](self)) or a shadow to show for it, in stages, watched by a guard that
//! takes it back.
//!
//! A restart goes on where the engines were written down: the fold replays what came after, and what was carried out
//! before is not carried out again. In doubt (the program was killed between deciding and doing) a thing is not done.
//!
//! **Invariant:** nothing here holds up the fold: it takes one short lock a batch, and what does not fit is counted.
//!
//! **Invariant:** a rule that is not live sends nothing.

mod activity;
mod alarms;
mod answers;
mod book;
mod card;
mod carry;
mod error;
mod feed;
mod ids;
mod known;
mod notifications;
mod past;
mod place;
mod promotion;
mod replay;
mod scenes;
mod shelf;
mod suggestions;
mod traces;
mod work;

use std::collections::HashMap;
use std::sync::Arc;

use model::Position;
use parking_lot::{Mutex, RwLock};
use store::State;
use store::state::StateError;

use crate::counters::{CounterKind, Figure};
use crate::site::Site;
use crate::system::Queue;
use activity::Activity;
use book::RuleRow;
pub(crate) use feed::Feed;
use shelf::{Ids, Shelf};
use work::Work;

pub use activity::{WOULD_HAVE_MAX, WouldHave};
pub use alarms::{ALARMS_MAX, Alarm, AlarmState, ESCALATIONS_MAX, OVER_AFTER, SHELVED_MAX};
pub use answers::{Checked, ImportedRule, Imports, RuleDetail};
pub use book::{RULES_MAX, RuleQuery, RuleState, RuleSummary, RuleVersion, VERSIONS_MAX};
pub use card::{BACKTESTS_MAX, Backtest, BacktestAsked, CardCommand, CardDay, CardMoment, Differences, MOMENTS_MAX};
pub use carry::NOTIFICATIONS_PER_MINUTE_MAX;
pub use error::RuleError;
pub use feed::RECORDS_MAX;
pub use ids::{ID_BYTES_MAX, TITLE_MAX};
pub use notifications::{NOTIFICATIONS_MAX, Notification, Reader};
pub use place::PlaceSettings;
pub use promotion::{Promotion, RuleGuard, RuleStage};
pub use replay::{EFFECTS_MAX, Happened, RUNS_MAX, Replay, Replayed, SPAN_MAX, Tally};
pub use scenes::{SCENE_SETS_MAX, SCENES_MAX, Scene, SceneResult, SceneSet};
pub use suggestions::{
    Evidence, HABIT_NOTES_MAX, HABIT_SPAN, Looked, SUGGESTIONS_MAX, SUGGESTIONS_NEW_MAX, Suggestion, SuggestionState,
};
pub use traces::{TRACES_MAX, TRACES_PER_RULE_MAX, TraceQuery};

/// Everything that the rules have. Lock order: `work`, `book`, then the site's `things`; the others alone.
pub(crate) struct Rules {
    pub(crate) feed: Feed,
    /// Up to where the rules were fed before this start; `None` when no rule ran.
    fed_before: Option<Position>,
    stands: RwLock<place::Stands>,
    work: Mutex<Work>,
    /// One text is written at a time.
    writing: Mutex<()>,
    book: Mutex<Shelf<RuleRow>>,
    activity: Mutex<Shelf<Activity>>,
    traces: Mutex<traces::Traces>,
    scenes: Mutex<Shelf<scenes::Scene>>,
    alarms: Mutex<Shelf<alarms::Alarm>>,
    notifications: Mutex<Shelf<notifications::Notification>>,
    pub(crate) suggestions: suggestions::Suggestions,
    /// One backtest at a time: each uses all processors.
    replaying: Mutex<()>,
    conflicts: Mutex<Option<Arc<Vec<rule::conflicts::Conflict>>>>,
    /// How many notifications each rule made within which minute.
    told: Mutex<HashMap<Arc<str>, (i64, u32), ahash::RandomState>>,
    ids: Ids,
}

impl Rules {
    /// Goes on with what was written down; the engines go on when the rules begin to follow the log.
    pub(crate) fn open(state: &dyn State, place: &rule::Place) -> Result<Self, StateError> {
        let work = Work::open(state)?;
        let mut rules = Self {
            feed: Feed::default(),
            fed_before: None,
            stands: RwLock::new(place::Stands::open(state, place)?),
            work: Mutex::new(work),
            writing: Mutex::default(),
            book: Mutex::new(Shelf::open(state)?),
            activity: Mutex::new(Shelf::open(state)?),
            traces: Mutex::new(traces::Traces::open(state)?),
            scenes: Mutex::new(Shelf::open(state)?),
            alarms: Mutex::new(Shelf::open(state)?),
            notifications: Mutex::new(Shelf::open(state)?),
            suggestions: suggestions::Suggestions::open(state)?,
            replaying: Mutex::default(),
            conflicts: Mutex::default(),
            told: Mutex::default(),
            ids: Ids::default(),
        };
        rules.alarms.lock().iter().for_each(|alarm| rules.ids.pass(&alarm.id));
        rules.notifications.lock().iter().for_each(|notification| rules.ids.pass(&notification.id));
        rules.suggestions.each_id(|id| rules.ids.pass(id));
        rules.feed.want(rules.has_running());
        rules.fed_before = rules.work.lock().fed_before().filter(|_| rules.has_running());
        Ok(rules)
    }

    /// Whether an entry that was folded before a restart may not have reached the rules.
    pub(crate) fn missed(&self, position: Position) -> bool {
        self.fed_before.is_some_and(|fed| position > fed)
    }

    /// Whether any rule is live or in shadow.
    pub(crate) fn has_running(&self) -> bool {
        self.book.lock().iter().any(|row| row.live.is_some() || row.shadow.is_some())
    }

    fn row(&self, id: &str) -> Result<RuleRow, RuleError> {
        self.book.lock().get(id).cloned().ok_or_else(|| RuleError::UnknownRule(id.to_owned()))
    }

    /// Gauges.
    pub(crate) fn figures(&self) -> Vec<Figure> {
        let (all, live, shadow) = {
            let book = self.book.lock();
            let live = book.iter().filter(|row| row.live.is_some()).count();
            (book.len(), live, book.iter().filter(|row| row.shadow.is_some()).count())
        };
        let alarms = self.alarms.lock().iter().filter(|alarm| alarm.state == AlarmState::Active).count();
        let gauges = [
            ("rules", "Rules that are kept.", all),
            ("rules_live", "Rules that are live.", live),
            ("rules_shadow", "Rules that run in shadow.", shadow),
            ("rule_traces_kept", "Runs of rules that are kept.", self.traces.lock().len()),
            ("alarms_active", "Alarms that nobody looks after.", alarms),
        ];
        let gauge = |(name, help, value)| Figure { name, help, kind: CounterKind::Gauge, value: value as f64 };
        gauges.map(gauge).into()
    }

    /// The bounded parts.
    pub(crate) fn queues(&self, dropped: u64, refused: u64) -> [Queue; 3] {
        let queue = |name, length: usize, limit: usize, dropped, policy| Queue {
            name,
            length: length as u64,
            limit: limit as u64,
            dropped,
            policy,
        };
        let policy = "the oldest go; no rule fires for them";
        let traces = "what was kept from running goes first, then what went well, then failures";
        let alarms = "the oldest that are over go; new ones are refused while there is none";
        [
            queue("records for the rules", self.feed.len(), RECORDS_MAX, dropped, policy),
            queue("runs of rules", self.traces.lock().len(), TRACES_MAX, 0, traces),
            queue("alarms", self.alarms.lock().len(), ALARMS_MAX, refused, alarms),
        ]
    }
}

impl Site {
    /// Something about rules, scenes or what runs changed: what was worked out of it is not right any more.
    fn rules_changed(&self) {
        *self.rules.conflicts.lock() = None;
        self.rules.feed.want(self.rules.has_running());
    }
}
