//! Who is told of changes, and what they are told (ETSI GS CIM 009, clauses 5.2.12 and 5.8).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use model::{Record, RecordKind, ThingId, Timestamp};
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use site::Site;
use store::State;
use store::state::{Change, StateError, Table};

use super::Failure;
use super::entity::{CORE_CONTEXT, Shown, entity, short};
use super::query::Query;

/// The most subscriptions.
const SUBSCRIPTIONS_MAX: usize = 1_000;

/// How many changed things wait for a subscriber; what comes beyond is left out and counted.
const WAITING_MAX: usize = 10_000;

/// The most entities of one notification; the rest comes with the next.
const ENTITIES_MAX: usize = 1_000;

/// Changes that come within this time are told together.
const GATHER: Duration = Duration::from_millis(200);

/// The setting in which they are kept.
const SETTING: &str = "ngsi.subscriptions";

type Document = Map<String, Value>;

/// A subscription, and how it goes.
struct Subscription {
    /// As it was given, with its id.
    document: Document,
    query: Query,
    watched: Vec<String>,
    shown: Shown,
    url: String,
    takes_json_ld: bool,
    throttling: Duration,
    expires: Option<Timestamp>,
    active: bool,
    waiting: BTreeSet<ThingId>,
    since: Option<Timestamp>,
    told: Option<Timestamp>,
    sent: u64,
    failed: u64,
    left_out: u64,
    problem: Option<String>,
}

/// A notification to be posted.
#[derive(Debug)]
pub struct Notification {
    /// Of which subscription.
    pub subscription: String,
    /// Where to.
    pub url: String,
    /// Its media type.
    pub media_type: &'static str,
    /// Its body, JSON.
    pub body: String,
}

/// Every subscription.
pub struct Subscriptions {
    state: Arc<dyn State>,
    all: Mutex<BTreeMap<String, Subscription>>,
}

impl std::fmt::Debug for Subscriptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscriptions").field("count", &self.all.lock().len()).finish_non_exhaustive()
    }
}

