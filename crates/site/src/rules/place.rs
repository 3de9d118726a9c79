//! Where the site is: its time zone and where it lies on the globe, as somebody set it.

use std::sync::Arc;

use model::Timestamp;
use rule::Place;
use serde::{Deserialize, Serialize};
use store::State;
use store::state::{Change, StateError, Table};

use super::error::RuleError;
use crate::site::{Site, setting};

/// The setting in which it is kept.
const PLACE_SETTING: &str = "site.place";

/// Where the site is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PlaceSettings {
    /// By its name: `Europe/Berlin`, `Asia/Seoul`.
    pub time_zone: String,
    /// Degrees north; null when nobody said, and then there is no sun.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(required))]
    pub latitude: Option<f64>,
    /// Degrees east.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(required))]
    pub longitude: Option<f64>,
}

impl PlaceSettings {
    /// As rules use it.
    pub fn place(&self) -> Result<Place, RuleError> {
        let coordinates = match (self.latitude, self.longitude) {
            (None, None) => None,
            (Some(latitude), Some(longitude)) => Some((latitude, longitude)),
            _ => return Err(RuleError::HalfAPlace),
        };
        Ok(Place::new(&self.time_zone, coordinates)?)
    }

    fn of(place: &Place) -> Self {
        Self {
            time_zone: place.zone_name().to_owned(),
            latitude: place.coordinates.map(|coordinates| coordinates.latitude),
            longitude: place.coordinates.map(|coordinates| coordinates.longitude),
        }
    }
}

/// Where the site is, and whether somebody said so.
#[derive(Debug)]
pub(super) struct Stands {
    place: Arc<Place>,
    is_chosen: bool,
}

impl Stands {
    /// Where somebody said that it is, or else where it is taken to be.
    pub(super) fn open(state: &dyn State, otherwise: &Place) -> Result<Self, StateError> {
        let chosen: Option<PlaceSettings> = setting(state, PLACE_SETTING)?;
        let place = chosen.as_ref().map(PlaceSettings::place);
        Ok(match place {
            Some(Ok(place)) => Self { place: Arc::new(place), is_chosen: true },
            Some(Err(error)) => {
                tracing::error!(%error, "where the site was said to be is not known any more");
                Self { place: Arc::new(otherwise.clone()), is_chosen: false }
            }
            None => Self { place: Arc::new(otherwise.clone()), is_chosen: false },
        })
    }
}

impl Site {
    /// Where the site is.
    pub fn place(&self) -> Arc<Place> {
        Arc::clone(&self.rules.stands.read().place)
    }

    /// Where the site is, and whether somebody said so; otherwise it is what its machine is set to.
    pub fn place_settings(&self) -> (PlaceSettings, bool) {
        let stands = self.rules.stands.read();
        (PlaceSettings::of(&stands.place), stands.is_chosen)
    }

    /// Says where the site is. Rules go by its clock and its sun from now on.
    pub fn set_place(&self, settings: &PlaceSettings) -> Result<(), RuleError> {
        let place = settings.place()?;
        self.state.commit(vec![Change::put(Table::Setting, PLACE_SETTING, None, settings)], self.clock.now())?;
        *self.rules.stands.write() = Stands { place: Arc::new(place.clone()), is_chosen: true };
        self.move_engines(&place);
        self.recount_problems()
    }

    /// How far the clocks of the site are ahead of UTC at a moment.
    pub fn utc_offset_seconds(&self, moment: Timestamp) -> i64 {
        self.rules.stands.read().place.utc_offset_seconds(moment)
    }
}
