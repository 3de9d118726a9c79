//! A broker with anonymous access, for conformance suites and load generators:
//! `broker PORT [--keep-alive-max SECONDS] [--deny-subscribe FILTER] [--state DIRECTORY]
//! [--certificate FILE --key FILE]`; with a certificate it speaks TLS.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use model::access::{TopicGrant, TopicRules};
use model::{Principal, WallClock};
use mqtt::{Broker, Config, Everybody, Nobody, Parts};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
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
    let (mut certificate, mut key) = (None, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--keep-alive-max" => config.keep_alive_seconds_max = value()?.parse()?,
            "--deny-subscribe" => rules.deny_subscribe.push(value()?),
            "--certificate" => certificate = Some(CertificateDer::from_pem_file(value()?)?),
            "--key" => key = Some(PrivateKeyDer::from_pem_file(value()?)?),
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
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    match (certificate, key) {
        (Some(certificate), Some(key)) => {
            let tls = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key)?;
            broker.listen_tls(address, Arc::new(tls)).await?
        }
        _ => broker.listen_tcp(address).await?,
    };
    tokio::signal::ctrl_c().await?;
    broker.drain(std::time::Duration::from_secs(2)).await;
    Ok(())
}
