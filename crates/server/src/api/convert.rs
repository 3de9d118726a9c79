//! From what the site says to what the API shows.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::ThingId;
use site::SiteError;
use site::inference::{InferenceError, Refused};

use super::history::Series;
use super::spaces::{Attention, AttentionLevel, Overview, Space, SpaceHeadline, SpaceOverview, Totals};
use super::types::{
    CredentialInfo, DesiredState, DiagnosticCount, Headline, Message, Origin, Presence, PropertyState, Thing,
    ThingStatus, ThingSummary,
};
use crate::access::{Access, AccessError};
use crate::http::Problem;

impl From<twin::ThingStatus> for ThingStatus {
    fn from(status: twin::ThingStatus) -> Self {
        match status {
            twin::ThingStatus::Accepted => Self::Accepted,
            twin::ThingStatus::Inbox => Self::Inbox,
            twin::ThingStatus::Ignored => Self::Ignored,
        }
    }
}

impl From<ThingStatus> for twin::ThingStatus {
    fn from(status: ThingStatus) -> Self {
        match status {
            ThingStatus::Accepted => Self::Accepted,
            ThingStatus::Inbox => Self::Inbox,
            ThingStatus::Ignored => Self::Ignored,
        }
    }
}

impl From<twin::PresenceState> for Presence {
    fn from(state: twin::PresenceState) -> Self {
        match state {
            twin::PresenceState::Online => Self::Online,
            twin::PresenceState::Offline => Self::Offline,
            twin::PresenceState::Unknown => Self::Unknown,
        }
    }
}

impl From<Presence> for twin::PresenceState {
    fn from(presence: Presence) -> Self {
        match presence {
            Presence::Online => Self::Online,
            Presence::Offline => Self::Offline,
            Presence::Unknown => Self::Unknown,
        }
    }
}

impl From<twin::Origin> for Origin {
    fn from(origin: twin::Origin) -> Self {
        match origin {
            twin::Origin::Physical => Self::Physical,
            twin::Origin::Virtual => Self::Virtual,
        }
    }
}

impl From<site::Headline> for Headline {
    fn from(headline: site::Headline) -> Self {
        let site::Headline { name, title, value, unit, decimals, writable, time, .. } = headline;
        Self { name, title, value, unit, decimals, writable, time: Some(time) }
    }
}

impl From<site::ThingSummary> for ThingSummary {
    fn from(summary: site::ThingSummary) -> Self {
        let thing = &summary.thing;
        Self {
            id: thing.id.clone(),
            title: thing.title.clone(),
            kind: thing.kind().to_owned(),
            status: thing.status.into(),
            presence: summary.presence.state.into(),
            presence_since_us: Some(summary.presence.since.micros()),
            space: thing.space.clone(),
            location: summary.location,
            tags: thing.tags.clone(),
            via: thing.via.clone(),
            adapter: thing.adapter.to_string(),
            origin: thing.origin.into(),
            last_seen_us: summary.last_seen.map(model::Timestamp::micros),
            rev: thing.rev,
            primary: summary.primary.into_iter().map(Headline::from).collect(),
            health: summary.health,
        }
    }
}

fn property(reported: twin::Reported, unit: Option<model::Unit>) -> PropertyState {
    PropertyState {
        name: reported.name,
        value: reported.value,
        unit,
        quality: reported.quality,
        time: reported.time,
        received: reported.received,
        changed_us: reported.changed.micros(),
        cause: (*reported.cause).clone(),
        position: reported.position,
    }
}

fn desired(desired: twin::Desired) -> DesiredState {
    DesiredState { value: desired.value, version: desired.version, time: desired.time, cause: desired.cause }
}

impl Thing {
    pub(super) fn new(detail: site::ThingDetail, access: &Access) -> Self {
        let row = &detail.summary.thing;
        let credential = access
            .credential(&row.id)
            .map(|view| CredentialInfo { username: row.id.to_string(), rotated_us: view.rotated.micros() });
        let mut properties: Vec<PropertyState> =
            detail.properties.into_iter().map(|(reported, unit)| property(reported, unit)).collect();
        properties.sort_by(|a, b| a.name.cmp(&b.name));
        Self {
            model: row.model_of_its_own(),
            credential,
            properties,
            desired: detail.desired.into_iter().map(|(name, wish)| (name, desired(wish))).collect(),
            delta: detail.delta.into_iter().collect(),
            sub_things: detail.sub_things,
            diagnostics: detail
                .diagnostics
                .into_iter()
                .map(|(code, count)| DiagnosticCount {
                    code: code.to_string(),
                    detail: count.detail,
                    count: count.count,
                    last_us: count.last.micros(),
                })
                .collect(),
            summary: detail.summary.into(),
        }
    }
}

