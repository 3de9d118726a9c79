//! The tree of places: site, building, floor, room, zone.

use serde::{Deserialize, Serialize};

use crate::SpaceId;

/// What sort of place a space is (Brick and RealEstateCore "Location").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SpaceKind {
    /// The whole place that one installation runs; the root of the tree.
    Site,
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
}
