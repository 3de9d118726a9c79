//! The tree of places: site, district, street, junction, building, floor, room, zone.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Geometry, SpaceId};

/// What sort of place a space is (Brick and RealEstateCore "Location").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SpaceKind {
    /// The whole place that one installation runs; the root of the tree.
    Site,
    /// A part of a city.
    District,
    /// A stretch of road between junctions.
    Street,
    /// Where streets meet.
    Junction,
    /// A building.
    Building,
    /// A floor of a building.
    Floor,
    /// A room of a floor.
    Room,
    /// Any other part: a garden, an aisle, a parking row.
    Zone,
}

/// A place. Spaces form a tree under one root of kind [`SpaceKind::Site`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Space {
    /// Unique in the site.
    pub id: SpaceId,
    /// The space around this one; `None` for the root.
    pub parent: Option<SpaceId>,
    /// The sort of place.
    pub kind: SpaceKind,
    /// What people call it.
    pub title: String,
    /// Where it lies on the earth, if anybody said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub geometry: Option<Arc<Geometry>>,
}

impl Space {
    /// A place of which nobody has said where on the earth it lies.
    pub fn new(id: SpaceId, parent: Option<SpaceId>, kind: SpaceKind, title: impl Into<String>) -> Self {
        Self { id, parent, kind, title: title.into(), geometry: None }
    }
}
