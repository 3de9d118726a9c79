//! The running fold: the log goes through adapters into twins, history and live views; commands go the other way.
//!
//! Read [`Site`] first, then `fold`: one thread reads the durable log in order and applies it; everybody else reads
//! what it has made, or asks it for something through a method of [`Site`].
//!
//! **Invariant:** twins and history are folds of the log. They remember the position they have applied, so a crash
//! replays, and nothing is lost or counted twice.
//!
//! **Invariant:** only the fold turns entries into records, and in the order of the log.

mod apply;
mod checkpoint;
mod command;
mod configure;
mod counters;
mod error;
mod fold;
mod guard;
pub mod history;
pub mod inference;
pub mod live;
mod maintenance;
pub mod map;
pub mod mind;
pub mod options;
pub mod overview;
pub mod plans;
mod publish;
pub mod query;
pub mod records;
pub mod rules;
pub mod run;
mod running;
mod site;
mod system;
mod things;

pub use command::Asked;
pub use configure::{NewThing, Selection};
pub use counters::{CounterKind, Figure};
pub use error::SiteError;
pub use guard::{Attempt, Guard, PersonGuard, RateGuard, Refusal};
pub use history::{HistoryPoints, SeriesHistory, SeriesSummary, StateRow, Window};
pub use live::{Filter, LiveBatch, LiveReceiver};
pub use maintenance::RetentionSettings;
pub use mind::{Health, HealthLevel, Insight, InsightKind, InsightQuery, InsightState, MindOptions, MindSettings};
pub use options::Options;
pub use overview::{Attention, Headline, Level, Overview, SpaceOverview, Totals};
pub use publish::{NotPublished, Outgoing, Publish, RetainedMessage};
pub use query::{Page, ThingDetail, ThingQuery, ThingSort, ThingSummary};
pub use records::{EntryWithChain, Link, MessagePage, RawMessage, RecordPage};
pub use rules::RuleError;
pub use running::Running;
pub use site::{MakeAdapters, Parts, Site};
pub use system::{Queue, SystemState};
