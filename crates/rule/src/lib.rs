//! Rules: what should happen when, told in text, checked before it runs, and explained after it ran.
//!
//! A rule is a YAML text, and the text is the artefact: it is read here and never rewritten, so comments stay.
//!
//! ```text
//! text ──Rule::parse──► Rule ──check──► [Problem]          what is wrong, by line, before it runs
//!                        │ ├──words, graph──► for people
//!                        │ ├──testing::run──► [TestResult]  the tests beside the rule
//!                        │ └──conflicts::find──► [Conflict] what many rules do to each other
//!                        ▼
//!                     Engine ── feed, tick ──► [Effect]     what is to be done, with its cause
//!                        └──────────────────► [Trace]       what happened in each run, and why it did not run
//! ```
//!
//! The shape in signatures:
//!
//! - [`Rule::parse`]`(text) -> Parsed { rule: Option<Arc<Rule>>, problems }`. Errors never hide each other: everything
//!   that is wrong is told at once, with line, column and hint.
//! - [`check::check`]`(&Rule, &dyn Known, &Place) -> Vec<Problem>` compares it with the models of things.
//! - [`Engine::new`]`(Place, Options)`, [`Engine::enlist`]`(Enlisted, &dyn View, now)`, [`Engine::dismiss`]`(id, now)`.
//! - [`Engine::feed`]`(&RecordView, &mut Vec<Effect>)`, [`Engine::feed_bound`]`(SeriesId, &Said, &mut Vec<Effect>)` where
//!   the caller has asked [`Engine::series`] once, [`Engine::tick`]`(now, &mut Vec<Effect>)`, [`Engine::next_wake`].
//! - [`Engine::webhook`], [`Engine::forecast`] bring what is no record.
//! - [`Engine::take_traces`] hands over the runs that are over; a [`trace::Book`] keeps them within bounds.
//! - [`Engine::why_not`]`(id, now) -> Option<WhyNot>`. For another moment, feed an engine of your own up to it.
//! - [`Engine::save`] and [`Engine::restore`]: a restart in the middle of a delay goes on. [`Engine::catch_up`] tells
//!   what has changed meanwhile.
//! - [`words::sentences`]`(&Rule)`, [`graph::of`]`(&Rule)`, [`testing::run`]`(&Arc<Rule>, &Place)`,
//!   [`conflicts::find`]`(&[(id, rule)])`, [`rehearsal::conflicts`]`(&[(id, rule)], &Place)`, [`import::home_assistant::import`]`(text, map)`.
//!
//! Beyond the text's plain reading: a trigger or `wait` may be `expression: ${ … }` (fires when it becomes true), `repeat`
//! takes `each: [ … ]`, `variables:` is an action too, and after a `wait` the variable `waited` says whether it happened.
//!
//! **Time.** A time of day that does not exist fires at the next moment there is, one that exists twice fires once; days
//! have 23 or 25 hours ([`calendar`]). Live, what was noticed late happens late, and moments of the clock that are more
//! than [`limits::LATE_MAX`] past are passed over and counted. A clock that is set back fires nothing a second time, and
//! delays last as long as they would have; one set back by more than [`limits::BACK_MAX`] begins its schedules anew.
//!
//! **Invariant:** pure. No IO, no wall clock, no chance: the same rules and the same calls give the same effects.
//!
//! **Invariant:** everything is bounded, whatever text or values arrive: see [`limits`].
//!
//! **Invariant:** feeding what makes nothing fire allocates nothing.

pub mod calendar;
pub mod check;
pub mod conflicts;
pub mod effect;
pub mod engine;
pub mod expression;
pub mod graph;
mod hint;
pub mod import;
pub mod limits;
pub mod problem;
pub mod rehearsal;
pub mod rule;
pub mod sun;
pub mod testing;
mod text;
pub mod trace;
pub mod view;
mod walk;
pub mod words;
mod yaml;

pub use calendar::{Place, PlaceError};
pub use effect::{Effect, What};
pub use engine::{Counters, Engine, Enlisted, Options, Pace, Saved, SeriesId, SeriesKey, Standing, TraceLevel, Untold};
pub use problem::{Problem, ProblemSeverity};
pub use rule::{Parsed, Rule};
pub use trace::{Outcome, Step, StepOutcome, Trace, TraceSummary, WhyNot};
pub use view::{Known, Latest, RecordView, Said, View};
