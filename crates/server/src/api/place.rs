//! Where the site is: its time zone and where it lies, for the clocks and the sun of rules.

use axum::extract::State;
use serde::Serialize;
use site::rules::PlaceSettings;
use utoipa::ToSchema;

use super::App;
use crate::http::{Json, Problem};

/// Where the site is taken to be.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SitePlace {
    /// The time zone and the degrees.
    #[serde(flatten)]
    pub settings: PlaceSettings,
    /// Whether somebody said so; otherwise it is what its machine is set to.
    pub chosen: bool,
}

fn shown(site: &site::Site) -> SitePlace {
    let (settings, chosen) = site.place_settings();
    SitePlace { settings, chosen }
}

/// Where the site is.
#[utoipa::path(get, path = "/settings/place", tag = "rules", responses((status = 200, body = SitePlace)))]
pub async fn get_place(State(app): State<App>) -> Json<SitePlace> {
    Json(shown(&app.site))
}

/// Says where the site is; rules go by its clock and its sun from then on.
#[utoipa::path(put, path = "/settings/place", tag = "rules", responses((status = 200, body = SitePlace)))]
pub async fn put_place(
    State(app): State<App>,
    Json(settings): Json<PlaceSettings>,
) -> Result<Json<SitePlace>, Problem> {
    app.blocking(move |site| site.set_place(&settings).map(|()| shown(site))).await.map(Json)
}
