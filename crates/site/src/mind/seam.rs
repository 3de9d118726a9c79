//! What the mind asks of a detector, so that the place around it can be tested with others.

use std::fmt;
use std::sync::Arc;

use model::{DataType, Timestamp, Unit};

use super::adapt;
use super::feed::SAMPLES_MAX;
use super::insight::{Expected, InsightKind};

/// One sample of a stream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen {
    /// The thing's claim of when it was so.
    pub time: Timestamp,
    /// When it was received; `None` for what is read back from the history.
    pub received: Option<Timestamp>,
    /// What was so.
    pub value: f64,
}

/// Something that a detector found.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The sort.
    pub kind: InsightKind,
    /// Since when.
    pub began: Timestamp,
    /// The time of the sample that showed it, or of the look at the clock.
    pub time: Timestamp,
    /// What was to be expected.
    pub expected: Option<Expected>,
    /// What came.
    pub came: Option<f64>,
    /// Minus the decimal logarithm of the calibrated probability.
    pub score: f64,
}

/// What a detector says.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// It is so, or still so.
    Found(Verdict),
    /// It is so no more.
    Over {
        /// The sort.
        kind: InsightKind,
        /// Since when.
        time: Timestamp,
    },
}

/// What is known of a stream before its first sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamAbout {
    /// The type of its values.
    pub data_type: DataType,
    /// Their unit.
    pub unit: Option<Unit>,
}

impl StreamAbout {
    /// Whether its values are numbers; else they are one of a few, and stand for nothing but themselves.
    pub fn is_number(&self) -> bool {
        self.data_type == DataType::Number
    }
}

/// Watches the values of one stream; silence is not its business. Constant cost and a small state of fixed size; learns while it watches.
pub trait Watch: Send {
    /// Takes one sample in. Times never go backwards.
    fn take(&mut self, seen: Seen, news: &mut Vec<News>);

    /// A person said that what was found as `kind` is normal.
    fn normal(&mut self, kind: InsightKind);

    /// How many false alarms a month are bearable.
    fn set_rate(&mut self, false_alarms_a_month: f64);

    /// How much of what it has to learn first is learned, from 0 to 1.
    fn learned_share(&self) -> f64;

    /// Whether the stream only counts: how far it went says nothing of how things are.
    fn counts(&self) -> bool {
        false
    }

    /// About how many bytes its state takes.
    fn state_bytes(&self) -> usize;

    /// Its state, for [`MakeWatch`] in a later life.
    fn save(&self) -> Vec<u8>;
}

/// Makes a detector: one that knows nothing, or one that goes on from a saved state. A state that cannot be read is
/// none.
pub type MakeWatch = Arc<dyn Fn(&StreamAbout, Option<&[u8]>) -> Box<dyn Watch> + Send + Sync>;

/// What can be set of the mind when the site is opened.
#[derive(Clone)]
pub struct MindOptions {
    /// The most streams that are watched; further ones are counted and not watched.
    pub streams_max: usize,
    /// The most samples that wait for the mind.
    pub samples_max: usize,
    /// Makes the detectors. Without them, only silence is found.
    pub watch: Option<MakeWatch>,
}

impl Default for MindOptions {
    fn default() -> Self {
        Self { streams_max: 100_000, samples_max: SAMPLES_MAX, watch: Some(adapt::watch()) }
    }
}

impl fmt::Debug for MindOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MindOptions")
            .field("streams_max", &self.streams_max)
            .field("samples_max", &self.samples_max)
            .finish_non_exhaustive()
    }
}
