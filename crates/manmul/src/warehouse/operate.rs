//! Master control as a client of the broker: it hears robots over a link, and publishes as the policy that is live.

use std::sync::Arc;
use std::time::Duration;

use connect::Message;
use connect::vda5050::{self, Topic};
use fleet::warehouse::{Fleet, Policy};
use futures_util::StreamExt as _;
use model::{Cause, CauseKind, Clock, Principal, ThingId};
use mqtt::Broker;
use parking_lot::Mutex;
use site::run::{Mode, Promotion, RunBook};
use tokio_util::sync::CancellationToken;
use world::live::{Handle, Heard};

use super::control::Control;

/// How often master control looks at what is to be done.
const TURN: Duration = Duration::from_millis(250);
/// How long it waits until it connects again.
const RECONNECT: Duration = Duration::from_secs(1);
/// What it calls itself.
const CLIENT: &str = "fleet-master";

/// What robots say that master control hears.
fn filters() -> Vec<String> {
    ["state", "connection", "factsheet"].iter().map(|kind| format!("{}/+/+/+/{kind}", super::INTERFACE)).collect()
}

/// Operates until `closing`.
pub(super) async fn operate(
    control: Arc<Mutex<Control>>,
    broker: Broker,
    runs: Arc<RunBook>,
    clock: Arc<dyn Clock>,
    closing: CancellationToken,
) {
    let (name, handle) = (ThingId::new(CLIENT).expect("letters and a hyphen are an id"), Handle::default());
    while !closing.is_cancelled() {
        let mut link = handle.attach(name.clone(), broker.connect_local(Principal::System));
        handle.with(|client| client.open(CLIENT, None, &filters()));
        let mut ticks = tokio::time::interval(TURN);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                () = closing.cancelled() => break,
                heard = link.next() => match heard {
                    Some((_, Heard::Message { topic, payload })) => hear(&control, &topic, &payload, &*clock),
                    Some((_, Heard::Up)) => {}
                    Some((_, Heard::Lost)) | None => break,
                },
                _ = ticks.tick() => tokio::task::block_in_place(|| turn(&control, &broker, &runs, &*clock)),
            }
        }
        // An end that is wanted does not wait.
        drop(tokio::time::timeout(RECONNECT, closing.cancelled()).await);
    }
}

fn hear(control: &Mutex<Control>, topic: &str, payload: &[u8], clock: &dyn Clock) {
    let Some(topic) = Topic::parse(topic) else { return };
    // What cannot be read is told by the adapter, which reads it too.
    if let Ok(read) = vda5050::read(&topic, payload) {
        control.lock().hear(&topic, &read, clock.now());
    }
}

/// Lets control do what is due, and publishes it.
fn turn(control: &Mutex<Control>, broker: &Broker, runs: &RunBook, clock: &dyn Clock) {
    let live = match runs.live(Fleet::NAME) {
        Ok(live) => live.now,
        Err(error) => {
            // Who does not know whether it may act does not.
            tracing::error!(%error, "which policy is live cannot be read");
            None
        }
    };
    let decides = live.as_ref().map(|promotion| (promotion.mode, policy(promotion)));
    let messages = control.lock().turn(clock.now(), decides);
    let cause = cause(live.as_ref());
    for message in messages {
        publish(broker, message, cause.clone());
    }
}

fn publish(broker: &Broker, message: Message, cause: Cause) {
    let Message { topic, payload, qos, retain } = message;
    let message = mqtt::Publish { topic: topic.into(), payload, qos, retain, expiry_seconds: None };
    if let Err(error) = broker.publish(message, cause) {
        tracing::error!(%error, "master control was not heard");
    }
}

/// The knobs of what is live; a run that was simulated with them has shown that they can be read.
fn policy(promotion: &Promotion) -> Policy {
    serde_json::from_value(promotion.policy.parameters.clone()).unwrap_or_default()
}

fn cause(live: Option<&Promotion>) -> Cause {
    let Some(promotion) = live.filter(|promotion| matches!(promotion.mode, Mode::Operate | Mode::Shadow)) else {
        return Cause::new(CauseKind::System, CLIENT);
    };
    let run = promotion.run.as_deref().map(Arc::from);
    Cause { run, ..Cause::new(CauseKind::Policy, &promotion.policy.name) }
}
