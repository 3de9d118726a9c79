//! A rule as it was read from its text. Every part knows where it stands, for messages, traces and the graph.

use std::sync::Arc;
use std::time::Duration;

use model::{Name, RecordKind, ThingId, Value};

use crate::calendar::{Date, TimeOfDay, Weekdays};
use crate::effect::AlarmSeverity;
use crate::expression::{Expression, Template};
use crate::problem::Problem;
use crate::sun::SunEvent;

/// Where a part stands in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// The part: `actions[0].set`.
    pub path: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
}

/// What became of a text.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// The rule; `None` when any problem is an error.
    pub rule: Option<Arc<Rule>>,
    /// What is wrong with it, in the order of the text.
    pub problems: Vec<Problem>,
}

/// A rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// What people call it.
    pub title: String,
    /// What it is for; may be empty.
    pub description: String,
    /// What happens when it is set off while it runs.
    pub mode: Mode,
    /// How many runs may go on or wait at a time, for queued and parallel.
    pub max: u32,
    /// Set when a run begins, in this order.
    pub variables: Vec<Variable>,
    /// Any of them sets the rule off.
    pub triggers: Vec<Trigger>,
    /// All of them must hold for a run to begin.
    pub conditions: Vec<Condition>,
    /// What is done, in this order.
    pub actions: Vec<Action>,
    /// What must come out of it.
    pub tests: Vec<Test>,
    /// The properties, events and presences that it reads, each once: what [`Reference::slot`] counts.
    pub references: Vec<Reference>,
}

impl Rule {
    /// Reads a text. Everything that is wrong with it is told at once.
    pub fn parse(text: &str) -> Parsed {
        crate::text::parse(text)
    }
}

/// What happens when a rule is set off while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Nothing; the run goes on.
    #[default]
    Single,
    /// The run is stopped, and a new one begins.
    Restart,
    /// A new run begins when those before it are over.
    Queued,
    /// A new run begins beside it.
    Parallel,
}

impl Mode {
    /// All modes, by name.
    pub const NAMES: [(&'static str, Self); 4] =
        [("single", Self::Single), ("restart", Self::Restart), ("queued", Self::Queued), ("parallel", Self::Parallel)];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(_, mode)| *mode == self).map_or("single", |(name, _)| name)
    }
}

/// A name for a value that is worked out once.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// Where it stands.
    pub spot: Spot,
    /// The name.
    pub name: Arc<str>,
    /// The value.
    pub value: Template,
}

/// A property, event, insight or presence that a rule reads or writes: `thing/name`.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// Where it is named first.
    pub spot: Spot,
    /// The sort of fact.
    pub kind: RecordKind,
    /// The thing.
    pub thing: ThingId,
    /// The name.
    pub name: Name,
    /// Its place in [`Rule::references`].
    pub slot: u32,
}

impl std::fmt::Display for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.kind {
            RecordKind::Presence => self.thing.fmt(f),
            _ => write!(f, "{}/{}", self.thing, self.name),
        }
    }
}

/// What sets a rule off.
#[derive(Debug, Clone, PartialEq)]
pub struct Trigger {
    /// Where it stands.
    pub spot: Spot,
    /// What `trigger.id` and the condition `trigger` call it.
    pub id: Option<Arc<str>>,
    /// For how long it must have been so.
    pub hold: Option<Duration>,
    /// What.
    pub kind: TriggerKind,
}

