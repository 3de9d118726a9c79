//! Web push: notifications reach people whose pages are closed.
//!
//! A browser subscribes with an address and keys of its own; what rules tell its person is sealed for it (`sealed`,
//! RFC 8291), signed as coming from here (`voluntary`, RFC 8292) and handed as a [`Parcel`] to whoever posts it
//! (RFC 8030). Nothing leaves before somebody subscribes.
//!
//! **Invariant:** what waits is bounded; what is dropped is counted; an address that is gone is forgotten.
//!
//! **Invariant:** nobody is told what their page would not show them, and no address leads into our own network unless
//! that was configured.

mod endpoint;
mod sealed;
mod voluntary;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use model::Timestamp;
use parking_lot::Mutex;
use ring::rand::SystemRandom;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use site::rules::Notification;
use store::state::{Change, StateError, Table};
use store::{Seal, State};
use utoipa::ToSchema;

use endpoint::Endpoint;
pub use endpoint::is_public;
use sealed::Keys;
use voluntary::Signer;

/// The most browsers that are told; more are refused.
pub const SUBSCRIPTIONS_MAX: usize = 1_000;

/// The most browsers of one person; the oldest goes.
pub const SUBSCRIPTIONS_PER_PERSON_MAX: usize = 20;

/// The most messages that wait to be posted; the oldest go, and are counted.
pub const WAITING_MAX: usize = 1_000;

/// How long a message is worth telling, here and at the service.
pub const WORTH: Duration = Duration::from_hours(1);

/// How often a message is posted before it is given up.
const ATTEMPTS_MAX: u32 = 5;

/// How long is waited before the second attempt; twice as long before every further one.
const PAUSE: Duration = Duration::from_secs(5);

/// The longest title and message that are pushed, in characters; the page has all of it.
const TITLE_MAX: usize = 120;
const MESSAGE_MAX: usize = 600;

/// The setting in which the key is kept, sealed.
const KEY_SETTING: &str = "server.push";

/// The setting that says up to which notification everybody was told.
const TOLD_SETTING: &str = "server.push.told";

/// What key and subscriptions are sealed for.
const PURPOSE: &str = "server.push";

/// Browsers write base64 with padding and without.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How pushing is set up.
#[derive(Debug, Clone)]
pub struct PushOptions {
    /// Whether browsers may subscribe at all.
    pub enabled: bool,
    /// Whom a service may write to: `mailto:…` or `https:…`.
    pub contact: String,
    /// Whether services in private networks, and over plain HTTP, are meant.
    pub private_services: bool,
}

/// Why a browser cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// It was switched off.
    #[error("web push is switched off\nhint: push.enabled in the configuration")]
    Off,
    /// Where it wants to be told.
    #[error("{0}")]
    Endpoint(&'static str),
    /// Its keys.
    #[error("{0} is no key of a browser")]
    Key(&'static str),
    /// There are too many.
    #[error("{SUBSCRIPTIONS_MAX} browsers are told already, which is the limit")]
    Full,
    /// There is no such subscription of this person.
    #[error("there is no subscription {0}")]
    Unknown(String),
    /// The state failed.
    #[error(transparent)]
    State(#[from] StateError),
}

/// A browser that wants to be told.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewSubscription {
    /// Where its service takes messages.
    pub endpoint: String,
    /// Its keys.
    pub keys: SubscriptionKeys,
    /// When it ends by itself, in milliseconds; not looked at: the service says when it is gone.
    #[serde(default, rename = "expirationTime", skip_serializing)]
    #[schema(value_type = Option<f64>)]
    pub expiration_time: Option<serde_json::Value>,
}

/// The keys of a browser, in base64url.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SubscriptionKeys {
    /// Its public key on P-256.
    pub p256dh: String,
    /// Its secret.
    pub auth: String,
}

/// How pushing does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct PushFigures {
    /// Browsers that are told.
    pub subscriptions: usize,
    /// Messages that wait.
    pub waiting: usize,
    /// Messages that services took.
    pub delivered: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Messages that were given up.
    pub dropped: u64,
    /// Subscriptions whose browsers are gone.
    pub removed: u64,
}

