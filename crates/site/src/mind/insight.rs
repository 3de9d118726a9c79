//! What the mind finds.

use model::{Name, ThingId, Timestamp, Unit};
use serde::{Deserialize, Serialize};

/// The sorts of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum InsightKind {
    /// Values that were not to be expected, of no sort that has a name.
    Anomaly,
    /// The same value over and over.
    Stuck,
    /// The values move away slowly.
    Drift,
    /// Single values far off.
    Spike,
    /// Nothing is said any more.
    Dropout,
    /// The values scatter more than they did.
    Noise,
    /// The thing's clock is wrong.
    ClockSkew,
    /// The values swing to and fro.
    Oscillation,
    /// Properties that do not fit together.
    Joint,
}

impl InsightKind {
    /// Those that a detector finds in values.
    pub(crate) const OF_VALUES: [Self; 7] =
        [Self::Anomaly, Self::Stuck, Self::Drift, Self::Spike, Self::Noise, Self::ClockSkew, Self::Oscillation];

    /// Whether it lasts until its detector says that it is over; the others are over once they are not repeated.
    pub fn lasts(self) -> bool {
        !matches!(self, Self::Spike | Self::Joint)
    }
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum InsightSeverity {
    /// Worth knowing.
    Notice,
    /// Wants a look.
    Warning,
    /// Wants somebody to act.
    Alarm,
}

/// Where a finding stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum InsightState {
    /// It goes on, and nobody has looked at it.
    Open,
    /// It goes on, and somebody has looked at it.
    Acknowledged,
    /// Somebody said that this is normal.
    Normal,
    /// It does not go on.
    Over,
}

impl InsightState {
    /// Whether it goes on.
    pub fn goes_on(self) -> bool {
        matches!(self, Self::Open | Self::Acknowledged)
    }
}

/// What was to be expected.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Expected {
    /// Most likely.
    pub value: f64,
    /// From here on nothing is unusual.
    pub low: f64,
    /// Until here.
    pub high: f64,
}

/// One finding. Also the message of it on the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Insight {
    /// Unique; ids sort by when it was found.
    pub id: String,
    /// About which thing.
    pub thing: ThingId,
    /// About which property.
    pub name: Name,
    /// The sort.
    pub kind: InsightKind,
    /// How bad it is.
    pub severity: InsightSeverity,
    /// Where it stands.
    pub state: InsightState,
    /// Since when it has been so.
    #[cfg_attr(feature = "schema", schema(value_type = i64))]
    pub began: Timestamp,
    /// When it was found.
    #[cfg_attr(feature = "schema", schema(value_type = i64))]
    pub found: Timestamp,
    /// Until when it was so; null while it goes on.
    #[cfg_attr(feature = "schema", schema(value_type = Option<i64>, required))]
    pub ended: Option<Timestamp>,
    /// When it was last seen.
    #[cfg_attr(feature = "schema", schema(value_type = i64))]
    pub last: Timestamp,
    /// How often it was seen.
    pub count: u64,
    /// What was to be expected, if there is such a value.
    #[cfg_attr(feature = "schema", schema(required))]
    pub expected: Option<Expected>,
    /// What came, if anything came.
    #[cfg_attr(feature = "schema", schema(required))]
    pub came: Option<f64>,
    /// The unit of both.
    #[cfg_attr(feature = "schema", schema(required))]
    pub unit: Option<Unit>,
    /// How unlikely it was: minus the decimal logarithm of the calibrated probability.
    pub score: f64,
    /// One sentence.
    pub words: String,
    /// Who said last that it was seen, or that it is normal.
    #[cfg_attr(feature = "schema", schema(required))]
    pub acknowledged_by: Option<String>,
    /// What they said about it.
    #[cfg_attr(feature = "schema", schema(required))]
    pub note: Option<String>,
}
