//! The mind: every stream is watched and forecast from the moment it connects, and what is found is told.
//!
//! The fold gathers samples ([`feed`](self)) and never waits for the mind. One thread (or [`Site::turn`] of a stepped
//! site) takes them to a detector for each stream, shows new detectors the history, looks at the clock for silence, and
//! keeps the findings in a [`book`](self). A finding goes to the log as `things/{thing}/insights/{name}` and comes back
//! as a record like any other. Forecasters are fed from the history.
//!
//! Of properties that are true or false, or one of a few words, it is watched how often they change. What people set is not
//! watched: nothing is to be expected of it, other than what somebody wants. Nor is free text.
//!
//! Labels: the newest counts, but "this was normal" is final. A finding that was called normal cannot be acknowledged
//! any more, calling it normal twice teaches nothing twice, and what is found again afterwards is a new finding.
//!
//! **Invariant:** nothing here holds up the fold: it takes one short lock a batch, and what does not fit is counted.
//!
//! **Invariant:** a detector that panics is put away and made anew, and nobody else notices.

mod adapt;
mod book;
mod cards;
mod feed;
mod foresight;
mod health;
mod insight;
mod joint;
mod keep;
mod seam;
mod silence;
mod stream;
mod tell;
mod watched;
mod words;
mod work;

use model::{Clock, ThingId};
use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};
use store::State;
use store::state::{Change, StateError, Table};

use crate::counters::{CounterKind, Figure};
use crate::error::SiteError;
use crate::site::{Site, setting};
use crate::system::Queue;
pub(crate) use book::Book;
use feed::Feed;
use foresight::Foresight;
use joint::Joints;
use watched::Watched;
use work::Rounds;

pub use book::{CALM_AFTER, INSIGHTS_MAX, INSIGHTS_OPEN_MAX, NOTE_MAX};
pub use cards::{CARDS_MAX, CardDrift, CardError, CardKind, CardQuery, ModelCard};
pub use feed::SAMPLES_MAX;
pub(crate) use feed::{Gathered, Sample, number_of};
pub use foresight::{Band, FORECAST_HOURS_MAX, FORECAST_SPAN, FORECASTERS_MAX, Foretold};
pub(crate) use health::health;
pub use health::{Health, HealthDetail, HealthLevel, StreamHealth, StreamState};
pub use insight::{Expected, Insight, InsightKind, InsightSeverity, InsightState};
pub use joint::JOINTS_MAX;
pub use keep::DETECTORS_KEPT_MAX;
pub use seam::{MakeWatch, MindOptions, News, Seen, StreamAbout, Verdict, Watch};
pub use silence::Silence;
pub use work::{LEARN_POINTS_MAX, LEARN_SPAN};

/// The setting in which the mind's settings are kept.
const MIND_SETTING: &str = "site.mind";

/// The most findings of one page.
pub const PAGE_MAX: usize = 500;

/// What people set.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MindSettings {
    /// How many false alarms a month are bearable, for each thing; the streams of a thing share them.
    pub false_alarms_a_month: f64,
    /// Whether anything is watched. What comes while nothing is, is not looked at later.
    pub enabled: bool,
}

impl Default for MindSettings {
    fn default() -> Self {
        Self { false_alarms_a_month: 1.0, enabled: true }
    }
}

/// The bounds of [`MindSettings::false_alarms_a_month`].
pub const FALSE_ALARMS_RANGE: (f64, f64) = (0.01, 1_000.0);

/// Which findings.
#[derive(Debug, Clone, Default)]
pub struct InsightQuery {
    /// In these states; `None` is any.
    pub states: Option<Vec<InsightState>>,
    /// About this thing.
    pub thing: Option<ThingId>,
    /// Of this sort.
    pub kind: Option<InsightKind>,
    /// After this one, going back in time.
    pub after: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// A page of findings.
#[derive(Debug, Clone, PartialEq)]
pub struct InsightPage {
    /// The newest first.
    pub items: Vec<Insight>,
    /// Where the next page goes on.
    pub next: Option<String>,
    /// How many findings of the site are open, whatever was asked for.
    pub open_count: usize,
}

/// Everything that the mind has. Lock order: `rounds`, `joints`, the site's `things`, `watched`, `book`; `foresight` alone.
pub(crate) struct Mind {
    pub(crate) feed: Feed,
    rounds: Mutex<Rounds>,
    watched: Mutex<Watched>,
    pub(crate) book: Mutex<Book>,
    foresight: Foresight,
    joints: Mutex<Joints>,
    settings: RwLock<MindSettings>,
}

impl Mind {
    /// Goes on with the findings that were written down; detectors are read when the mind begins to think.
    pub(crate) fn open(state: &dyn State, clock: &dyn Clock, options: &MindOptions) -> Result<Self, StateError> {
        Ok(Self {
            feed: Feed::new(options.samples_max),
            rounds: Rounds::new(clock.now()),
            watched: Mutex::default(),
            book: Mutex::new(Book::restore(keep::insights(state)?)),
            foresight: Foresight::default(),
            joints: Mutex::default(),
            settings: RwLock::new(setting(state, MIND_SETTING)?.unwrap_or_default()),
        })
    }

