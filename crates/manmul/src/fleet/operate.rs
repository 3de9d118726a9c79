//! Master control as a client of the broker: it hears robots over a link, and publishes as the policy that is live.

use std::sync::Arc;
use std::time::Duration;

use connect::Message;
use connect::vda5050::{self, Topic};
use fleet::desk::Desk;
use futures_util::StreamExt as _;
use model::{Cause, CauseKind, Principal, ThingId};
use mqtt::Broker;
use site::run::{Mode, Promotion};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use world::live::{Handle, Heard};

/// How often master control looks at what is to be done.
const TURN: Duration = Duration::from_millis(250);
/// How long it waits until it connects again, or looks again whether there is anything to operate.
const RECONNECT: Duration = Duration::from_secs(1);
/// What it calls itself.
const CLIENT: &str = "fleet-master";
/// The property of a door that says whether it stands open.
const DOOR_PROPERTY: &str = "open";

/// What robots and doors say that master control hears.
fn filters() -> Vec<String> {
    let robots = ["state", "connection", "factsheet"].map(|kind| format!("+/+/+/+/{kind}"));
    robots.into_iter().chain([format!("things/+/properties/{DOOR_PROPERTY}")]).collect()
}

/// Operates until `closing`.
pub(super) async fn operate(desk: Arc<Desk>, broker: Broker, closing: CancellationToken) {
    let (name, handle) = (ThingId::new(CLIENT).expect("letters and a hyphen are an id"), Handle::default());
    while !closing.is_cancelled() {
        if desk.is_open() {
            let mut link = handle.attach(name.clone(), broker.connect_local(Principal::System));
            handle.with(|client| client.open(CLIENT, None, &filters()));
            let mut ticks = tokio::time::interval(TURN);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
            let mut turning: Option<JoinHandle<()>> = None;
            loop {
                tokio::select! {
                    () = closing.cancelled() => break,
                    heard = link.next() => match heard {
                        Some((_, Heard::Message { topic, payload })) => hear(&desk, &topic, &payload),
                        Some((_, Heard::Up)) => {}
                        Some((_, Heard::Lost)) | None => break,
                    },
                    _ = ticks.tick() => match &turning {
                        // Robots are heard and shown while one thinks about their ways.
                        Some(turning) if !turning.is_finished() => tokio::task::block_in_place(|| desk.refresh()),
                        _ => turning = Some(begin_turn(Arc::clone(&desk), broker.clone())),
                    },
                }
            }
            if let Some(turning) = turning {
                // A turn that failed has said why.
                drop(turning.await);
            }
        }
        // An end that is wanted does not wait.
        drop(tokio::time::timeout(RECONNECT, closing.cancelled()).await);
    }
}

fn hear(desk: &Desk, topic: &str, payload: &[u8]) {
    if let Some(topic) = Topic::parse(topic) {
        // What cannot be read is told by the adapter, which reads it too.
        if let Ok(read) = vda5050::read(&topic, payload) {
            desk.hear(&topic, &read);
        }
        return;
    }
    let thing = topic.strip_prefix("things/").and_then(|rest| rest.split('/').next());
    let said: Option<serde_json::Value> = serde_json::from_slice(payload).ok();
    let is_open = said.and_then(|said| said.as_bool().or_else(|| said.get("value")?.as_bool()));
    if let (Some(thing), Some(is_open)) = (thing, is_open) {
        desk.hear_door(thing, is_open);
    }
}

/// Lets the desk do what is due, however long that takes, and publishes it.
fn begin_turn(desk: Arc<Desk>, broker: Broker) -> JoinHandle<()> {
    tokio::task::spawn_blocking(move || {
        let done = desk.turn(|turned| {
            let cause = cause(turned.live.as_ref());
            for message in turned.messages {
                publish(&broker, message, cause.clone());
            }
        });
        if let Err(error) = done {
            // What was to be sent is sent again.
            tracing::error!(%error, "the fleet stands still");
        }
    })
}

fn publish(broker: &Broker, message: Message, cause: Cause) {
    let Message { topic, payload, qos, retain } = message;
    let message = mqtt::Publish { topic: topic.into(), payload, qos, retain, expiry_seconds: None };
    if let Err(error) = broker.publish(message, cause) {
        tracing::error!(%error, "master control was not heard");
    }
}

fn cause(live: Option<&Promotion>) -> Cause {
    let Some(promotion) = live.filter(|promotion| matches!(promotion.mode, Mode::Operate | Mode::Shadow)) else {
        return Cause::new(CauseKind::System, CLIENT);
    };
    let run = promotion.run.as_deref().map(Arc::from);
    Cause { run, ..Cause::new(CauseKind::Policy, &promotion.policy.name) }
}
