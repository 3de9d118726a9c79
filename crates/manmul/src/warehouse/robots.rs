//! The virtual robots: each an ordinary MQTT client on a link of its own, with its own last will; one task drives all.

use std::sync::Arc;
use std::time::Duration;

use connect::Message;
use connect::vda5050::Kind;
use fleet::vehicle::Vehicle;
use futures_util::StreamExt as _;
use futures_util::stream::SelectAll;
use model::access::{TopicGrant, TopicRules};
use model::{Clock, Principal, ThingId, Timestamp};
use mqtt::Broker;
use plan::Random;
use tokio::io::DuplexStream;
use tokio_util::sync::CancellationToken;
use world::live::{Handle, Heard, Link};
use world::native;

/// How often robots move on.
const STEP: Duration = Duration::from_millis(200);
/// The longest time that a robot moves on at once, and the most such steps in a turn: the machine may have slept, and a
/// scaled clock is a faster warehouse.
const STEP_SECONDS_MAX: f64 = 0.2;
const STEPS_MAX: f64 = 50.0;
/// Seconds until a robot whose link broke connects again.
const RECONNECT_SECONDS: f64 = 3.0;
/// How long the end of all links may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// What a robot speaks through.
struct Station {
    thing: ThingId,
    handle: Handle,
    is_connected: bool,
}

/// All robots and their links.
struct Drivers {
    robots: Vec<Vehicle>,
    stations: Vec<Station>,
    links: SelectAll<Link<DuplexStream>>,
    broker: Broker,
    random: Random,
    stepped: Timestamp,
}

/// Lets the robots drive until `closing`, then says goodbye for each, and gives them back.
pub(super) async fn drive(
    robots: Vec<Vehicle>,
    broker: Broker,
    clock: Arc<dyn Clock>,
    seed: u64,
    closing: CancellationToken,
) -> Vec<Vehicle> {
    let station = |index| Station { thing: super::thing(index), handle: Handle::default(), is_connected: false };
    let stations = (0..robots.len()).map(station).collect();
    let (links, random, stepped) = (SelectAll::new(), Random::new(seed), clock.now());
    let mut drivers = Drivers { robots, stations, links, broker, random, stepped };
    let mut steps = tokio::time::interval(STEP);
    steps.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            () = closing.cancelled() => break,
            Some((thing, heard)) = drivers.links.next() => drivers.hear(&thing, heard),
            _ = steps.tick() => drivers.step(clock.now()),
        }
    }
    drivers.say_goodbye().await;
    drivers.robots
}

fn native(message: Message) -> native::Message {
    let Message { topic, payload, qos, retain } = message;
    native::Message { topic, payload: payload.to_vec(), qos, retain }
}

/// A robot speaks only for itself: on its own topics.
fn principal(thing: &ThingId, robot: &Vehicle) -> Principal {
    let grant = TopicGrant { filter: format!("{}/#", robot.address()), publish: true, subscribe: true };
    let rules = TopicRules { grants: vec![grant], ..TopicRules::default() };
    Principal::Thing { id: thing.clone(), rules: Arc::new(rules) }
}

impl Drivers {
    fn hear(&mut self, thing: &ThingId, heard: Heard) {
        let Some(index) = self.stations.iter().position(|station| station.thing == *thing) else { return };
        let Some(robot) = self.robots.get_mut(index) else { return };
        match heard {
            Heard::Up => {}
            Heard::Message { topic, payload } => {
                // What reaches it while its link is down is lost, as it would be on the air.
                robot.hear(&topic, &payload);
            }
            Heard::Lost => {
                self.stations[index].is_connected = false;
                robot.lose_link(RECONNECT_SECONDS);
            }
        }
    }

    fn step(&mut self, now: Timestamp) {
        let seconds = now.since(self.stepped).as_secs_f64().min(STEPS_MAX * STEP_SECONDS_MAX);
        self.stepped = now;
        let steps = (seconds / STEP_SECONDS_MAX).ceil().max(1.0);
        for (station, robot) in self.stations.iter_mut().zip(&mut self.robots) {
            let mut messages = Vec::new();
            for _ in 0..steps as usize {
                messages.extend(robot.step(seconds / steps, now, &mut self.random));
            }
            if robot.is_linked() && !station.is_connected {
                let stream = self.broker.connect_local(principal(&station.thing, robot));
                self.links.push(station.connect(stream, robot));
            } else if !robot.is_linked() && station.is_connected {
                station.handle.cut();
                station.is_connected = false;
            }
            for message in messages {
                station.handle.with(|client| client.publish(native(message)));
            }
        }
    }

    async fn say_goodbye(&mut self) {
        for (station, robot) in self.stations.iter().zip(&mut self.robots) {
            if station.is_connected {
                station.handle.with(|client| client.publish(native(robot.goodbye())));
            }
            station.handle.finish();
        }
        let links = &mut self.links;
        let farewell = async { while links.next().await.is_some() {} };
        if tokio::time::timeout(FAREWELL, farewell).await.is_err() {
            tracing::debug!(links = self.links.len(), "some links of robots were cut at the end");
        }
    }
}

impl Station {
    /// Begins a session with the robot's last will.
    fn connect(&mut self, stream: DuplexStream, robot: &mut Vehicle) -> Link<DuplexStream> {
        let link = self.handle.attach(self.thing.clone(), stream);
        let filters = [Kind::Order, Kind::InstantActions].map(|kind| robot.address().topic(kind));
        let will = native(robot.will());
        self.handle.with(|client| client.open(self.thing.as_str(), Some(&will), &filters));
        self.is_connected = true;
        link
    }
}