impl From<site::RawMessage> for Message {
    fn from(message: site::RawMessage) -> Self {
        let entry = message.entry;
        let text = std::str::from_utf8(&entry.payload).ok().map(str::to_owned);
        Self {
            position: entry.position,
            received: entry.received,
            topic: entry.topic.to_string(),
            payload_base64: if text.is_some() { None } else { Some(STANDARD.encode(&entry.payload)) },
            payload: text,
            bytes: entry.payload.len(),
            qos: entry.qos,
            retain: entry.retain,
            client: entry.client.to_string(),
            cause: entry.cause,
            undecodable: message.undecodable,
        }
    }
}

impl Space {
    pub(super) fn new(row: twin::SpaceRow, things: usize) -> Self {
        let model::Space { id, parent, kind, title, geometry } = row.space;
        Self { id, parent, kind, title, geometry, rev: row.rev, things }
    }
}

impl From<&site::Attention> for Attention {
    fn from(attention: &site::Attention) -> Self {
        let level = match attention.level {
            site::Level::Red => AttentionLevel::Red,
            site::Level::Amber => AttentionLevel::Amber,
        };
        let (title, text) = (attention.title.clone(), attention.text.clone());
        Self { thing: Some(attention.thing.clone()), title, text, level }
    }
}

fn space_headline(headline: &site::Headline) -> SpaceHeadline {
    let site::Headline { thing, thing_title, name, title, value, unit, decimals, writable, time } = headline.clone();
    SpaceHeadline { thing, thing_title, name, title, value, unit, decimals, writable, time }
}

impl From<&site::Overview> for Overview {
    fn from(overview: &site::Overview) -> Self {
        let space = |space: &site::SpaceOverview| SpaceOverview {
            space: Space::new(space.space.clone(), space.things),
            things: space.things,
            online: space.online,
            attention: space.attention.iter().map(Attention::from).collect(),
            headline: space.headline.iter().map(space_headline).collect(),
        };
        let totals = &overview.totals;
        Self {
            spaces: overview.spaces.iter().map(space).collect(),
            totals: Totals {
                things: totals.things,
                online: totals.online,
                inbox: totals.inbox,
                records_per_second: totals.records_per_second,
                undecodable: totals.undecodable,
            },
            insights_open: totals.insights_open,
            attention: overview.attention.iter().map(Attention::from).collect(),
        }
    }
}

impl From<site::SeriesSummary> for Series {
    fn from(series: site::SeriesSummary) -> Self {
        Self {
            thing: series.thing,
            name: series.name,
            data_type: series.data_type,
            unit: series.unit,
            first_us: series.first.micros(),
            last_us: series.last.micros(),
            points: series.points,
        }
    }
}

/// There is no such thing.
pub(crate) fn no_thing(id: &ThingId) -> Problem {
    Problem::not_found("thing", id)
}

/// Takes a `hint:` line out of an error's text.
fn with_hint(text: &str, make: impl FnOnce(String) -> Problem) -> Problem {
    match text.split_once("\nhint: ") {
        Some((detail, hint)) => make(detail.to_owned()).hint(hint),
        None => make(text.to_owned()),
    }
}

impl From<InferenceError> for Problem {
    fn from(error: InferenceError) -> Self {
        let text = error.to_string();
        match error {
            InferenceError::UnknownModel(id) => Self::not_found("model", id),
            InferenceError::UnknownBinding(id) => Self::not_found("binding", id),
            InferenceError::Manifest(_) | InferenceError::ManifestTooLarge(_) => {
                with_hint(&text, Self::invalid).at("manifest")
            }
            InferenceError::FileTooLarge { most, .. } => Self::too_large(most as usize).at("file"),
            InferenceError::Model(_)
            | InferenceError::NotInTime { .. }
            | InferenceError::Refused(Refused::Model(_)) => with_hint(&text, Self::invalid),
            InferenceError::Binding { place, problem, hint } => Self::invalid(problem).at(place).hint(hint),
            InferenceError::NoFolder
            | InferenceError::Exists(_)
            | InferenceError::Full { .. }
            | InferenceError::NotReady { .. }
            | InferenceError::Bound { .. } => with_hint(&text, Self::conflict),
            InferenceError::Refused(Refused::NoAnswer(_)) => Self::timed_out(text),
            InferenceError::Busy(_) | InferenceError::Refused(_) => with_hint(&text, Self::unavailable),
            InferenceError::File(_) => with_hint(&text, Self::unavailable),
        }
    }
}