impl Subscription {
    fn read(document: Document) -> Result<Self, Failure> {
        if document.get("type").and_then(Value::as_str) != Some("Subscription") {
            return Err(Failure::bad("the type of a subscription is Subscription"));
        }
        let query = Query::from_document(&document)?;
        let words = |from: &Document, key: &str| -> Vec<String> {
            let found = from.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
            found.map(|word| short(word).to_owned()).collect()
        };
        let watched = words(&document, "watchedAttributes");
        if query.is_open() && watched.is_empty() {
            return Err(Failure::bad("a subscription needs entities or watchedAttributes"));
        }
        let object = |from: &Document, key: &str| from.get(key).and_then(Value::as_object).cloned();
        let notification = object(&document, "notification").ok_or_else(|| Failure::bad("notification is missing"))?;
        let endpoint =
            object(&notification, "endpoint").ok_or_else(|| Failure::bad("notification.endpoint is missing"))?;
        let url = endpoint.get("uri").and_then(Value::as_str).unwrap_or_default().to_owned();
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(Failure::bad(format!("notification.endpoint.uri is {url:?}, not an http address")));
        }
        let takes_json_ld = endpoint.get("accept").and_then(Value::as_str) == Some("application/ld+json");
        let attributes = Some(words(&notification, "attributes")).filter(|attributes| !attributes.is_empty());
        let format = notification.get("format").and_then(Value::as_str);
        let key_values = matches!(format, Some("keyValues" | "simplified" | "concise"));
        let context = takes_json_ld.then(|| document.get("@context").cloned().unwrap_or_else(|| CORE_CONTEXT.into()));
        let seconds = document.get("throttling").and_then(Value::as_f64).unwrap_or(0.0);
        let throttling =
            Duration::try_from_secs_f64(seconds).map_err(|error| Failure::bad(format!("throttling: {error}")))?;
        let expires = document.get("expiresAt").and_then(Value::as_str).map(|text| {
            Timestamp::parse(text).ok_or_else(|| Failure::bad(format!("expiresAt is {text:?}, not a time")))
        });
        let active = document.get("isActive").and_then(Value::as_bool).unwrap_or(true);
        Ok(Self {
            query,
            watched,
            shown: Shown { key_values, attributes, context, ..Shown::default() },
            url,
            takes_json_ld,
            throttling,
            expires: expires.transpose()?,
            active,
            document,
            waiting: BTreeSet::new(),
            since: None,
            told: None,
            sent: 0,
            failed: 0,
            left_out: 0,
            problem: None,
        })
    }

    fn is_live(&self, now: Timestamp) -> bool {
        self.active && self.expires.is_none_or(|expires| now < expires)
    }

    fn is_due(&self, now: Timestamp) -> bool {
        let pause = self.throttling.max(GATHER);
        let rested = self.told.is_none_or(|told| now >= told + pause);
        self.is_live(now) && rested && self.since.is_some_and(|since| now >= since + GATHER)
    }

    /// As it is shown: with how it goes.
    fn shown(&self, now: Timestamp) -> Value {
        let mut document = self.document.clone();
        let status = if self.expires.is_some_and(|expires| now >= expires) {
            "expired"
        } else if self.active {
            "active"
        } else {
            "paused"
        };
        document.insert("status".to_owned(), status.into());
        document.insert("isActive".to_owned(), self.is_live(now).into());
        if let Some(Value::Object(notification)) = document.get_mut("notification") {
            notification.insert("timesSent".to_owned(), self.sent.into());
            notification.insert("timesFailed".to_owned(), self.failed.into());
            notification.insert("entitiesLeftOut".to_owned(), self.left_out.into());
            notification.insert("status".to_owned(), if self.problem.is_some() { "failed" } else { "ok" }.into());
            if let Some(told) = self.told {
                notification.insert("lastNotification".to_owned(), told.to_string().into());
            }
            if let Some(problem) = &self.problem {
                notification.insert("lastProblem".to_owned(), problem.as_str().into());
            }
        }
        document.entry("@context").or_insert_with(|| CORE_CONTEXT.into());
        Value::Object(document)
    }
}

impl Subscriptions {
    /// Those that were kept.
    pub(crate) fn open(state: Arc<dyn State>) -> Result<Self, StateError> {
        let kept: Vec<Document> = match state.get(Table::Setting, SETTING)? {
            Some(row) => row.parse(Table::Setting)?,
            None => Vec::new(),
        };
        let mut all = BTreeMap::new();
        for document in kept {
            let id = document.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
            match Subscription::read(document) {
                Ok(subscription) => drop(all.insert(id, subscription)),
                Err(error) => tracing::warn!(
                    id,
                    error = error.detail,
                    "a subscription is not understood any more and is left out"
                ),
            }
        }
        Ok(Self { state, all: Mutex::new(all) })
    }

    /// Every one, in order of id.
    pub(super) fn list(&self, now: Timestamp) -> Vec<Value> {
        self.all.lock().values().map(|subscription| subscription.shown(now)).collect()
    }

    /// One.
    pub(super) fn get(&self, id: &str, now: Timestamp) -> Result<Value, Failure> {
        self.all
            .lock()
            .get(id)
            .map(|subscription| subscription.shown(now))
            .ok_or_else(|| Failure::not_found("subscription", id))
    }

    /// Adds one; returns its id.
    pub(super) fn add(&self, mut document: Document, now: Timestamp) -> Result<String, Failure> {
        let mut all = self.all.lock();
        let id = match document.get("id").and_then(Value::as_str) {
            Some(id) => id.to_owned(),
            None => format!("urn:ngsi-ld:Subscription:{}", now.0),
        };
        if all.contains_key(&id) {
            return Err(Failure::exists(format!("there is a subscription {id} already")));
        }
        if all.len() >= SUBSCRIPTIONS_MAX {
            return Err(Failure::too_many(format!("there are {SUBSCRIPTIONS_MAX} subscriptions, which is the limit")));
        }
        document.insert("id".to_owned(), id.clone().into());
        all.insert(id.clone(), Subscription::read(document)?);
        self.keep(&all, now)?;
        Ok(id)
    }

