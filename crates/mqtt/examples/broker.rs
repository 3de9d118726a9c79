//! A broker with anonymous access, for conformance suites and load generators:
//! `broker PORT [--keep-alive-max SECONDS] [--deny-subscribe FILTER] [--state DIRECTORY]`.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use model::access::{TopicGrant, TopicRules};
use model::{Principal, WallClock};
use mqtt::{Broker, Config, Everybody, Nobody, Parts};
use store::log::{MemoryLog, SegmentLog, SegmentOptions};
use store::state::{MemoryState, SqliteState};
use store::{Log, State};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut config = Config::default();
    config.limits.connects_per_address_per_second = 0;
    let mut rules = TopicRules {
        grants: ["#", "$SYS/#", "$TopicA/#", "$client_test5/#"]
            .map(|filter| TopicGrant { filter: filter.to_owned(), publish: true, subscribe: true })
            .to_vec(),
        ..TopicRules::default()
    };
    let mut port = 1883;
    let mut log: Arc<dyn Log> = Arc::new(MemoryLog::default());
    let mut state: Arc<dyn State> = Arc::new(MemoryState::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--keep-alive-max" => config.keep_alive_seconds_max = value()?.parse()?,
            "--deny-subscribe" => rules.deny_subscribe.push(value()?),
            "--state" => {
                let folder = std::path::PathBuf::from(value()?);
                log = Arc::new(SegmentLog::open(&folder.join("log"), SegmentOptions::default())?);
                state = Arc::new(SqliteState::open(&folder.join("state.sqlite"))?);
            }
            number => port = number.parse()?,
        }
    }
    let parts = Parts {
        log,
        state,
        clock: Arc::new(WallClock),
        authenticate: Arc::new(Everybody(Principal::Anonymous(Arc::new(rules)))),
        observe: Arc::new(Nobody),
    };
    let broker = Broker::start(config, parts)?;
    broker.listen_tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    tokio::signal::ctrl_c().await?;
    broker.drain(std::time::Duration::from_secs(2)).await;
    Ok(())
}
