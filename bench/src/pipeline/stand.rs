//! A broker and a site on disk, in this process.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use model::access::{TopicGrant, TopicRules};
use model::{Clock, Position, Principal, WallClock};
use mqtt::{Broker, Config, Everybody, Nobody};
use site::{NotPublished, Options, Outgoing, Parts, Publish, Running, Site};
use store::history::{HistoryOptions, SegmentHistory};
use store::log::{SegmentLog, SegmentOptions};
use store::state::SqliteState;
use store::{Log, State};

pub(crate) struct Stand {
    pub(crate) site: Arc<Site>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) address: SocketAddr,
    broker: Broker,
    running: Running,
    /// Removed with everything in it at the end.
    _folder: tempfile::TempDir,
}

impl Stand {
    pub(crate) async fn start(options: Options) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let clock: Arc<dyn Clock> = Arc::new(WallClock);
        let log: Arc<dyn Log> = Arc::new(SegmentLog::open(&folder.path().join("log"), SegmentOptions::default())?);
        let state: Arc<dyn State> = Arc::new(SqliteState::open(&folder.path().join("state.sqlite"))?);
        let history = SegmentHistory::open(&folder.path().join("history"), HistoryOptions::default(), clock.clone())?;
        let open = TopicGrant { filter: "#".to_owned(), publish: true, subscribe: true };
        let rules = TopicRules { grants: vec![open], ..TopicRules::default() };
        let parts = mqtt::Parts {
            log: log.clone(),
            state: state.clone(),
            clock: clock.clone(),
            authenticate: Arc::new(Everybody(Principal::Anonymous(Arc::new(rules)))),
            observe: Arc::new(Nobody),
        };
        // The broker's own topics would be entries of the log, too, if they were not left out.
        let broker = Broker::start(Config { sys_interval: Duration::ZERO, ..Config::default() }, parts)?;
        let address = broker.listen_tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let site = Site::open(Parts {
            log,
            history: Arc::new(history),
            state,
            adapters: Arc::new(|| vec![Box::new(connect::Native::new())]),
            guards: Vec::new(),
            clock: clock.clone(),
            options,
        })?;
        let running = site.start(Arc::new(OverBroker(broker.clone())));
        Ok(Self { site, clock, address, broker, running, _folder: folder })
    }

    /// Waits until everything up to `position` is folded.
    pub(crate) async fn wait_for(&self, position: Position, patience: Duration) -> anyhow::Result<()> {
        let began = Instant::now();
        while self.site.applied() < position {
            ensure!(began.elapsed() < patience, "only {} of {position} entries were folded", self.site.applied());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        let running = self.running;
        tokio::task::spawn_blocking(move || running.stop()).await??;
        self.broker.drain(Duration::from_secs(5)).await;
        Ok(())
    }
}

/// The site's way out over the broker.
struct OverBroker(Broker);

impl Publish for OverBroker {
    fn publish(&self, message: Outgoing) -> Result<Position, NotPublished> {
        let Outgoing { topic, payload, qos, retain, cause } = message;
        let publish = mqtt::Publish { topic: Arc::from(&*topic), payload, qos, retain, expiry_seconds: None };
        self.0.publish(publish, cause).map_err(|error| NotPublished { topic, problem: error.to_string() })
    }

    fn needed_from(&self) -> Position {
        self.0.needed_from()
    }
}
