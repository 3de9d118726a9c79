//! How the parts are put together into one running process; tests start it the same way, on port 0.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use connect::vda5050::Vda5050;
use connect::{Adapter, HomeAssistant, Influx, Native};
use fleet::desk::Desk;
use fleet::warehouse::Fleet;
use model::{Clock, Position, Principal, ThingId, Timestamp};
use mqtt::{Broker, Client, Ending, Observe, PublishError};
use server::access::{Access, Settings, secret};
use server::http::serve::HttpServer;
use server::http::tls;
use server::push::Push;
use server::{Application, Simulation, Stage as _};
use site::run::{Domain, RunBook};
use site::{MakeAdapters, NotPublished, Outgoing, PersonGuard, Publish, RateGuard, RetainedMessage, Site};
use store::history::{HistoryOptions, SegmentHistory};
use store::log::{SegmentLog, SegmentOptions};
use store::state::{SqliteState, StateError, Table};
use store::{DataDirectory, History, Log, Seal, State, files};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use twin::{Origin, RegistryLimits, ThingStatus};

use crate::config::Config;
use crate::demo;
use crate::doors::{Addresses, Doors};
use crate::stage::Stage;
use crate::warehouse;

/// The file in the data directory with the secret of the local administrator; only the owner of the account that
/// runs the program can read it.
pub const LOCAL_SECRET_FILE: &str = "local.token";

/// The setting in which the site keeps the position of its fold.
const FOLD_SETTING: &str = "site.fold";

/// The topic prefix of Home Assistant's discovery.
const HOME_ASSISTANT_PREFIX: &str = "homeassistant";

/// How long connections have to end when the program drains.
const DRAIN_PATIENCE: Duration = Duration::from_secs(5);

/// The whole of Manmul, running.
pub struct Running {
    /// The site, for tests and for looking inside.
    pub site: Arc<Site>,
    /// The one-time link's token, as long as nobody owns the installation.
    pub set_up_token: Option<String>,
    /// The secret of the local administrator.
    pub local_secret: String,
    /// Where the data lie.
    pub data_directory: PathBuf,
    app: Arc<Application>,
    home: Arc<home::desk::Desk>,
    broker: Broker,
    server: HttpServer,
    doors: Arc<Doors>,
    stage: Arc<Stage>,
    fold: site::Running,
    log: Arc<dyn Log>,
    history: Arc<dyn History>,
    runs: Arc<RunBook>,
    run_worker: JoinHandle<()>,
    draining: CancellationToken,
    background: Vec<tokio::task::JoinHandle<()>>,
    demo: watch::Receiver<f64>,
    _directory: DataDirectory,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("addresses", &self.addresses()).finish_non_exhaustive()
    }
}

/// What lies on the disk, opened.
struct Stores {
    directory: DataDirectory,
    state: Arc<dyn State>,
    history: Arc<dyn History>,
    log: Arc<dyn Log>,
}

/// Where the site is taken to be as long as nobody says: by the clock of its machine.
fn rule_place() -> rule::Place {
    rule::Place::new(&crate::config::machine_zone(), None).unwrap_or_else(|_| rule::Place::utc())
}

fn open_stores(config: &Config, clock: &Arc<dyn Clock>) -> anyhow::Result<Stores> {
    let directory = DataDirectory::open(&config.data_directory)?;
    let state = Arc::new(SqliteState::open(&directory.state())?);
    let history = Arc::new(SegmentHistory::open(&directory.history(), HistoryOptions::default(), Arc::clone(clock))?);
    // Whoever keeps positions elsewhere must never see them used again, even when the log was lost.
    let folded = folded(&*state)?.max(history.applied());
    let options = SegmentOptions { next_at_least: folded.next(), ..SegmentOptions::default() };
    let log = Arc::new(SegmentLog::open(&directory.log(), options)?);
    for cut in &history.recovery().cut {
        tracing::warn!(cut, "the history was cut at the end; the log still has what is missing");
    }
    Ok(Stores { directory, state, history, log })
}

