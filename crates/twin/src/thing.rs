//! The registry's row of a thing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::{Coordinates, Name, SpaceId, ThingId, ThingModel, Timestamp};
use serde::{Deserialize, Serialize};

/// Whether people want to have anything to do with a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThingStatus {
    /// Found, and waiting for somebody to accept or ignore it.
    Inbox,
    /// Part of the site.
    Accepted,
    /// Not wanted: what it says is counted and not kept.
    Ignored,
}

impl ThingStatus {
    /// The word of the API and of the registry's indexed column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inbox => "inbox",
            Self::Accepted => "accepted",
            Self::Ignored => "ignored",
        }
    }
}

/// Whether there is a body behind the thing. Shown to people by the server; nobody else may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// There is.
    #[default]
    Physical,
    /// A world model answers in its place.
    Virtual,
}

/// A registered thing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Thing {
    /// Unique in the site.
    pub id: ThingId,
    /// What people call it; never empty.
    pub title: String,
    /// True once a person chose the title: discovery no longer changes it.
    #[serde(default)]
    pub named: bool,
    /// Whether it is wanted.
    pub status: ThingStatus,
    /// What it can tell and do. Equal models of many things share one allocation, so the id of an inferred model is
    /// empty here; see [`Thing::model_of_its_own`].
    pub model: Arc<ThingModel>,
    /// True once a person corrected the model: discovery and inference no longer change it.
    #[serde(default)]
    pub corrected: bool,
    /// Where it stands.
    pub space: Option<SpaceId>,
    /// Where on the earth it stands, if anybody said so. What it reports of its own position comes before this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Coordinates>,
    /// The room that its producer suggests.
    #[serde(default)]
    pub suggested_space: Option<String>,
    /// Words to find it by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The gateway through which it speaks.
    #[serde(default)]
    pub via: Option<ThingId>,
    /// Properties whose value is unknown once they have not been reported for this long.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub expires_after: BTreeMap<Name, Duration>,
    /// The adapter that speaks for it.
    pub adapter: Arc<str>,
    /// For the server only.
    #[serde(default)]
    pub origin: Origin,
    /// When it was first seen or made.
    pub created: Timestamp,
    /// Grows by one with every change.
    pub rev: i64,
}

impl Thing {
    /// A new thing of which nothing is known but its id.
    pub fn new(id: ThingId, status: ThingStatus, adapter: &Arc<str>, created: Timestamp) -> Self {
        Self {
            title: id.to_string(),
            id,
            named: false,
            status,
            model: Arc::new(ThingModel { inferred: true, ..ThingModel::default() }),
            corrected: false,
            space: None,
            location: None,
            suggested_space: None,
            tags: Vec::new(),
            via: None,
            expires_after: BTreeMap::new(),
            adapter: Arc::clone(adapter),
            origin: Origin::Physical,
            created,
            rev: 1,
        }
    }

    /// The kind in one word: `light`, `meter`; empty when nobody knows.
    pub fn kind(&self) -> &str {
        &self.model.kind
    }

    /// The model as it is shown: an inferred one carries the thing's own id and title.
    pub fn model_of_its_own(&self) -> ThingModel {
        let mut model = (*self.model).clone();
        if model.id.is_empty() {
            model.id = self.id.to_string();
        }
        if model.title.is_empty() {
            model.title.clone_from(&self.title);
        }
        model
    }
}

/// What a person changes on a thing; `None` leaves it as it is.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ThingEdit {
    /// A new title; empty goes back to the one that was discovered or the id.
    pub title: Option<String>,
    /// A new place; `Some(None)` takes it out of its place.
    pub space: Option<Option<SpaceId>>,
    /// Where on the earth it stands; `Some(None)` takes it off the map.
    pub location: Option<Option<Coordinates>>,
    /// New tags in place of the old ones.
    pub tags: Option<Vec<String>>,
    /// Accept or ignore it.
    pub status: Option<ThingStatus>,
    /// A corrected model.
    pub model: Option<ThingModel>,
}