impl From<SiteError> for Problem {
    fn from(error: SiteError) -> Self {
        use store::history::HistoryError;
        use store::log::LogError;
        use twin::{RegistryError, SpaceError};
        let text = error.to_string();
        let error = match error {
            SiteError::Inference(error) => return error.into(),
            error => error,
        };
        match &error {
            SiteError::Registry(RegistryError::Unknown(id)) => no_thing(id),
            SiteError::Space(SpaceError::Unknown(id)) | SiteError::UnknownSpace(id) => Self::not_found("space", id),
            SiteError::UnknownInsight(id) => Self::not_found("insight", id),
            SiteError::UnknownCard(id) => Self::not_found("model card", id),
            SiteError::CalledNormal(_) => with_hint(&text, Self::conflict),
            SiteError::FalseAlarms(_) => Self::invalid(text).at("false_alarms_a_month"),
            SiteError::NoForecastYet { .. } => with_hint(&text, Self::not_yet),
            SiteError::UnknownModel(id) => Self::not_found("model", id),
            SiteError::UnknownCommand(id) => Self::not_found("command", id),
            SiteError::History(HistoryError::UnknownSeries(key)) => {
                Self::not_found("series", format!("{}/{}", key.thing, key.name))
            }
            SiteError::Registry(RegistryError::Stale { id, .. }) => Self::changed_meanwhile("thing", id),
            SiteError::Space(SpaceError::Stale { id, .. }) => Self::changed_meanwhile("space", id),
            SiteError::Registry(_) | SiteError::Space(_) | SiteError::NotAccepted(_) => {
                with_hint(&text, Self::conflict)
            }
            SiteError::Model { place, source } => Self::invalid(source.to_string()).at(place.clone()),
            SiteError::NothingToWrite(_) | SiteError::Encode(_) | SiteError::NoAdapter { .. } => {
                with_hint(&text, Self::invalid)
            }
            SiteError::Guard(_) => with_hint(&text, Self::conflict),
            SiteError::CommandsFull(_) | SiteError::Publish(_) => with_hint(&text, Self::unavailable),
            SiteError::Log(LogError::Gone { .. }) => Self::gone(text),
            SiteError::Log(LogError::Full { .. } | LogError::NoRoom(_) | LogError::Broken(_))
            | SiteError::History(HistoryError::NoRoom(_) | HistoryError::Broken(_)) => {
                Self::unavailable(text).hint("look at /api/v1/system; most often the disk is full")
            }
            _ => Self::internal(&error),
        }
    }
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        let text = error.to_string();
        match error {
            AccessError::OwnerExists => Self::conflict(text).hint("sign in, or ask an owner for an account"),
            AccessError::LinkWrong => {
                Self::forbidden(text).hint("restart the server; it prints a new link as long as there is no owner")
            }
            AccessError::Wrong => Self::unauthenticated(text),
            AccessError::TooMany { seconds } => Self::too_many(text, seconds),
            AccessError::Busy => Self::too_many(text, 1),
            AccessError::PasswordTooShort | AccessError::PasswordTooLong => Self::invalid(text).at("password"),
            AccessError::NameInvalid => Self::invalid(text).at("name"),
            AccessError::TokenInvalid(_) => Self::invalid(text),
            AccessError::NameTaken(_) | AccessError::LastOwner | AccessError::Full { .. } => Self::conflict(text),
            AccessError::Unknown { what, id } => Self::not_found(what, id),
            AccessError::Changed(id) => Self::changed_meanwhile("user", id),
            AccessError::State(error) => Self::internal(&error),
            AccessError::Failed(error) => Self::internal(&error),
        }
    }
}
