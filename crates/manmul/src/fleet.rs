//! The fleet in operation as part of the running program: its desk speaks to robots through the broker, and tells others of
//! its orders.

mod operate;
mod webhook;

use std::sync::Arc;

use fleet::desk::Desk;
use mqtt::Broker;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Operates until `closing`.
pub(crate) fn start(desk: &Arc<Desk>, broker: &Broker, closing: &CancellationToken) -> [JoinHandle<()>; 2] {
    [
        tokio::spawn(operate::operate(Arc::clone(desk), broker.clone(), closing.clone())),
        tokio::spawn(webhook::tell(Arc::clone(desk), closing.clone())),
    ]
}
