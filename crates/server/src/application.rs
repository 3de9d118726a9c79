//! What every handler stands on.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fleet::desk::Desk;
use model::{Clock, Name, Position, Principal, ThingId, ThingModel, Timestamp};
use mqtt::Broker;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use site::Site;
use site::rules::{Notification, Reader};
use site::run::RunBook;
use store::state::{Change, StateError, Table};
use store::{History, Log, State};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use crate::access::Access;
use crate::api::alerts::reader_of;
use crate::api::live::SharedFrames;
use crate::api::system::ListenerInfo;
use crate::http::Problem;
use crate::http::health::LastLook;
use crate::http::observe::RequestNumbers;
use crate::mcp;
use crate::metrics::Metrics;
use crate::ngsi::Subscriptions;
use crate::push::{Parcel, Push};

/// The version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How long an answer waits for the log to be on disk. What waits longer is written all the same.
const DURABLE_WITHIN: Duration = Duration::from_secs(10);

/// The setting that says what of the site was made up.
const SIMULATION_SETTING: &str = "server.simulation";

/// How an instrument of a virtual thing is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SensorFault {
    /// It is not.
    None,
    /// It tells the same value for ever.
    Stuck,
    /// It is further off with every second.
    Drift,
    /// Single values are far off.
    Spike,
    /// Its values scatter.
    Noise,
    /// It tells nothing.
    Dropout,
    /// Its values swing to and fro.
    Oscillation,
}

/// Plays virtual things. Implemented over a world and in-memory links by whoever assembles the program.
pub trait Stage: Send + Sync {
    /// Starts to play a thing of this model. Fine when it plays already.
    fn play(&self, thing: &ThingId, title: &str, model: Arc<ThingModel>) -> Result<(), String>;

    /// Stops playing a thing; false when it was not played.
    fn stop(&self, thing: &ThingId) -> bool;

    /// Breaks the instrument behind a property of a thing that plays, or makes it whole again. False when no such thing
    /// plays.
    fn fault(&self, thing: &ThingId, name: &Name, fault: SensorFault) -> Result<bool, String>;
}

/// What of the site was made up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Simulation {
    /// Whether the demo home was set up here.
    pub demo: bool,
    /// History before this time was made up.
    pub until: Option<Timestamp>,
}

/// What an application is made of.
pub struct Parts {
    /// Who may come in.
    pub access: Arc<Access>,
    /// The running fold.
    pub site: Arc<Site>,
    /// The MQTT broker.
    pub broker: Broker,
    /// Everything that was said.
    pub log: Arc<dyn Log>,
    /// Time series.
    pub history: Arc<dyn History>,
    /// Rows.
    pub state: Arc<dyn State>,
    /// Runs and plans.
    pub runs: Arc<RunBook>,
    /// The fleet in operation.
    pub fleet: Arc<Desk>,
    /// The energy of the home.
    pub home: Arc<home::desk::Desk>,
    /// Tells browsers.
    pub push: Push,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Plays virtual things.
    pub stage: Arc<dyn Stage>,
    /// Where the data lie, to be shown.
    pub data_directory: PathBuf,
    /// Cancelled when the program drains.
    pub draining: CancellationToken,
}

/// What every handler stands on.
pub struct Application {
    pub(crate) access: Arc<Access>,
    pub(crate) site: Arc<Site>,
    pub(crate) broker: Broker,
    pub(crate) log: Arc<dyn Log>,
    pub(crate) history: Arc<dyn History>,
    pub(crate) state: Arc<dyn State>,
    pub(crate) runs: Arc<RunBook>,
    pub(crate) fleet: Arc<Desk>,
    pub(crate) home: Arc<home::desk::Desk>,
    pub(crate) push: Push,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) stage: Arc<dyn Stage>,
    pub(crate) data_directory: PathBuf,
    pub(crate) draining: CancellationToken,
    pub(crate) started: Timestamp,
    pub(crate) requests: RequestNumbers,
    pub(crate) metrics: Metrics,
    pub(crate) frames: SharedFrames,
    pub(crate) last_look: LastLook,
    pub(crate) listeners: RwLock<Vec<ListenerInfo>>,
    pub(crate) simulation: RwLock<Simulation>,
    pub(crate) mcp: mcp::Sessions,
    pub(crate) ngsi: Arc<Subscriptions>,
    owned: watch::Sender<bool>,
}

impl std::fmt::Debug for Application {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Application").field("data_directory", &self.data_directory).finish_non_exhaustive()
    }
}