    /// Changes one: members that are given replace what was.
    pub(super) fn change(&self, id: &str, change: Document, now: Timestamp) -> Result<(), Failure> {
        let mut all = self.all.lock();
        let known = all.get(id).ok_or_else(|| Failure::not_found("subscription", id))?;
        let mut document = known.document.clone();
        document.extend(change);
        document.insert("id".to_owned(), id.into());
        all.insert(id.to_owned(), Subscription::read(document)?);
        self.keep(&all, now)
    }

    /// Removes one.
    pub(super) fn remove(&self, id: &str, now: Timestamp) -> Result<(), Failure> {
        let mut all = self.all.lock();
        all.remove(id).ok_or_else(|| Failure::not_found("subscription", id))?;
        self.keep(&all, now)
    }

    fn keep(&self, all: &BTreeMap<String, Subscription>, now: Timestamp) -> Result<(), Failure> {
        let documents: Vec<&Document> = all.values().map(|subscription| &subscription.document).collect();
        let change = Change::put(Table::Setting, SETTING, None, &documents);
        self.state.commit(vec![change], now).map(drop).map_err(|error| Failure::internal(&error))
    }

    /// Takes in what happened.
    pub fn hear(&self, records: &[Record], now: Timestamp) {
        let mut all = self.all.lock();
        for subscription in all.values_mut().filter(|subscription| subscription.is_live(now)) {
            for record in records.iter().filter(|record| record.kind == RecordKind::Property) {
                let is_watched = subscription.watched.iter().any(|name| name == record.name.as_str());
                if !subscription.watched.is_empty() && !is_watched {
                    continue;
                }
                if subscription.waiting.len() >= WAITING_MAX && !subscription.waiting.contains(&record.thing) {
                    subscription.left_out += 1;
                    continue;
                }
                subscription.waiting.insert(record.thing.clone());
                subscription.since.get_or_insert(now);
            }
        }
    }

    /// What is to be posted now.
    pub fn due(&self, site: &Site, now: Timestamp) -> Vec<Notification> {
        let mut all = self.all.lock();
        let due = all.iter_mut().filter(|(_, subscription)| subscription.is_due(now));
        due.filter_map(|(id, subscription)| subscription.notify(id, site, now)).collect()
    }

    /// What became of a notification.
    pub fn told(&self, subscription: &str, outcome: Result<(), String>) {
        if let Some(subscription) = self.all.lock().get_mut(subscription) {
            subscription.sent += 1;
            subscription.failed += u64::from(outcome.is_err());
            subscription.problem = outcome.err();
        }
    }
}

impl Subscription {
    fn notify(&mut self, id: &str, site: &Site, now: Timestamp) -> Option<Notification> {
        let mut rest = std::mem::take(&mut self.waiting);
        let (mut data, mut looked_at) = (Vec::new(), 0);
        while let Some(thing) = rest.pop_first() {
            looked_at += 1;
            let accepted = |detail: &site::ThingDetail| detail.summary.thing.status == twin::ThingStatus::Accepted;
            if let Some(detail) = site
                .thing(&thing)
                .filter(accepted)
                .filter(|detail| self.query.wants(detail) && self.query.is_there(detail))
            {
                data.push(Value::Object(entity(&detail, &self.shown)));
            }
            if looked_at >= ENTITIES_MAX {
                break;
            }
        }
        self.since = (!rest.is_empty()).then_some(now);
        self.waiting = rest;
        if data.is_empty() {
            return None;
        }
        self.told = Some(now);
        let notification = format!("urn:ngsi-ld:Notification:{}", now.0);
        let body = json!({"id": notification, "type": "Notification", "subscriptionId": id, "notifiedAt": now.to_string(), "data": data});
        let media_type = if self.takes_json_ld { "application/ld+json" } else { "application/json" };
        Some(Notification { subscription: id.to_owned(), url: self.url.clone(), media_type, body: body.to_string() })
    }
}
