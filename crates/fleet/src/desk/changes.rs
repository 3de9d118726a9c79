//! Changes of orders that are written down, kept for those who follow them. Followers count places from the start of the
//! program, or from what a webhook had not been told then.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::orders::Order;

/// How many changes of orders are kept for those who follow them; who is further behind misses the oldest, and is told how
/// many.
pub const CHANGES_MAX: usize = 5_000;

/// Changes of orders since somebody looked last.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changes {
    /// Orders as they were after each change, the oldest first.
    pub orders: Vec<Arc<Order>>,
    /// How many were missed.
    pub skipped: u64,
    /// From where to go on.
    pub next: u64,
}

/// The newest changes.
#[derive(Debug, Default)]
pub(super) struct ChangeLog {
    orders: VecDeque<Arc<Order>>,
    /// The place of the first among all of them.
    first: u64,
    /// The number of the last change that is known.
    newest: u64,
}

impl ChangeLog {
    pub(super) fn new(newest: u64) -> Self {
        Self { newest, ..Self::default() }
    }

    pub(super) fn newest(&self) -> u64 {
        self.newest
    }

    pub(super) fn push(&mut self, order: Order) {
        self.newest = self.newest.max(order.change);
        if self.orders.len() >= CHANGES_MAX {
            self.orders.pop_front();
            self.first += 1;
        }
        self.orders.push_back(Arc::new(order));
    }

    /// Changes from `from` on, at most `limit`; from now on when there is no `from`.
    pub(super) fn since(&self, from: Option<u64>, limit: usize) -> Changes {
        let end = self.first + self.orders.len() as u64;
        let from = from.unwrap_or(end);
        let begin = from.clamp(self.first, end);
        let orders = self.orders.iter().skip((begin - self.first) as usize).take(limit).cloned();
        let orders: Vec<Arc<Order>> = orders.collect();
        Changes { next: begin + orders.len() as u64, orders, skipped: begin - from.min(begin) }
    }
}