/// Something to be posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// Where.
    pub url: String,
    /// With these headers.
    pub headers: Vec<(&'static str, String)>,
    /// The sealed message.
    pub body: Vec<u8>,
    message: Message,
}

/// How a post went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posted {
    /// The service answered with this status.
    Answered(u16),
    /// It could not be reached.
    Unreachable,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Message {
    subscription: String,
    text: Arc<str>,
    made: Timestamp,
    due: Timestamp,
    attempts: u32,
}

/// A subscription as it is written down.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Row {
    id: String,
    user: String,
    created: Timestamp,
    sealed: String,
}

#[derive(Debug)]
struct Subscription {
    user: String,
    created: Timestamp,
    endpoint: Endpoint,
    keys: Keys,
}

#[derive(Debug, Default)]
struct Inner {
    rows: BTreeMap<String, Subscription>,
    waiting: VecDeque<Message>,
    /// Everybody was told up to this notification; `None` until it is known.
    told: Option<String>,
    figures: PushFigures,
}

/// Everything about pushing.
#[derive(Debug)]
pub struct Push {
    state: Arc<dyn State>,
    seal: Seal,
    options: PushOptions,
    signer: Signer,
    inner: Mutex<Inner>,
}

/// The id of an address: it says nothing about it.
fn id_of(endpoint: &str) -> String {
    BASE64.encode(&Sha256::digest(endpoint.as_bytes())[..16])
}

fn keys_of(keys: &SubscriptionKeys) -> Result<Keys, PushError> {
    let public = LENIENT.decode(&keys.p256dh).ok().and_then(|bytes| bytes.try_into().ok());
    let secret = LENIENT.decode(&keys.auth).ok().and_then(|bytes| bytes.try_into().ok());
    let keys = Keys { public: public.ok_or(PushError::Key("p256dh"))?, secret: secret.ok_or(PushError::Key("auth"))? };
    // Only a point of the curve can be sealed for.
    sealed::seal(&keys, b"", &SystemRandom::new()).ok_or(PushError::Key("p256dh"))?;
    Ok(keys)
}

impl Push {
    /// Goes on with the key and the subscriptions that were written down. What was sealed with another key is lost:
    /// browsers have to subscribe again.
    pub fn open(state: Arc<dyn State>, seal: Seal, options: PushOptions, now: Timestamp) -> Result<Self, StateError> {
        let sealed: Option<String> =
            state.get(Table::Setting, KEY_SETTING)?.map(|row| row.parse(Table::Setting)).transpose()?;
        let key = sealed.and_then(|sealed| seal.unseal(PURPOSE, &sealed));
        let known = key.and_then(|key| Signer::of(&key, &options.contact));
        let is_known = known.is_some();
        let signer = match known {
            Some(signer) => signer,
            None => {
                let key = Signer::new_key();
                let change = Change::put(Table::Setting, KEY_SETTING, None, &seal.seal(PURPOSE, &key));
                state.commit(vec![change], now)?;
                Signer::of(&key, &options.contact).expect("a key that was just made is one")
            }
        };
        let told = state.get(Table::Setting, TOLD_SETTING)?.map(|row| row.parse(Table::Setting)).transpose()?;
        let mut inner = Inner { told, ..Inner::default() };
        let mut lost = Vec::new();
        for row in state.list(Table::PushSubscription, None, None, SUBSCRIPTIONS_MAX)? {
            let kept: Row = row.parse(Table::PushSubscription)?;
            let opened = Some(&kept).filter(|_| is_known).and_then(|kept| seal.unseal(PURPOSE, &kept.sealed));
            let wanted = opened.and_then(|text| serde_json::from_str::<NewSubscription>(&text).ok());
            let read = wanted.and_then(|wanted| {
                let endpoint = Endpoint::parse(&wanted.endpoint, options.private_services).ok()?;
                Some((endpoint, keys_of(&wanted.keys).ok()?))
            });
            match read {
                Some((endpoint, keys)) => {
                    let Row { id, user, created, .. } = kept;
                    inner.rows.insert(id, Subscription { user, created, endpoint, keys });
                }
                None => lost.push(Change::delete(Table::PushSubscription, kept.id)),
            }
        }
        if !lost.is_empty() {
            tracing::warn!(count = lost.len(), "subscriptions to notifications cannot be read any more");
            state.commit(lost, now)?;
        }
        Ok(Self { state, seal, options, signer, inner: Mutex::new(inner) })
    }