/// The sorts of triggers.
#[derive(Debug, Clone, PartialEq)]
pub enum TriggerKind {
    /// A property becomes one of `to`, coming from one of `from`; an empty list is anything. With `for` it has to stay
    /// one of them, whichever.
    Change {
        /// Which property.
        of: Reference,
        /// What it was.
        from: Vec<Value>,
        /// What it becomes.
        to: Vec<Value>,
    },
    /// A property enters a range.
    Range {
        /// Which property.
        of: Reference,
        /// The range.
        range: Range,
    },
    /// A time of day.
    Time {
        /// When.
        at: Vec<TimeOfDay>,
        /// On which days.
        on: Weekdays,
    },
    /// Again and again: counted from midnight when it divides a day, from 1970 otherwise.
    Every {
        /// How often.
        interval: Duration,
    },
    /// The sun rises or sets.
    Sun {
        /// Which.
        event: SunEvent,
        /// How many seconds later; negative for earlier.
        offset_seconds: i64,
    },
    /// A date.
    Calendar {
        /// Which months; empty for all.
        months: Vec<u8>,
        /// Which days of the month; empty for all.
        days: Vec<u8>,
        /// Which weekdays.
        on: Weekdays,
        /// When.
        at: Vec<TimeOfDay>,
    },
    /// A thing tells an event.
    Event {
        /// Which event.
        of: Reference,
        /// Which of them count.
        filter: Option<Expression>,
    },
    /// Something is found about a thing, or one property of it.
    Insight {
        /// Of which; its name is empty ([`ANY_NAME`]) for the whole thing.
        of: Reference,
        /// Which sort, if any.
        sort: Option<Arc<str>>,
        /// How bad at least.
        severity: AlarmSeverity,
    },
    /// What is forecast of a property enters a range.
    Forecast {
        /// Which property.
        of: Reference,
        /// The range.
        range: Range,
        /// How far ahead.
        within: Duration,
    },
    /// A program calls.
    Webhook {
        /// Which name.
        name: Arc<str>,
    },
    /// A thing comes or goes.
    Presence {
        /// Which thing.
        of: Reference,
        /// `online`, `offline` or `unknown`; empty for any.
        to: Vec<Value>,
    },
    /// An expression becomes true.
    Expression {
        /// Which.
        expression: Expression,
    },
}

/// The name of a reference to everything that is found about a thing.
pub const ANY_NAME: &str = "*";

/// Above something, below something, or between the two.
#[derive(Debug, Clone, PartialEq)]
pub struct Range {
    /// More than.
    pub above: Option<Operand>,
    /// Less than.
    pub below: Option<Operand>,
}

/// A number that is written down or worked out.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// Written down.
    Number(f64),
    /// Worked out.
    Expression(Expression),
}

/// What must hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// Where it stands.
    pub spot: Spot,
    /// What.
    pub kind: ConditionKind,
}

/// The sorts of conditions.
#[derive(Debug, Clone, PartialEq)]
pub enum ConditionKind {
    /// A property is one of these values.
    Is {
        /// Which property.
        of: Reference,
        /// Which values.
        values: Vec<Template>,
        /// For how long.
        hold: Option<Duration>,
    },
    /// A property is in a range.
    Range {
        /// Which property.
        of: Reference,
        /// The range.
        range: Range,
        /// For how long.
        hold: Option<Duration>,
    },
    /// A thing is there or not.
    Presence {
        /// Which thing.
        of: Reference,
        /// `online`, `offline` or `unknown`.
        values: Vec<Value>,
        /// For how long.
        hold: Option<Duration>,
    },
    /// The time of day and the weekday; over midnight when `after` is later than `before`.
    Time {
        /// From then on.
        after: Option<TimeOfDay>,
        /// Until then.
        before: Option<TimeOfDay>,
        /// On which days; over midnight, the day on which it began.
        on: Weekdays,
    },
    /// Where the sun is.
    Sun {
        /// From then on, and so many seconds later.
        after: Option<(SunEvent, i64)>,
        /// Until then, and so many seconds later.
        before: Option<(SunEvent, i64)>,
    },
    /// One of these triggers set the run off.
    Trigger {
        /// Their ids.
        ids: Vec<Arc<str>>,
    },
    /// All of these hold.
    All(Vec<Condition>),
    /// At least one of these holds.
    Any(Vec<Condition>),
    /// None of these holds.
    Not(Vec<Condition>),
    /// An expression is true.
    Expression(Expression),
}

/// What is done.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// Where it stands.
    pub spot: Spot,
    /// What.
    pub kind: ActionKind,
}

