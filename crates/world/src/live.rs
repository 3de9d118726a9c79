//! Running a world live: every virtual thing is an MQTT client on a link of its own, and one task drives them all.

mod client;
mod faults;
mod link;
mod scaled;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::SelectAll;
use model::{Clock, Name, ThingId, ThingModel, Timestamp};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;

pub use client::{Client, Heard, IN_FLIGHT_MAX, WAITING_MAX};
pub use faults::{Faults, HELD_MAX};
pub use link::{Handle, Link};
pub use scaled::ScaledClock;

use crate::fault::FaultKind;
use crate::history::BACKFILL_STEP;
use crate::native;
use crate::thing::{Report, Said, VirtualThing};
use crate::world::{World, WorldError};
use client::KEEP_ALIVE_SECONDS;
use faults::{Held, Injector};

/// How often the runner looks at the clock.
const TURN: Duration = Duration::from_millis(200);
/// How many ordinary steps a turn may take; a world that is further behind catches up in long ones.
const STEPS_PER_TURN_MAX: u32 = 1_200;
/// A world that is further behind than this (the machine slept) catches up in silence and then tells how things are.
const SILENT_CATCH_UP: Duration = Duration::from_hours(2);
/// How long a thing waits until it connects again.
const RECONNECT: Duration = Duration::from_secs(3);
/// How long the end of all links may take.
const FAREWELL: Duration = Duration::from_secs(2);
/// Steps after which others get a chance to run.
const STEPS_BETWEEN_YIELDS: u32 = 32;

/// How a world is run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// How long a step is, at normal pace.
    pub step: Duration,
    /// What goes wrong.
    pub faults: Faults,
}

impl Default for Options {
    fn default() -> Self {
        Self { step: Duration::from_secs(1), faults: Faults::default() }
    }
}

/// What was counted.
#[derive(Debug, Default)]
struct Counters {
    steps: AtomicU64,
    connects: AtomicU64,
    messages: AtomicU64,
    dropped: AtomicU64,
    not_understood: AtomicU64,
    faults: AtomicU64,
}

/// What a runner has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    /// Steps of the world.
    pub steps: u64,
    /// Connections made.
    pub connects: u64,
    /// Messages handed to links.
    pub messages: u64,
    /// Messages dropped because a link was too slow.
    pub dropped: u64,
    /// Messages from above that were no instructions.
    pub not_understood: u64,
    /// Messages lost or repeated and things rebooted on purpose.
    pub faults: u64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// The door to a running world: adds and removes virtual things.
#[derive(Debug, Clone)]
pub struct Stage {
    world: Arc<Mutex<World>>,
    changed: Arc<Notify>,
    counters: Arc<Counters>,
    seed: u64,
}