    /// The key that browsers subscribe with.
    pub fn key(&self) -> Result<String, PushError> {
        if self.options.enabled { Ok(self.signer.public()) } else { Err(PushError::Off) }
    }

    /// How it does.
    pub fn figures(&self) -> PushFigures {
        let inner = self.inner.lock();
        PushFigures { subscriptions: inner.rows.len(), waiting: inner.waiting.len(), ..inner.figures }
    }

    /// A browser of a person wants to be told. Gives the id of the subscription.
    pub fn subscribe(&self, user: &str, wanted: &NewSubscription, now: Timestamp) -> Result<String, PushError> {
        self.key()?;
        let endpoint = Endpoint::parse(&wanted.endpoint, self.options.private_services).map_err(PushError::Endpoint)?;
        let keys = keys_of(&wanted.keys)?;
        let id = id_of(&endpoint.url);
        let text = serde_json::to_string(wanted).expect("texts are JSON");
        let sealed = self.seal.seal(PURPOSE, &text);
        let row = Row { id: id.clone(), user: user.to_owned(), created: now, sealed };
        let mut changes = vec![Change::put(Table::PushSubscription, id.as_str(), None, &row)];
        let mut inner = self.inner.lock();
        if inner.rows.len() >= SUBSCRIPTIONS_MAX && !inner.rows.contains_key(&id) {
            return Err(PushError::Full);
        }
        let mut own: Vec<(Timestamp, String)> = inner
            .rows
            .iter()
            .filter(|(other, row)| row.user == user && **other != id)
            .map(|(id, row)| (row.created, id.clone()))
            .collect();
        own.sort();
        let surplus = (own.len() + 1).saturating_sub(SUBSCRIPTIONS_PER_PERSON_MAX);
        let gone: Vec<String> = own.into_iter().take(surplus).map(|(_, id)| id).collect();
        changes.extend(gone.iter().map(|id| Change::delete(Table::PushSubscription, id.as_str())));
        self.state.commit(changes, now)?;
        gone.iter().for_each(|id| drop(inner.rows.remove(id)));
        inner.rows.insert(id.clone(), Subscription { user: user.to_owned(), created: now, endpoint, keys });
        Ok(id)
    }

    /// A browser of a person wants to be told no more.
    pub fn unsubscribe(&self, user: &str, id: &str, now: Timestamp) -> Result<(), PushError> {
        if self.inner.lock().rows.get(id).is_none_or(|row| row.user != user) {
            return Err(PushError::Unknown(id.to_owned()));
        }
        Ok(self.forget(id, now)?)
    }

    fn forget(&self, id: &str, now: Timestamp) -> Result<(), StateError> {
        self.state.commit(vec![Change::delete(Table::PushSubscription, id)], now)?;
        let mut inner = self.inner.lock();
        inner.rows.remove(id);
        inner.waiting.retain(|message| message.subscription != id);
        Ok(())
    }

