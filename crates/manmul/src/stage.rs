//! Where virtual things play: their worlds live with the clock, and each speaks through an in-memory link of its own.

use std::sync::{Arc, OnceLock};

use model::{Clock, Name, Principal, ThingId, ThingModel};
use mqtt::Broker;
use server::SensorFault;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use world::live::{Options, Runner};
use world::{FaultKind, World};

/// One world for the demo home, which is a whole, and one for single things of any model.
pub(crate) struct Stage {
    broker: Broker,
    clock: Arc<dyn Clock>,
    seed: u64,
    closing: CancellationToken,
    single: world::live::Stage,
    home: OnceLock<world::live::Stage>,
    runtime: tokio::runtime::Handle,
    runners: parking_lot::Mutex<Vec<JoinHandle<()>>>,
}

impl Stage {
    /// An empty stage, which plays until `closing`. Call it inside a tokio runtime.
    pub(crate) fn open(broker: Broker, clock: Arc<dyn Clock>, seed: u64, closing: CancellationToken) -> Arc<Self> {
        let runtime = tokio::runtime::Handle::current();
        let world = World::new(seed, clock.now());
        let (single, runner) = run(world, seed, &broker, &clock, &closing, &runtime);
        let runners = parking_lot::Mutex::new(vec![runner]);
        Arc::new(Self { broker, clock, seed, closing, single, home: OnceLock::new(), runtime, runners })
    }

    /// Lets the demo home live on from where its world stands.
    pub(crate) fn put_home(&self, world: World) {
        let (home, runner) = run(world, self.seed, &self.broker, &self.clock, &self.closing, &self.runtime);
        self.runners.lock().push(runner);
        // There is one demo home; a second one would speak with the same voices.
        drop(self.home.set(home));
    }

    /// Everything that the future of the demo home depends on, once it lives.
    pub(crate) fn save_home(&self) -> Option<serde_json::Value> {
        self.home.get().map(world::live::Stage::save)
    }

    /// Waits until every thing has said goodbye, once the stage closes.
    pub(crate) async fn closed(&self) {
        let runners = std::mem::take(&mut *self.runners.lock());
        for runner in runners {
            if let Err(error) = runner.await {
                tracing::error!(%error, "a world of virtual things failed");
            }
        }
    }
}

fn run(
    world: World,
    seed: u64,
    broker: &Broker,
    clock: &Arc<dyn Clock>,
    closing: &CancellationToken,
    runtime: &tokio::runtime::Handle,
) -> (world::live::Stage, JoinHandle<()>) {
    let broker = broker.clone();
    let connect = move |thing: &ThingId| broker.connect_local(Principal::thing(thing.clone()));
    let runner = Runner::new(world, seed, Options::default(), connect);
    let stage = runner.stage();
    let running = runtime.spawn(runner.run(Arc::clone(clock), closing.clone().cancelled_owned()));
    (stage, running)
}

impl server::Stage for Stage {
    fn play(&self, thing: &ThingId, title: &str, model: Arc<ThingModel>) -> Result<(), String> {
        self.single.play(thing, title, (*model).clone()).map_err(|error| error.to_string())
    }

    fn stop(&self, thing: &ThingId) -> bool {
        self.home.get().is_some_and(|home| home.stop(thing)) || self.single.stop(thing)
    }

    fn fault(&self, thing: &ThingId, name: &Name, fault: SensorFault) -> Result<bool, String> {
        let kind = match fault {
            SensorFault::None => None,
            SensorFault::Stuck => Some(FaultKind::Stuck),
            SensorFault::Drift => Some(FaultKind::Drift),
            SensorFault::Spike => Some(FaultKind::Spike),
            SensorFault::Noise => Some(FaultKind::Noise),
            SensorFault::Dropout => Some(FaultKind::Dropout),
            SensorFault::Oscillation => Some(FaultKind::Oscillation),
        };
        for stage in self.home.get().into_iter().chain([&self.single]) {
            if stage.fault(thing, name, kind).map_err(|error| error.to_string())? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