impl Application {
    /// Puts an application together.
    pub fn new(parts: Parts) -> Result<Arc<Self>, StateError> {
        let simulation = match parts.state.get(Table::Setting, SIMULATION_SETTING)? {
            Some(row) => row.parse(Table::Setting)?,
            None => Simulation::default(),
        };
        let ngsi = Arc::new(Subscriptions::open(Arc::clone(&parts.state))?);
        parts.site.decide_by(Arc::clone(&parts.access) as Arc<dyn site::plans::Rights>);
        Ok(Arc::new(Self {
            owned: watch::Sender::new(parts.access.has_owner()),
            started: parts.clock.now(),
            access: parts.access,
            site: parts.site,
            broker: parts.broker,
            log: parts.log,
            history: parts.history,
            state: parts.state,
            runs: parts.runs,
            fleet: parts.fleet,
            home: parts.home,
            push: parts.push,
            clock: parts.clock,
            stage: parts.stage,
            data_directory: parts.data_directory,
            draining: parts.draining,
            requests: RequestNumbers::default(),
            metrics: Metrics::default(),
            frames: SharedFrames::default(),
            last_look: LastLook::default(),
            listeners: RwLock::default(),
            simulation: RwLock::new(simulation),
            mcp: mcp::Sessions::default(),
            ngsi,
        }))
    }

    /// Shows true once somebody owns the site: then it may listen as configured.
    pub fn owned(&self) -> watch::Receiver<bool> {
        self.owned.subscribe()
    }

    /// Who is told of changes through NGSI-LD.
    pub fn ngsi(&self) -> &Subscriptions {
        &self.ngsi
    }

    /// Cancelled when the program drains.
    pub fn draining(&self) -> &CancellationToken {
        &self.draining
    }

    /// What is to be posted to browsers now, at most so much. Blocks for a commit.
    pub fn push_parcels(&self, at_most: usize) -> Result<Vec<Parcel>, StateError> {
        let now = self.clock.now();
        let newest = |limit: usize| self.site.notifications(&Reader::default(), None, limit);
        let readers: HashMap<String, Reader> =
            self.access.users().iter().map(|user| (user.id.clone(), reader_of(user))).collect();
        let may_read = |user: &str, one: &Notification| readers.get(user).map(|reader| reader.may_read(one));
        self.push.take_up(&newest, &may_read, now)?;
        Ok(self.push.parcels(now, at_most))
    }

    /// What tells browsers.
    pub fn push(&self) -> &Push {
        &self.push
    }

    pub(crate) fn owner_came(&self) {
        self.owned.send_replace(true);
    }

    /// Says where the server listens, to be shown.
    pub fn set_listeners(&self, listeners: Vec<ListenerInfo>) {
        *self.listeners.write() = listeners;
    }

    /// What of the site was made up.
    pub fn simulation(&self) -> Simulation {
        *self.simulation.read()
    }

    /// Notes, for good, what of the site was made up. Blocks for a commit.
    pub fn set_simulation(&self, simulation: Simulation) -> Result<(), StateError> {
        let change = Change::put(Table::Setting, SIMULATION_SETTING, None, &simulation);
        self.state.commit(vec![change], self.clock.now())?;
        *self.simulation.write() = simulation;
        Ok(())
    }

    /// Runs what blocks on the disk off the async threads.
    pub(crate) async fn blocking<T: Send + 'static, E: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Arc<Site>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Problem>
    where
        Problem: From<E>,
    {
        let site = Arc::clone(&self.site);
        match tokio::task::spawn_blocking(move || work(&site)).await {
            Ok(done) => done.map_err(Problem::from),
            Err(error) => Err(Problem::internal(&error)),
        }
    }

    /// Waits, within reason, until a thing that was sent away is gone and everything it said is folded: what it said
    /// before it is deleted must not bring it back afterwards.
    pub(crate) async fn gone(&self, thing: &ThingId) {
        const LOOK_EVERY: Duration = Duration::from_millis(10);
        const LOOKS_MAX: u32 = 100;
        let connected = |client: &mqtt::Client| matches!(&client.principal, Principal::Thing { id, .. } if id == thing);
        for _ in 0..LOOKS_MAX {
            let folded = self.site.applied().next() >= self.log.bounds().next;
            if folded && !self.broker.clients().iter().any(connected) {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until the log has everything up to `position` on disk.
    pub(crate) async fn durable(&self, position: Position) -> Result<(), Problem> {
        let mut durable = self.log.durable();
        let waiting = durable.wait_for(|end| *end > position);
        match tokio::time::timeout(DURABLE_WITHIN, waiting).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(Problem::unavailable("the log has stopped")),
            Err(_) => Err(Problem::unavailable("it is not on disk yet, and will be once the disk takes it")
                .hint("look at /api/v1/system; most often the disk is full")),
        }
    }
}