/// The position up to which the twins that are written down were folded.
fn folded(state: &dyn State) -> Result<Position, StateError> {
    let row = state.get(Table::Setting, FOLD_SETTING)?;
    Ok(row.map(|row| row.parse(Table::Setting)).transpose()?.unwrap_or_default())
}

/// Puts everything together and starts it. Call it inside a tokio runtime with several threads.
pub async fn assemble(config: Config, clock: Arc<dyn Clock>) -> anyhow::Result<Running> {
    let stores = tokio::task::block_in_place(|| open_stores(&config, &clock))?;
    let Stores { directory, state, history, log } = stores;
    let site = Site::open(site::Parts {
        log: Arc::clone(&log),
        history: Arc::clone(&history),
        state: Arc::clone(&state),
        adapters: adapters(),
        guards: vec![Box::new(PersonGuard), Box::new(RateGuard::new(config.limits.commands_per_minute))],
        clock: Arc::clone(&clock),
        options: site::Options {
            title: config.site.title.clone(),
            registry: RegistryLimits { inbox: config.limits.inbox, total: config.limits.things },
            inference: site::inference::InferenceOptions {
                models: Some(directory.models()),
                watched: Some(directory.watched_files()),
                ..site::inference::InferenceOptions::default()
            },
            place: rule_place(),
            ..site::Options::default()
        },
    })?;
    if let Some(place) = config.site.place().filter(|_| !site.place_settings().1) {
        tokio::task::block_in_place(|| site.set_place(&place))?;
    }
    if site.retention() != config.retention.settings() {
        site.set_retention(config.retention.settings())?;
    }
    let settings = Settings {
        session_life: Duration::from_secs(u64::from(config.access.session_days) * 24 * 3600),
        anonymous: config.mqtt.anonymous.clone(),
    };
    let (access, local_secret) = Access::open(Arc::clone(&state), Arc::clone(&clock), settings)?;
    let access = Arc::new(access);
    let secret_file = directory.root().join(LOCAL_SECRET_FILE);
    files::write_atomic(&secret_file, local_secret.as_bytes())
        .with_context(|| format!("{} cannot be written", secret_file.display()))?;
    let broker = Broker::start(
        broker_config(&config),
        mqtt::Parts {
            log: Arc::clone(&log),
            state: Arc::clone(&state),
            clock: Arc::clone(&clock),
            authenticate: Arc::clone(&access) as Arc<dyn mqtt::Authenticate>,
            observe: Arc::new(Presence(Arc::downgrade(&site))),
        },
    )?;
    let fold = site.start(Arc::new(OverBroker(broker.clone())));
    let draining = CancellationToken::new();
    let stage = Stage::open(broker.clone(), Arc::clone(&clock), config.demo.seed, draining.clone());
    let runs = RunBook::open(Arc::clone(&state), Arc::clone(&clock), domains(), simulation_threads())?;
    let desk = tokio::task::block_in_place(|| {
        let path = directory.seal_key();
        let seal = Seal::open(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        Ok::<_, anyhow::Error>(Desk::open(
            Arc::clone(&state),
            Arc::clone(&clock),
            Arc::clone(&runs),
            seal,
            config.demo.seed,
        )?)
    })?;
    let push = tokio::task::block_in_place(|| {
        let path = directory.seal_key();
        let seal = Seal::open(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        Ok::<_, anyhow::Error>(Push::open(Arc::clone(&state), seal, config.push.options(), clock.now())?)
    })?;
    let home = tokio::task::block_in_place(|| {
        home::desk::Desk::open(home::desk::Parts {
            site: Arc::clone(&site),
            state: Arc::clone(&state),
            runs: Arc::clone(&runs),
            clock: Arc::clone(&clock),
            plan: crate::home::planner(),
        })
        .map(Arc::new)
    })?;
    let app = Application::new(server::Parts {
        push,
        home: Arc::clone(&home),
        access: Arc::clone(&access),
        site: Arc::clone(&site),
        broker: broker.clone(),
        log: Arc::clone(&log),
        history: Arc::clone(&history),
        state: Arc::clone(&state),
        runs: Arc::clone(&runs),
        fleet: Arc::clone(&desk),
        clock: Arc::clone(&clock),
        stage: Arc::clone(&stage) as Arc<dyn server::Stage>,
        data_directory: directory.root().to_owned(),
        draining: draining.clone(),
    })?;
    let simulation = app.simulation();
    let has_demo = config.demo.enabled || simulation.demo;
    if has_demo && !simulation.demo {
        app.set_simulation(Simulation { demo: true, ..simulation })?;
    }
    let server = HttpServer::new(server::api::service(Arc::clone(&app)), draining.clone());
    let (https, mqtts) = tls_configs(&config, &directory)?;
    let doors = Arc::new(Doors::new(server.clone(), broker.clone(), &config, https, mqtts, draining.clone()));
    let owned = access.has_owner();
    let run_worker = runs.start();
    let mut background: Vec<tokio::task::JoinHandle<()>> = crate::fleet::start(&desk, &broker, &draining).into();
    background.push(tokio::spawn(crate::home::operate(
        Arc::clone(&home),
        Arc::clone(&site),
        broker.clone(),
        draining.clone(),
    )));
    let told = crate::ngsi::tell(Arc::clone(&app), Arc::clone(&site), Arc::clone(&clock), draining.clone());
    background.push(tokio::spawn(told));
    background.push(tokio::spawn(crate::push::tell(Arc::clone(&app), Arc::clone(&clock), draining.clone())));
    if owned {
        doors.open_configured().await?;
    } else {
        doors.open_guarded().await?;
        background.push(tokio::spawn(open_when_owned(Arc::clone(&app), Arc::clone(&doors))));
    }
    app.set_listeners(doors.addresses().infos());
    let set_up_token = (!owned).then(|| access.new_set_up_link());
    let (progress, demo) = watch::channel(1.0);
    if has_demo {
        if config.demo.robots > 0 {
            background.push(tokio::spawn(warehouse::run(warehouse::Needs {
                site: Arc::clone(&site),
                state: Arc::clone(&state),
                clock: Arc::clone(&clock),
                broker: broker.clone(),
                runs: Arc::clone(&runs),
                desk: Arc::clone(&desk),
                robots: config.demo.robots,
                seed: config.demo.seed,
                closing: draining.clone(),
            })));
        }
        let keeping = demo::keep(Arc::clone(&state), Arc::clone(&clock), Arc::clone(&stage), draining.clone());
        background.push(tokio::spawn(keeping));
        progress.send_replace(0.0);
        background.push(start_demo(
            demo::Needs {
                app: Arc::clone(&app),
                site: Arc::clone(&site),
                history: Arc::clone(&history),
                state: Arc::clone(&state),
                clock: Arc::clone(&clock),
                stage: Arc::clone(&stage),
                home: Arc::clone(&home),
                runs: Arc::clone(&runs),
                config: config.demo.clone(),
            },
            progress,
            draining.clone(),
        ));
    } else {
        play_virtual_things(&site, &stage, &HashSet::new());
    }
    Ok(Running {
        site,
        set_up_token,
        local_secret,
        data_directory: directory.root().to_owned(),
        app,
        home,
        broker,
        server,
        doors,
        stage,
        fold,
        log,
        history,
        runs,
        run_worker,
        draining,
        background,
        demo,
        _directory: directory,
    })
}

impl Running {
    /// Where it listens now.
    pub fn addresses(&self) -> Addresses {
        self.doors.addresses()
    }

    /// The address of the API.
    pub fn http_addr(&self) -> SocketAddr {
        let addresses = self.addresses();
        addresses.http.or(addresses.https).expect("the configuration has at least one HTTP listener")
    }

    /// The address of MQTT, if there is one.
    pub fn mqtt_addr(&self) -> Option<SocketAddr> {
        self.addresses().mqtt
    }

    /// Looks after the energy of the home at once, as is done every few seconds. Blocks for as long as a plan takes.
    pub fn look_after_home(&self) {
        crate::home::turn(&self.home, &self.site, &self.broker);
    }

    /// Learns the home from its past at once, as is done every few hours. Blocks for as long as that takes.
    pub fn learn_home(&self) {
        self.home.learn();
    }

    /// How far the past of the demo home is told, from 0 to 1.
    pub fn demo(&self) -> watch::Receiver<f64> {
        self.demo.clone()
    }

    /// Shows true once somebody owns the installation.
    pub fn owned(&self) -> watch::Receiver<bool> {
        self.app.owned()
    }

    /// Stops taking anything in, finishes what is under way, and writes everything down.
    pub async fn drain(mut self) -> anyhow::Result<()> {
        self.draining.cancel();
        self.runs.close();
        for task in self.background.drain(..) {
            // A task that failed has said so; it must not keep the rest from being written down.
            drop(task.await);
        }
        self.stage.closed().await;
        self.broker.drain(DRAIN_PATIENCE).await;
        if !self.server.drained(DRAIN_PATIENCE).await {
            tracing::warn!(connections = self.server.connections(), "some connections did not end in time");
        }
        let Self { fold, log, history, site, app, home, broker, server, doors, stage, run_worker, .. } = self;
        let (still_log, still_history) = (Arc::clone(&log), Arc::clone(&history));
        tokio::task::spawn_blocking(move || {
            if run_worker.join().is_err() {
                tracing::error!("the worker of runs panicked");
            }
            fold.stop()?;
            history.sync()?;
            log.sync()?;
            anyhow::Ok(())
        })
        .await??;
        drop((site, app, home, broker, server, doors, stage));
        released(still_log, still_history).await;
        Ok(())
    }
}

/// Waits, within reason, until the last task that used the stores has let go of them, so that whoever comes next finds
/// them unlocked.
async fn released(log: Arc<dyn Log>, history: Arc<dyn History>) {
    const LOOK_EVERY: Duration = Duration::from_millis(5);
    let alone = async {
        while Arc::strong_count(&log) > 1 || Arc::strong_count(&history) > 1 {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    if tokio::time::timeout(DRAIN_PATIENCE, alone).await.is_err() {
        tracing::warn!("something still uses the data directory");
    }
}

/// The fields of work that policies can be run in.
pub(crate) fn domains() -> Vec<Arc<dyn Domain>> {
    vec![Arc::new(Fleet), Arc::new(home::domain::Energy), Arc::new(city::domain::Signals)]
}

/// How many simulations are worked on at the same time: what the machine has.
pub(crate) fn simulation_threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn adapters() -> MakeAdapters {
    Arc::new(|| {
        let adapters: Vec<Box<dyn Adapter>> = vec![
            Box::new(Native::new()),
            Box::new(HomeAssistant::new(HOME_ASSISTANT_PREFIX)),
            Box::new(Vda5050::new()),
            Box::new(Influx::new()),
        ];
        adapters
    })
}

fn broker_config(config: &Config) -> mqtt::Config {
    let limits = mqtt::Limits {
        connections: config.mqtt.connections_max,
        connects_per_address_per_second: config.mqtt.connects_per_address_per_second,
        packet_bytes: config.mqtt.packet_bytes_max,
        session_expiry_seconds: config.mqtt.session_expiry_days.saturating_mul(24 * 3600),
        ..mqtt::Limits::default()
    };
    mqtt::Config {
        limits,
        keep_alive_seconds_max: config.mqtt.keep_alive_seconds_max,
        seed: secret::random_bytes(),
        ..mqtt::Config::default()
    }
}

type TlsConfigs = (Option<Arc<rustls::ServerConfig>>, Option<Arc<rustls::ServerConfig>>);

fn tls_configs(config: &Config, directory: &DataDirectory) -> anyhow::Result<TlsConfigs> {
    if config.http.tls_listen.0.is_none() && config.mqtt.tls_listen.0.is_none() {
        return Ok((None, None));
    }
    let given = !config.tls.certificate.as_os_str().is_empty();
    let (certificate, key) = if given {
        (config.tls.certificate.clone(), config.tls.key.clone())
    } else {
        (directory.tls().join("certificate.pem"), directory.tls().join("key.pem"))
    };
    let authority = &config.tls.client_authority;
    let client_authority = (!authority.as_os_str().is_empty()).then(|| authority.clone());
    let paths = tls::Paths { certificate, key, client_authority };
    if !given {
        tls::ensure_self_signed(&paths, &config.tls.names)?;
    }
    Ok((Some(tls::http_config(&paths)?), Some(tls::mqtt_config(&paths)?)))
}

async fn open_when_owned(app: Arc<Application>, doors: Arc<Doors>) {
    let mut owned = app.owned();
    let owned = tokio::select! {
        owned = owned.wait_for(|owned| *owned) => owned.is_ok(),
        () = app.draining().cancelled() => false,
    };
    if !owned {
        return;
    }
    if let Err(error) = doors.open_configured().await {
        tracing::error!("{error:#}");
    }
    app.set_listeners(doors.addresses().infos());
    tracing::info!(addresses = ?doors.addresses(), "there is an owner now: listening as configured");
}

fn start_demo(
    needs: demo::Needs,
    progress: demo::Progress,
    draining: CancellationToken,
) -> tokio::task::JoinHandle<()> {
    tokio::task::spawn_blocking(move || {
        let at_home = demo::run(&needs, &progress, &|| draining.is_cancelled()).unwrap_or_else(|error| {
            tracing::error!("{error:#}");
            HashSet::new()
        });
        play_virtual_things(&needs.site, &needs.stage, &at_home);
    })
}

/// Lets every virtual thing play that is not ignored, but those that live in the demo home or drive in its warehouse.
fn play_virtual_things(site: &Site, stage: &Stage, at_home: &HashSet<ThingId>) {
    for status in [ThingStatus::Accepted, ThingStatus::Inbox] {
        play_those(site, stage, at_home, status);
    }
}

fn play_those(site: &Site, stage: &Stage, at_home: &HashSet<ThingId>, status: ThingStatus) {
    let mut query = site::ThingQuery { limit: site::query::PAGE_MAX, ..site::ThingQuery::default() };
    query.status = Some(status);
    loop {
        let page = site.things(&query);
        let things = page.items.iter().map(|item| &item.thing);
        for thing in things.filter(|thing| {
            thing.origin == Origin::Virtual && !at_home.contains(&thing.id) && !warehouse::is_robot(&thing.id)
        }) {
            let model = Arc::new(thing.model_of_its_own());
            if let Err(problem) = stage.play(&thing.id, &thing.title, model) {
                tracing::warn!(thing = %thing.id, problem, "a virtual thing does not play");
            }
        }
        query.cursor = page.next_cursor;
        if query.cursor.is_none() {
            return;
        }
    }
}

/// What the site says goes out through the broker.
struct OverBroker(Broker);

impl Publish for OverBroker {
    fn publish(&self, message: Outgoing) -> Result<Position, NotPublished> {
        let Outgoing { topic, payload, qos, retain, cause } = message;
        let message = mqtt::Publish { topic: topic.as_str().into(), payload, qos, retain, expiry_seconds: None };
        self.0.publish(message, cause).map_err(|error: PublishError| NotPublished { topic, problem: error.to_string() })
    }

    fn retained(&self, filter: &str) -> Vec<RetainedMessage> {
        let retained = self.0.retained(filter).into_iter();
        retained.map(|(topic, payload)| RetainedMessage { topic, payload }).collect()
    }

    fn needed_from(&self) -> Position {
        self.0.needed_from()
    }
}

/// Comings and goings of clients that speak as things become presence. Weak, because the site holds the broker.
struct Presence(Weak<Site>);

impl Presence {
    fn tell(&self, client: &Client, tell: impl FnOnce(&Site, &ThingId)) {
        if let (Principal::Thing { id, .. }, Some(site)) = (&client.principal, self.0.upgrade()) {
            tell(&site, id);
        }
    }
}

impl Observe for Presence {
    fn connected(&self, client: &Client) {
        self.tell(client, Site::connected);
    }

    fn disconnected(&self, client: &Client, ending: Ending, _at: Timestamp) {
        let reason = match ending {
            Ending::Client => "it said goodbye",
            Ending::Lost => "connection lost",
            Ending::Silent => "it fell silent",
            Ending::TakenOver => "it connected anew",
            Ending::Server(_) => "its connection was ended",
        };
        self.tell(client, |site, thing| site.disconnected(thing, reason));
    }
}
