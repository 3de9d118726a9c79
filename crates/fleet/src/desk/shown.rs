//! What is shown of a fleet, beside the lock of its operation: made whenever something has changed, and read by anybody
//! without waiting for anything.

use std::sync::Arc;

use bytes::Bytes;
use model::Timestamp;
use serde_json::Value as Json;

use crate::operation::{Figures, Operation, RobotView, Told};
use crate::traffic::Robot;
use crate::warehouse::FloorSource;

/// The floor as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct FloorView {
    /// The floor's name.
    pub title: String,
    /// Where it comes from.
    pub source: FloorSource,
    /// How a page draws it.
    pub drawing: Arc<Json>,
    /// Its revision.
    pub revision: i64,
}

/// A fleet at a moment.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub(super) floor: Arc<FloorView>,
    pub(super) figures: Figures,
    /// What was noticed last, the newest first.
    pub(super) findings: Arc<[Told]>,
    /// In the order of their numbers.
    pub(super) robots: Arc<[RobotView]>,
    /// In the form of recorded frames.
    pub(super) frame: Bytes,
    /// Grows with robots and findings.
    pub(super) revision: u64,
}

impl Shown {
    pub(super) fn of(floor: Arc<FloorView>, operation: &Operation, now: Timestamp) -> Self {
        Self {
            floor,
            figures: operation.figures(now),
            findings: operation.findings().cloned().collect(),
            robots: operation.robots().collect(),
            frame: operation.frame(),
            revision: operation.revision(),
        }
    }

    pub(super) fn robot(&self, number: Robot) -> Option<&RobotView> {
        self.robots.binary_search_by_key(&number, |robot| robot.number).ok().map(|at| &self.robots[at])
    }
}
