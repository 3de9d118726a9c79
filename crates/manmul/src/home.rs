//! The energy of the home as part of the running program: its desk looks again and again, and what it decides goes the way of
//! every command, with the decision as its cause.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use home::desk::{Decision, Desk, POLICY, Plan, Turned};
use home::device::Device;
use home::outlook::{Aims, Outlook};
use model::{Cause, CauseKind, Position};
use mqtt::Broker;
use serde_json::json;
use site::run::Promotion;
use site::{Asked, Site};
use tokio_util::sync::CancellationToken;

/// How often the desk looks.
const TURN: Duration = Duration::from_secs(5);

/// What makes plans.
pub(crate) fn planner() -> Arc<Plan> {
    Arc::new(|devices: &[Device], outlook: &Outlook, aims: &Aims| {
        home::program::plan(devices, outlook, aims).map_err(|error| error.to_string())
    })
}

/// Operates until `closing`.
pub(crate) async fn operate(desk: Arc<Desk>, site: Arc<Site>, broker: Broker, closing: CancellationToken) {
    let mut ticks = tokio::time::interval(TURN);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut learning: Option<tokio::task::JoinHandle<()>> = None;
    loop {
        tokio::select! {
            () = closing.cancelled() => break,
            _ = ticks.tick() => {}
        }
        if learning.as_ref().is_none_or(tokio::task::JoinHandle::is_finished) && desk.is_to_learn() {
            let desk = Arc::clone(&desk);
            // Turns go on meanwhile, by what was known before.
            learning = Some(tokio::task::spawn_blocking(move || desk.learn()));
        }
        let (desk, site, broker) = (Arc::clone(&desk), Arc::clone(&site), broker.clone());
        let turned = tokio::task::spawn_blocking(move || turn(&desk, &site, &broker)).await;
        if let Err(error) = turned {
            tracing::error!(%error, "the energy of the home was not looked after");
        }
    }
    if let Some(Err(error)) = match learning {
        Some(learning) => Some(learning.await),
        None => None,
    } {
        tracing::error!(%error, "the home was not learned");
    }
}

/// One look, and what follows from it.
pub(crate) fn turn(desk: &Desk, site: &Site, broker: &Broker) {
    let Turned { live, decisions } = match desk.turn() {
        Ok(turned) => turned,
        // What was to be told is told again.
        Err(error) => return tracing::error!(%error, "the energy of the home was not looked after"),
    };
    for decision in decisions {
        let said = say(broker, &decision, live.as_ref());
        let went = match (said, decision.send) {
            (Err(problem), _) => Err(problem),
            (Ok(_), false) => Ok(()),
            (Ok(position), true) => {
                let asked = Asked { cause: cause(live.as_ref()).following(position), timeout: None };
                site.write(&asked, &decision.thing, decision.values.clone())
                    .map(drop)
                    .map_err(|error| error.to_string())
            }
        };
        desk.done(&decision, went);
    }
}

/// Puts a decision with its reason on the log, for every property that it is about; the place of the last one.
fn say(broker: &Broker, decision: &Decision, live: Option<&Promotion>) -> Result<Position, String> {
    let mut last = Position::START;
    for (name, value) in &decision.values {
        let decided = json!({"value": value.to_json(), "reason": decision.words, "sent": decision.send});
        let message = mqtt::Publish {
            topic: format!("things/{}/decisions/{name}", decision.thing).into(),
            payload: Bytes::from(decided.to_string()),
            qos: 1,
            retain: false,
            expiry_seconds: None,
        };
        last = broker.publish(message, cause(live)).map_err(|error| error.to_string())?;
    }
    Ok(last)
}

fn cause(live: Option<&Promotion>) -> Cause {
    let run = live.and_then(|live| live.run.as_deref()).map(Arc::from);
    let policy = live.map_or(POLICY, |live| live.policy.name.as_str());
    Cause { run, ..Cause::new(CauseKind::Policy, policy) }
}