/// The sorts of actions.
#[derive(Debug, Clone, PartialEq)]
pub enum ActionKind {
    /// Write properties.
    Set(Vec<(Reference, Template)>),
    /// Call an action of a thing.
    Act {
        /// Which.
        of: Reference,
        /// With what.
        input: Option<Template>,
    },
    /// Apply a scene.
    Scene(Arc<str>),
    /// Tell people.
    Notify {
        /// In a few words.
        title: Option<Template>,
        /// In a sentence.
        message: Template,
        /// Whom; empty for everybody.
        to: Vec<Arc<str>>,
    },
    /// Raise an alarm.
    Alarm {
        /// Its name.
        name: Arc<str>,
        /// How bad it is.
        severity: AlarmSeverity,
        /// In a sentence.
        message: Option<Template>,
    },
    /// Wait for a time.
    Delay(Delay),
    /// Wait for something to happen.
    Wait {
        /// Any of them; their place is in [`Rule::triggers`]' numbering, after the rule's own.
        triggers: Vec<Trigger>,
        /// For how long at most.
        timeout: Option<Duration>,
        /// Whether the run goes on when that is over.
        then: AfterTimeout,
    },
    /// The first branch whose conditions hold.
    Choose {
        /// Conditions and what is done.
        branches: Vec<Branch>,
        /// What is done when none holds.
        otherwise: Vec<Action>,
    },
    /// Again and again.
    Repeat {
        /// How often.
        rounds: Rounds,
        /// What.
        actions: Vec<Action>,
    },
    /// Call a policy.
    Policy {
        /// Which.
        name: Arc<str>,
        /// With what.
        input: Option<Template>,
    },
    /// Set variables.
    Variables(Vec<Variable>),
    /// End the run.
    Stop(Option<Template>),
}

/// How long a delay is.
#[derive(Debug, Clone, PartialEq)]
pub enum Delay {
    /// So long.
    Fixed(Duration),
    /// So many seconds.
    Seconds(Expression),
}

/// What follows when nothing happened in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AfterTimeout {
    /// The run goes on.
    #[default]
    Continue,
    /// The run ends.
    Stop,
}

/// One way of a `choose`.
#[derive(Debug, Clone, PartialEq)]
pub struct Branch {
    /// Where it stands.
    pub spot: Spot,
    /// All must hold.
    pub conditions: Vec<Condition>,
    /// What is done.
    pub actions: Vec<Action>,
}

/// How often a `repeat` goes round.
#[derive(Debug, Clone, PartialEq)]
pub enum Rounds {
    /// So often.
    Times(u32),
    /// As long as these hold, looked at before each round.
    While(Vec<Condition>),
    /// Until these hold, looked at after each round.
    Until(Vec<Condition>),
    /// Once for each of these; `repeat.item` is which.
    Each(Vec<Value>),
}

/// A test beside the rule: what is given, what happens, what must come out.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    /// Where it stands.
    pub spot: Spot,
    /// What people call it.
    pub name: String,
    /// When it begins, in the site's time.
    pub at: Option<Date>,
    /// What things report before.
    pub given: Vec<(Reference, Value)>,
    /// What happens, in this order.
    pub when: Vec<Happening>,
    /// What must come out, in this order.
    pub then: Vec<Expected>,
}

/// Something that happens in a test.
#[derive(Debug, Clone, PartialEq)]
pub enum Happening {
    /// Things report.
    Set(Vec<(Reference, Value)>),
    /// A thing tells an event.
    Event(Reference, Value),
    /// A thing comes or goes.
    Presence(Reference, Value),
    /// A program calls.
    Webhook(Arc<str>, Value),
    /// Something is found: which sort, and how bad.
    Insight(Reference, Arc<str>, AlarmSeverity),
    /// A forecast says that a property will be so much in so long.
    Forecast(Reference, f64, Duration),
    /// Time passes.
    Wait(Duration),
    /// Time passes until this time of day comes.
    Time(TimeOfDay),
}

/// Something that must come out of a test.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// Where it stands.
    pub spot: Spot,
    /// What.
    pub kind: ExpectedKind,
}

/// The sorts of things that must come out of a test.
#[derive(Debug, Clone, PartialEq)]
pub enum ExpectedKind {
    /// A property is set; any value when none is said.
    Set(Reference, Option<Value>),
    /// An action is called.
    Act(Reference, Option<Value>),
    /// A scene is applied.
    Scene(Arc<str>),
    /// People are told something that contains this text.
    Notify(String),
    /// An alarm is raised.
    Alarm(Arc<str>),
    /// A policy is called.
    Policy(Arc<str>),
    /// Nothing is done.
    Nothing,
}
