//! Rate limits on guessing: a token bucket for each address and each name, in a bounded map.

use std::collections::HashMap;
use std::net::IpAddr;

use model::Timestamp;
use parking_lot::Mutex;

/// The most buckets kept. Beyond, full ones go first, then those not used for longest.
pub(super) const BUCKETS_MAX: usize = 10_000;

/// How much may be tried at once, and how fast it comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rate {
    /// Attempts at once.
    pub burst: u32,
    /// Seconds after which one more attempt is allowed.
    pub seconds_for_one: u32,
}

/// Attempts from one address: many people may sit behind it.
pub(super) const PER_ADDRESS: Rate = Rate { burst: 20, seconds_for_one: 3 };

/// Attempts at one name.
pub(super) const PER_NAME: Rate = Rate { burst: 10, seconds_for_one: 10 };

/// Audit entries about refusals from one address; further ones are only counted.
pub(super) const AUDITS_PER_ADDRESS: Rate = Rate { burst: 20, seconds_for_one: 60 };

/// What is limited.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// Attempts from an address (for IPv6, its /64: one subscriber has all of it).
    Address(IpAddr),
    /// Attempts at a name.
    Name(String),
    /// Audit entries about an address.
    Audit(IpAddr),
}

impl Key {
    pub(super) fn address(address: IpAddr) -> Self {
        Self::Address(network(address))
    }

    pub(super) fn audit(address: IpAddr) -> Self {
        Self::Audit(network(address))
    }

    pub(super) fn name(name: &str) -> Self {
        Self::Name(name.chars().take(64).collect::<String>().to_lowercase())
    }

    fn rate(&self) -> Rate {
        match self {
            Self::Address(_) => PER_ADDRESS,
            Self::Name(_) => PER_NAME,
            Self::Audit(_) => AUDITS_PER_ADDRESS,
        }
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// Attempts left, with their fraction.
    left: f64,
    at: Timestamp,
    /// Grows with every use of any bucket.
    used: u64,
}

impl Bucket {
    fn refilled(self, rate: Rate, now: Timestamp) -> Self {
        let come_back = now.since(self.at).as_secs_f64() / f64::from(rate.seconds_for_one);
        Self { left: (self.left + come_back).min(f64::from(rate.burst)), at: now, ..self }
    }
}

#[derive(Debug, Default)]
struct Buckets {
    by_key: HashMap<Key, Bucket>,
    uses: u64,
}

/// The buckets.
#[derive(Debug, Default)]
pub(super) struct RateLimits {
    buckets: Mutex<Buckets>,
}

impl RateLimits {
    /// Takes one attempt, or says after how many seconds there is one.
    pub(super) fn take(&self, key: &Key, now: Timestamp) -> Result<(), u64> {
        let rate = key.rate();
        let mut buckets = self.buckets.lock();
        buckets.uses += 1;
        let full = Bucket { left: f64::from(rate.burst), at: now, used: 0 };
        let mut bucket = buckets.by_key.get(key).map_or(full, |bucket| bucket.refilled(rate, now));
        let verdict = if bucket.left >= 1.0 {
            bucket.left -= 1.0;
            Ok(())
        } else {
            Err(((1.0 - bucket.left) * f64::from(rate.seconds_for_one)).ceil() as u64)
        };
        bucket.used = buckets.uses;
        if buckets.by_key.len() >= BUCKETS_MAX && !buckets.by_key.contains_key(key) {
            make_room(&mut buckets.by_key, now);
        }
        buckets.by_key.insert(key.clone(), bucket);
        verdict
    }

    /// Gives an attempt back: it was no guess.
    pub(super) fn give_back(&self, key: &Key) {
        if let Some(bucket) = self.buckets.lock().by_key.get_mut(key) {
            bucket.left = (bucket.left + 1.0).min(f64::from(key.rate().burst));
        }
    }
}

fn make_room(buckets: &mut HashMap<Key, Bucket>, now: Timestamp) {
    buckets.retain(|key, bucket| bucket.refilled(key.rate(), now).left < f64::from(key.rate().burst));
    if buckets.len() >= BUCKETS_MAX {
        let mut uses: Vec<u64> = buckets.values().map(|bucket| bucket.used).collect();
        let (_, quarter, _) = uses.select_nth_unstable(BUCKETS_MAX / 4);
        let quarter = *quarter;
        buckets.retain(|_, bucket| bucket.used > quarter);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn attempts_run_out_and_come_back() {
        let limits = RateLimits::default();
        let key = Key::name("Kim");
        let start = Timestamp::from_seconds(1_000);
        for _ in 0..PER_NAME.burst {
            limits.take(&key, start).unwrap();
        }
        assert_eq!(limits.take(&Key::name("kim"), start), Err(10));
        assert_eq!(limits.take(&Key::name("lee"), start), Ok(()));
        let later = start + Duration::from_secs(10);
        assert_eq!(limits.take(&key, later), Ok(()));
        assert_eq!(limits.take(&key, later), Err(10));
        limits.give_back(&key);
        assert_eq!(limits.take(&key, later), Ok(()));
    }

    #[test]
    fn one_subscriber_is_one_address() {
        let key = |text: &str| Key::address(text.parse().unwrap());
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("::ffff:10.0.0.1"), key("10.0.0.1"));
    }

    #[test]
    fn the_map_is_bounded_and_forgets_the_oldest() {
        let limits = RateLimits::default();
        let victim = Key::name("owner");
        for second in 0..(3 * BUCKETS_MAX as i64) {
            let now = Timestamp::from_seconds(second / 100_000);
            let _verdict = limits.take(&Key::name(&format!("n{second}")), now);
            let _verdict = limits.take(&victim, now);
        }
        assert!(limits.buckets.lock().by_key.len() <= BUCKETS_MAX);
        // Whatever else was forgotten, a bucket in use was not.
        assert!(limits.take(&victim, Timestamp::from_seconds(0)).is_err());
    }
}
