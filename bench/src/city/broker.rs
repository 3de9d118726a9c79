//! A broker of ours within this process, for clients on loopback.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use model::access::{TopicGrant, TopicRules};
use model::{Principal, WallClock};
use mqtt::{Config, Everybody, Nobody, Parts};
use store::log::MemoryLog;
use store::state::MemoryState;
use tokio::runtime::Runtime;

use crate::pipeline::program;

/// How long it may take to end.
const END: Duration = Duration::from_secs(2);

/// The broker; it ends with the value.
pub(super) struct Broker {
    runtime: Runtime,
    served: Option<mqtt::Broker>,
    /// Where it listens.
    pub(super) address: SocketAddr,
}

impl Broker {
    /// Listens on loopback, for everybody, with everything in memory.
    pub(super) fn start() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let address = program::free_address()?;
        let grants = vec![TopicGrant { filter: "things/#".to_owned(), publish: true, subscribe: true }];
        let parts = Parts {
            log: Arc::new(MemoryLog::default()),
            state: Arc::new(MemoryState::new()),
            clock: Arc::new(WallClock),
            authenticate: Arc::new(Everybody(Principal::Anonymous(Arc::new(TopicRules {
                grants,
                ..TopicRules::default()
            })))),
            observe: Arc::new(Nobody),
        };
        let broker = runtime.block_on(async {
            let broker = mqtt::Broker::start(Config::default(), parts)?;
            broker.listen_tcp(address).await?;
            anyhow::Ok(broker)
        })?;
        Ok(Self { runtime, served: Some(broker), address })
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(broker) = self.served.take() {
            self.runtime.block_on(async move { broker.drain(END).await });
        }
    }
}