    /// Whether detectors have more to learn from the history, and may.
    pub(crate) fn has_lessons(&self) -> bool {
        self.settings.read().enabled && !self.watched.lock().backlog.is_empty()
    }

    /// Gauges.
    pub(crate) fn figures(&self) -> Vec<Figure> {
        let (kept, going_on) = self.book.lock().lengths();
        let (streams, learning) = {
            let watched = self.watched.lock();
            (watched.len(), watched.backlog.len())
        };
        let gauges = [
            ("mind_streams", "Streams that are watched.", streams),
            ("mind_streams_learning", "Streams whose detector still learns from the history.", learning),
            ("mind_insights_kept", "Findings that are kept.", kept),
            ("mind_insights_going_on", "Findings that go on.", going_on),
            ("mind_joints", "Things that are watched as a whole.", self.joints.lock().by_thing.len()),
            ("mind_forecasters", "Streams that have a forecaster.", self.foresight.len()),
        ];
        let gauge = |(name, help, value)| Figure { name, help, kind: CounterKind::Gauge, value: value as f64 };
        gauges.map(gauge).into()
    }

    /// The bounded parts that have no counter of their own.
    pub(crate) fn queue(&self, dropped: u64) -> Queue {
        let (length, limit) = self.feed.fill();
        Queue {
            name: "samples for the mind",
            length: length as u64,
            limit: limit as u64,
            dropped,
            policy: "the oldest go; the history has them, and detectors see a gap",
        }
    }

    /// The bounded book of findings.
    pub(crate) fn book_queue(&self, refused: u64) -> Queue {
        let (_, going_on) = self.book.lock().lengths();
        Queue {
            name: "findings that go on",
            length: going_on as u64,
            limit: INSIGHTS_OPEN_MAX as u64,
            dropped: refused,
            policy: "new ones are refused; of those that are over, the oldest go",
        }
    }
}

impl Site {
    /// Findings, the newest first.
    pub fn insights(&self, query: &InsightQuery) -> InsightPage {
        let limit = query.limit.clamp(1, PAGE_MAX);
        let wants = |insight: &&Insight| {
            query.states.as_ref().is_none_or(|states| states.contains(&insight.state))
                && query.thing.as_ref().is_none_or(|thing| insight.thing == *thing)
                && query.kind.is_none_or(|kind| insight.kind == kind)
        };
        let book = self.mind.book.lock();
        let found = book.newest_first(query.after.as_deref()).filter(wants);
        let mut items: Vec<Insight> = found.take(limit + 1).cloned().collect();
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|insight| insight.id.clone());
        InsightPage { items, next, open_count: book.open_count() }
    }

    /// One finding.
    pub fn insight(&self, id: &str) -> Result<Insight, SiteError> {
        self.mind.book.lock().get(id).cloned().ok_or_else(|| SiteError::UnknownInsight(id.to_owned()))
    }

    /// How many findings nobody has looked at.
    pub fn insights_open(&self) -> usize {
        self.mind.book.lock().open_count()
    }

    /// Somebody has seen a finding.
    pub fn acknowledge_insight(&self, id: &str, by: &str, note: Option<&str>) -> Result<Insight, SiteError> {
        let done = self.mind.book.lock().acknowledge(id, by, note);
        let unknown = || SiteError::UnknownInsight(id.to_owned());
        let insight = done.ok_or_else(unknown)?.map_err(|()| SiteError::CalledNormal(id.to_owned()))?;
        self.labelled(&insight)?;
        Ok(insight)
    }

    /// Somebody said that a finding is normal: its detector learns it.
    pub fn call_insight_normal(&self, id: &str, by: &str, note: Option<&str>) -> Result<Insight, SiteError> {
        let done = self.mind.book.lock().normal(id, by, note, self.clock.now());
        let (insight, is_new) = done.ok_or_else(|| SiteError::UnknownInsight(id.to_owned()))?;
        if is_new {
            if let Some(stream) = self.mind.watched.lock().named(&insight.thing, &insight.name) {
                stream.normal(insight.kind);
            }
            self.labelled(&insight)?;
        }
        Ok(insight)
    }

    fn labelled(&self, insight: &Insight) -> Result<(), SiteError> {
        self.keep_insights()?;
        *self.overview.lock() = None;
        self.publish_insight(insight, model::Position::START);
        Ok(())
    }

    /// What people set of the mind.
    pub fn mind_settings(&self) -> MindSettings {
        *self.mind.settings.read()
    }

    /// Changes what people set of the mind.
    pub fn set_mind_settings(&self, settings: MindSettings) -> Result<(), SiteError> {
        let (least, most) = FALSE_ALARMS_RANGE;
        if !(least..=most).contains(&settings.false_alarms_a_month) {
            return Err(SiteError::FalseAlarms(settings.false_alarms_a_month));
        }
        let change = Change::put(Table::Setting, MIND_SETTING, None, &settings);
        self.state.commit(vec![change], self.clock.now())?;
        *self.mind.settings.write() = settings;
        let mut watched = self.mind.watched.lock();
        let things: Vec<ThingId> = watched.things.keys().cloned().collect();
        things.iter().for_each(|thing| watched.share_rate(thing, settings.false_alarms_a_month));
        Ok(())
    }
}