impl Stage {
    /// Starts any model as a virtual thing. Fine when a thing of this id plays already.
    pub fn play(&self, thing: &ThingId, title: &str, model: ThingModel) -> Result<(), WorldError> {
        let (played, body) = VirtualThing::from_model(model, thing.clone(), title, self.seed);
        match self.world.lock().add(body, vec![played]) {
            Ok(()) => self.changed.notify_one(),
            Err(WorldError::Duplicate(_)) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Takes a thing off the stage; false when it was not there. A thing that shares its body with others stays with
    /// it, but is heard of no more.
    pub fn stop(&self, thing: &ThingId) -> bool {
        let mut world = self.world.lock();
        let found = world.remove(thing) || world.silence(thing);
        self.changed.notify_one();
        found
    }

    /// Breaks the instrument behind a property of a thing, or makes it whole again. False when there is no such thing.
    pub fn fault(&self, thing: &ThingId, name: &Name, kind: Option<FaultKind>) -> Result<bool, WorldError> {
        self.world.lock().fault(thing, name, kind)
    }

    /// Everything that the future of the world depends on, for [`World::restore`] in a later life of the process.
    pub fn save(&self) -> serde_json::Value {
        self.world.lock().save()
    }

    /// What the runner has done so far.
    pub fn figures(&self) -> Figures {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Figures {
            steps: read(&self.counters.steps),
            connects: read(&self.counters.connects),
            messages: read(&self.counters.messages),
            dropped: read(&self.counters.dropped),
            not_understood: read(&self.counters.not_understood),
            faults: read(&self.counters.faults),
        }
    }
}

/// The link of one thing, as the runner sees it.
#[derive(Default)]
struct Station {
    handle: Handle,
    connected: bool,
    /// Not before this time of the world.
    retry: Timestamp,
    spoke: Timestamp,
    held: Held,
}

/// Drives a world and the links of all its things.
pub struct Runner<C, S> {
    world: Arc<Mutex<World>>,
    stage: Stage,
    connect: C,
    options: Options,
    injector: Injector,
    stations: BTreeMap<ThingId, Station>,
    links: SelectAll<Link<S>>,
}

impl<C, S> Runner<C, S>
where
    C: FnMut(&ThingId) -> S + Send,
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    /// A runner for a world. `connect` gives the stream of a new connection of a thing, whose principal it settles.
    /// The seed is that of the things which are added later.
    pub fn new(world: World, seed: u64, options: Options, connect: C) -> Self {
        let world = Arc::new(Mutex::new(world));
        let stage = Stage { world: Arc::clone(&world), changed: Arc::default(), counters: Arc::default(), seed };
        let injector = Injector::new(options.faults);
        Self { world, stage, connect, options, injector, stations: BTreeMap::new(), links: SelectAll::new() }
    }

    /// The door to the running world.
    pub fn stage(&self) -> Stage {
        self.stage.clone()
    }

    /// Runs until `shutdown`, at the pace of the clock (a scaled clock is a faster world), then says goodbye for every
    /// thing. The world stands where it was left.
    pub async fn run(mut self, clock: Arc<dyn Clock>, shutdown: impl Future<Output = ()>) {
        let changed = Arc::clone(&self.stage.changed);
        tokio::pin!(shutdown);
        self.advance(clock.now()).await;
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                () = changed.notified() => self.reconcile(),
                () = self.listen(&*clock) => {}
                () = tokio::time::sleep(TURN) => {}
            }
            self.advance(clock.now()).await;
        }
        self.say_goodbye().await;
    }

    /// Whether every thing that is online is connected, and everything that was to be said was said.
    pub fn is_idle(&self) -> bool {
        let world = self.world.lock();
        world.things().filter(|thing| thing.is_online()).all(|thing| {
            let station = self.stations.get(thing.id());
            station.is_some_and(|station| {
                station.held.is_empty() && station.handle.with(|client| client.is_up() && client.is_idle())
            })
        })
    }

    /// Lets the world go on until `to`.
    pub async fn advance(&mut self, to: Timestamp) {
        self.reconcile();
        let mut reports = Vec::new();
        let silent = to.since(self.world.lock().time()) > SILENT_CATCH_UP;
        let mut steps = 0;
        while let Some(dt) = self.step(to, &mut reports) {
            if silent {
                reports.retain(|report| matches!(report.said, Said::Online(_) | Said::Offline));
            }
            self.dispatch(&mut reports);
            self.reboot_some(dt);
            steps += 1;
            if steps % STEPS_BETWEEN_YIELDS == 0 {
                tokio::task::yield_now().await;
            }
        }
        if silent {
            self.tell_everything();
        }
        self.tend(to);
    }

    /// Takes one step towards `to`, if there is room for one; steps end at whole multiples of their length.
    fn step(&mut self, to: Timestamp, reports: &mut Vec<Report>) -> Option<Duration> {
        let mut world = self.world.lock();
        let behind = to.since(world.time());
        let step = if behind > self.options.step * STEPS_PER_TURN_MAX { BACKFILL_STEP } else { self.options.step };
        let length = i64::try_from(step.as_micros()).unwrap_or(i64::MAX).max(1);
        let into = world.time().0.rem_euclid(length);
        let dt = Duration::from_micros((length - into).unsigned_abs());
        if behind < dt {
            return None;
        }
        world.step(dt, reports);
        count(&self.stage.counters.steps);
        Some(dt)
    }

    /// Waits until some thing hears something, and lets it act.
    pub async fn listen(&mut self, clock: &dyn Clock) {
        let Some((thing, heard)) = self.links.next().await else {
            // No link at all: somebody else will wake the runner.
            return std::future::pending().await;
        };
        match heard {
            Heard::Up => self.announce(&thing),
            Heard::Lost => {
                let now = self.world.lock().time();
                if let Some(station) = self.stations.get_mut(&thing) {
                    station.connected = false;
                    station.retry = now + RECONNECT;
                }
            }
            Heard::Message { topic, payload } => self.instruct(&thing, &topic, &payload, clock.now()),
        }
    }

    fn instruct(&mut self, thing: &ThingId, topic: &str, payload: &[u8], now: Timestamp) {
        let instruction = match native::decode(thing, topic, payload) {
            Ok(Some(instruction)) => instruction,
            Ok(None) => return,
            Err(error) => {
                tracing::debug!(%thing, %error, "a message from above is no instruction");
                return count(&self.stage.counters.not_understood);
            }
        };
        let mut reports = Vec::new();
        {
            let mut world = self.world.lock();
            // What was asked for happens now, not at the end of the step before.
            let passed = now.since(world.time()).min(self.options.step);
            world.step(passed, &mut reports);
            world.instruct(thing, instruction, &mut reports);
        }
        self.dispatch(&mut reports);
    }

    fn announce(&mut self, thing: &ThingId) {
        let mut reports = Vec::new();
        self.world.lock().announce(thing, &mut reports);
        self.say(&mut reports);
    }

    fn tell_everything(&mut self) {
        let connected = self.stations.iter().filter(|(_, station)| station.handle.with(|client| client.is_up()));
        let connected: Vec<ThingId> = connected.map(|(thing, _)| thing.clone()).collect();
        for thing in &connected {
            self.announce(thing);
        }
    }

    /// Lets things come, go and say what is in the reports of a step.
    fn dispatch(&mut self, reports: &mut Vec<Report>) {
        reports.retain(|report| {
            let Some(station) = self.stations.get_mut(&report.thing) else { return false };
            match report.said {
                // Whoever comes connects, and announces itself when it is connected.
                Said::Online(_) => false,
                Said::Offline => {
                    station.handle.cut();
                    station.connected = false;
                    false
                }
                Said::Properties { .. } => station.handle.with(|client| client.is_up()),
                Said::Event { .. } | Said::Action(_) => true,
            }
        });
        self.say(reports);
    }

    /// Says what is in the reports, through the faults.
    fn say(&mut self, reports: &mut Vec<Report>) {
        let (now, mut messages) = (self.world.lock().time(), Vec::new());
        for report in reports.drain(..) {
            let Some(station) = self.stations.get_mut(&report.thing) else { continue };
            let model = self.world.lock().thing(&report.thing).map(|thing| Arc::clone(thing.model()));
            let Some(model) = model else { continue };
            native::encode(&report, &model, &mut messages);
            station.spoke = now;
            for message in messages.drain(..) {
                let copies = self.injector.copies();
                if copies != 1 {
                    count(&self.stage.counters.faults);
                }
                for _ in 0..copies {
                    let release = self.injector.release(now);
                    station.held.push(release, message.clone());
                }
            }
            station.release(now, &self.stage.counters);
        }
    }

    fn reboot_some(&mut self, dt: Duration) {
        if self.options.faults.reboots_per_hour <= 0.0 {
            return;
        }
        let mut world = self.world.lock();
        let now = world.time();
        for (thing, station) in self.stations.iter_mut().filter(|(_, station)| station.connected) {
            if self.injector.reboots(dt.as_secs_f64()) {
                count(&self.stage.counters.faults);
                world.reboot(thing);
                station.handle.cut();
                station.held.clear();
                station.connected = false;
                station.retry = now + RECONNECT;
            }
        }
    }

    /// Connects what should be connected, releases what was held back and keeps silent links alive.
    fn tend(&mut self, now: Timestamp) {
        let silence = Duration::from_secs(u64::from(KEEP_ALIVE_SECONDS) / 3);
        let world = self.world.lock();
        for (thing, station) in &mut self.stations {
            station.release(now, &self.stage.counters);
            if station.connected {
                if now.since(station.spoke) > silence {
                    station.spoke = now;
                    station.handle.with(Client::ping);
                }
            } else if station.retry <= now && world.thing(thing).is_some_and(VirtualThing::is_online) {
                let link = station.handle.attach(thing.clone(), (self.connect)(thing));
                station
                    .handle
                    .with(|client| client.open(thing.as_str(), Some(&native::will(thing)), &native::filters(thing)));
                station.connected = true;
                station.spoke = now;
                count(&self.stage.counters.connects);
                self.links.push(link);
            }
        }
    }

    /// A station for every thing, and none for a thing that is gone.
    fn reconcile(&mut self) {
        let world = self.world.lock();
        for thing in world.things() {
            if !self.stations.contains_key(thing.id()) {
                self.stations.insert(thing.id().clone(), Station::default());
            }
        }
        self.stations.retain(|thing, station| {
            let stays = world.thing(thing).is_some();
            if !stays {
                station.handle.finish();
            }
            stays
        });
    }

    /// Tells for every thing that it leaves, and ends its link in good order.
    async fn say_goodbye(&mut self) {
        for (thing, station) in &self.stations {
            station.handle.with(|client| {
                if client.is_up() {
                    client.publish(native::will(thing));
                }
            });
            station.handle.finish();
        }
        let links = &mut self.links;
        let farewell = async { while links.next().await.is_some() {} };
        if tokio::time::timeout(FAREWELL, farewell).await.is_err() {
            tracing::debug!(links = self.links.len(), "some links of virtual things were cut at the end");
        }
    }
}

impl Station {
    /// Hands what is due to the client.
    fn release(&mut self, now: Timestamp, counters: &Counters) {
        while let Some(message) = self.held.pop(now) {
            let dropped = self.handle.with(|client| {
                let before = client.dropped;
                client.publish(message);
                client.dropped - before
            });
            count(&counters.messages);
            counters.dropped.fetch_add(dropped, Ordering::Relaxed);
        }
    }
}
