//! How fast one address may connect.

use std::net::IpAddr;

use ahash::AHashMap;
use model::Timestamp;
use parking_lot::Mutex;

/// Addresses remembered; beyond, all are forgotten and start afresh.
const ADDRESSES_MAX: usize = 65_536;

/// Bursts may be this many times the rate of a second.
const BURST_SECONDS: i64 = 10;

/// A bucket per address: when it will be empty again. Empty buckets are forgotten.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    empty_at: Mutex<AHashMap<IpAddr, Timestamp>>,
}

impl Rates {
    /// Whether one more connection may come now.
    pub(crate) fn admit(&self, address: IpAddr, per_second: u32, now: Timestamp) -> bool {
        if per_second == 0 {
            return true;
        }
        let mut buckets = self.empty_at.lock();
        if buckets.len() >= ADDRESSES_MAX && !buckets.contains_key(&address) {
            buckets.clear();
        }
        let empty_at = buckets.entry(address).or_insert(now);
        let level = Timestamp(empty_at.0.max(now.0) + 1_000_000 / i64::from(per_second));
        let admitted = level.0 - now.0 <= BURST_SECONDS * 1_000_000;
        if admitted {
            *empty_at = level;
        }
        admitted
    }

    /// Forgets addresses that have nothing to answer for.
    pub(crate) fn forget(&self, now: Timestamp) {
        let mut buckets = self.empty_at.lock();
        if !buckets.is_empty() {
            buckets.retain(|_, empty_at| *empty_at > now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn bursts_are_bounded_and_refill() {
        let rates = Rates::default();
        let address = IpAddr::from([10, 0, 0, 1]);
        let start = Timestamp::from_seconds(5);
        let admitted = (0..100).filter(|_| rates.admit(address, 2, start)).count();
        assert_eq!(admitted, 20);
        assert!(rates.admit(IpAddr::from([10, 0, 0, 2]), 2, start));
        assert!(rates.admit(address, 2, start + Duration::from_millis(500)));
        assert!(!rates.admit(address, 2, start + Duration::from_millis(500)));
        rates.forget(start + Duration::from_mins(1));
        assert!(rates.empty_at.lock().is_empty());
    }
}
