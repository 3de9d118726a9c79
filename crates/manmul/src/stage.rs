//! Plays virtual things: worlds step with the wall clock, their things speak through in-memory links.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use model::{Clock, ThingId, ThingModel};
use mqtt::Broker;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use world::native::{self, Message};
use world::{Report, VirtualThing, World};

use crate::link::{self, Happened, OUTBOX_MAX};

/// How often worlds step.
const STEP: Duration = Duration::from_secs(1);

/// What was heard by virtual things and not acted on yet; their links wait while there is as much.
const INBOX_MAX: usize = 4_096;

/// The longest time that is made up for after the machine slept; the rest is skipped.
const CATCH_UP_MAX: Duration = Duration::from_secs(3600);

/// One world and the outboxes of its things.
struct Scene {
    world: World,
    outboxes: HashMap<ThingId, mpsc::Sender<Message>>,
}

/// Where all virtual things play.
pub(crate) struct Stage {
    broker: Broker,
    clock: Arc<dyn Clock>,
    seed: u64,
    scenes: Mutex<BTreeMap<u64, Scene>>,
    next_scene: AtomicU64,
    inbox: mpsc::Sender<Happened>,
    dropped: AtomicU64,
    runtime: tokio::runtime::Handle,
}

impl Stage {
    /// An empty stage, whose worlds step until `stop`. Call it inside a tokio runtime.
    pub(crate) fn open(broker: Broker, clock: Arc<dyn Clock>, seed: u64, stop: CancellationToken) -> Arc<Self> {
        let (inbox, heard) = mpsc::channel(INBOX_MAX);
        let stage = Arc::new(Self {
            broker,
            clock,
            seed,
            scenes: Mutex::default(),
            next_scene: AtomicU64::new(0),
            inbox,
            dropped: AtomicU64::new(0),
            runtime: tokio::runtime::Handle::current(),
        });
        let weak = Arc::downgrade(&stage);
        tokio::spawn(async move {
            let mut heard = heard;
            let mut tick = tokio::time::interval(STEP);
            tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
            loop {
                tokio::select! {
                    () = stop.cancelled() => break,
                    _ = tick.tick() => match weak.upgrade() {
                        Some(stage) => stage.step(),
                        None => return,
                    },
                    happened = heard.recv() => match (happened, weak.upgrade()) {
                        (Some(happened), Some(stage)) => stage.hear(happened),
                        _ => return,
                    },
                }
            }
            if let Some(stage) = weak.upgrade() {
                stage.scenes.lock().clear();
            }
        });
        stage
    }

    /// Lets the things of a world play. The world goes on from where it stands.
    pub(crate) fn put(&self, world: World) {
        let mut outboxes = HashMap::new();
        for thing in world.things() {
            let (outbox, messages) = mpsc::channel(OUTBOX_MAX);
            outboxes.insert(thing.id().clone(), outbox);
            self.runtime.spawn(link::run(self.broker.clone(), thing.id().clone(), messages, self.inbox.clone()));
        }
        let number = self.next_scene.fetch_add(1, Ordering::Relaxed);
        self.scenes.lock().insert(number, Scene { world, outboxes });
    }

    /// Whether a thing plays already.
    pub(crate) fn plays(&self, thing: &ThingId) -> bool {
        self.scenes.lock().values().any(|scene| scene.outboxes.contains_key(thing))
    }

    fn step(&self) {
        let now = self.clock.now();
        let mut reports = Vec::new();
        for scene in self.scenes.lock().values_mut() {
            let late = now.since(scene.world.time());
            if late > CATCH_UP_MAX {
                scene.world.reset(self.seed, now);
                continue;
            }
            scene.world.step(late, &mut reports);
            self.say(scene, &mut reports);
        }
    }

    fn hear(&self, happened: Happened) {
        let thing = match &happened {
            Happened::Connected(thing) => thing,
            Happened::Heard(heard) => &heard.thing,
        };
        let mut scenes = self.scenes.lock();
        let Some(scene) = scenes.values_mut().find(|scene| scene.outboxes.contains_key(thing)) else { return };
        let mut reports = Vec::new();
        match &happened {
            Happened::Connected(thing) => scene.world.announce(thing, &mut reports),
            Happened::Heard(heard) => match native::decode(&heard.thing, &heard.topic, &heard.payload) {
                Ok(Some(instruction)) => scene.world.instruct(&heard.thing, instruction, &mut reports),
                Ok(None) => {}
                Err(error) => tracing::debug!(%error, "a virtual thing did not understand"),
            },
        }
        self.say(scene, &mut reports);
    }

    fn say(&self, scene: &Scene, reports: &mut Vec<Report>) {
        let mut messages = Vec::new();
        for report in reports.drain(..) {
            let (Some(thing), Some(outbox)) = (scene.world.thing(&report.thing), scene.outboxes.get(&report.thing))
            else {
                continue;
            };
            native::encode(&report, thing.model(), &mut messages);
            for message in messages.drain(..) {
                if outbox.try_send(message).is_err() {
                    let dropped = self.dropped.fetch_add(1, Ordering::Relaxed) + 1;
                    tracing::debug!(thing = %report.thing, dropped, "a virtual thing said too much at once");
                }
            }
        }
    }
}

impl server::Stage for Stage {
    fn play(&self, thing: &ThingId, title: &str, model: Arc<ThingModel>) -> Result<(), String> {
        if self.plays(thing) {
            return Ok(());
        }
        let seed = thing.as_str().bytes().fold(self.seed, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
        let mut world = World::new(seed, self.clock.now());
        let (thing, body) = VirtualThing::from_model((*model).clone(), thing.clone(), title, seed);
        world.add(body, vec![thing]).map_err(|error| error.to_string())?;
        self.put(world);
        Ok(())
    }

    fn stop(&self, thing: &ThingId) -> bool {
        let mut scenes = self.scenes.lock();
        let found = scenes.iter().find(|(_, scene)| scene.outboxes.contains_key(thing)).map(|(number, _)| *number);
        let Some(number) = found else { return false };
        let scene = scenes.get_mut(&number).expect("it was just found");
        if scene.outboxes.len() == 1 {
            scenes.remove(&number);
            return true;
        }
        // A house goes on without its lamp; the lamp says nothing more.
        scene.outboxes.remove(thing).is_some()
    }
}