    /// Takes up what there is to tell: `newest` gives notifications, the newest first, and `may_read` says who may read
    /// one; `None` when there is no such person any more.
    pub(crate) fn take_up(
        &self,
        newest: &dyn Fn(usize) -> Vec<Notification>,
        may_read: &dyn Fn(&str, &Notification) -> Option<bool>,
        now: Timestamp,
    ) -> Result<(), StateError> {
        let is_wanted = self.options.enabled && !self.inner.lock().rows.is_empty();
        let found = newest(if is_wanted { WAITING_MAX } else { 1 });
        let last = found.first().map(|notification| notification.id.clone()).unwrap_or_default();
        let mut inner = self.inner.lock();
        let told = inner.told.replace(last.clone());
        let Some(told) = told.filter(|told| is_wanted && *told != last) else { return Ok(()) };
        let fresh = found.iter().take_while(|notification| notification.id > told);
        let fresh: Vec<&Notification> = fresh.filter(|one| now < one.time || now.since(one.time) < WORTH).collect();
        let mut gone = Vec::new();
        let mut messages = Vec::new();
        for notification in fresh.into_iter().rev() {
            let text = text_of(notification);
            for (id, row) in &inner.rows {
                match may_read(&row.user, notification) {
                    Some(true) => messages.push(Message {
                        subscription: id.clone(),
                        text: Arc::clone(&text),
                        made: notification.time,
                        due: now,
                        attempts: 0,
                    }),
                    Some(false) => {}
                    None => gone.push(id.clone()),
                }
            }
        }
        for message in messages {
            if inner.waiting.len() >= WAITING_MAX {
                inner.waiting.pop_front();
                inner.figures.dropped += 1;
            }
            inner.waiting.push_back(message);
        }
        drop(inner);
        for id in gone {
            self.forget(&id, now)?;
        }
        // Killed before this, a message may come twice; killed after, one that waits is lost. Neither is worth more.
        self.state.commit(vec![Change::put(Table::Setting, TOLD_SETTING, None, &last)], now).map(drop)
    }

    /// What is to be posted now, at most so much.
    pub fn parcels(&self, now: Timestamp, at_most: usize) -> Vec<Parcel> {
        let mut inner = self.inner.lock();
        let mut parcels = Vec::new();
        for _ in 0..inner.waiting.len() {
            let Some(message) = inner.waiting.pop_front() else { break };
            if message.due > now || parcels.len() >= at_most {
                inner.waiting.push_back(message);
                continue;
            }
            let sealed = inner.rows.get(&message.subscription).and_then(|row| {
                let body = sealed::seal(&row.keys, message.text.as_bytes(), &SystemRandom::new())?;
                Some((row.endpoint.clone(), body))
            });
            let Some((endpoint, body)) = sealed else {
                inner.figures.dropped += 1;
                continue;
            };
            let headers = vec![
                ("authorization", self.signer.authorization(&endpoint.origin, now)),
                ("content-encoding", "aes128gcm".to_owned()),
                ("content-type", "application/octet-stream".to_owned()),
                ("ttl", WORTH.as_secs().to_string()),
                ("urgency", "high".to_owned()),
            ];
            parcels.push(Parcel { url: endpoint.url, headers, body, message });
        }
        parcels
    }

    /// Notes how a post went: what failed for now is posted again, within bounds; a browser that is gone is forgotten.
    pub fn posted(&self, parcel: Parcel, posted: Posted, now: Timestamp) -> Result<(), StateError> {
        let mut message = parcel.message;
        message.attempts += 1;
        let mut inner = self.inner.lock();
        match posted {
            Posted::Answered(200..=299) => inner.figures.delivered += 1,
            Posted::Answered(404 | 410) => {
                inner.figures.removed += 1;
                drop(inner);
                return self.forget(&message.subscription, now);
            }
            Posted::Unreachable | Posted::Answered(408 | 429 | 500..=599) => {
                inner.figures.failed += 1;
                let is_old = now >= message.made && now.since(message.made) >= WORTH;
                if message.attempts >= ATTEMPTS_MAX || is_old || inner.waiting.len() >= WAITING_MAX {
                    inner.figures.dropped += 1;
                } else {
                    message.due = now + PAUSE * 2_u32.pow(message.attempts - 1);
                    inner.waiting.push_back(message);
                }
            }
            Posted::Answered(_) => {
                inner.figures.failed += 1;
                inner.figures.dropped += 1;
            }
        }
        Ok(())
    }

    /// Whether services in private networks are meant.
    pub fn allows_private(&self) -> bool {
        self.options.private_services
    }
}

fn text_of(notification: &Notification) -> Arc<str> {
    let cut = |text: &str, most: usize| text.chars().take(most).collect::<String>();
    let text = serde_json::json!({
        "id": notification.id,
        "title": cut(&notification.title, TITLE_MAX),
        "message": cut(&notification.message, MESSAGE_MAX),
        "rule": notification.rule,
    });
    text.to_string().into()
}

#[cfg(test)]
mod tests;
