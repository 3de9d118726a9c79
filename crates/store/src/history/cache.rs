//! A bounded cache in two generations: what is used stays, what is not is forgotten within two turns.

use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;

/// Values by key up to a total weight. When the young half is full it becomes the old half, and what was old goes.
#[derive(Debug)]
pub(crate) struct Cache<K, V> {
    half: usize,
    generations: Mutex<Generations<K, V>>,
}

#[derive(Debug)]
struct Generations<K, V> {
    young: ahash::HashMap<K, (Arc<V>, usize)>,
    old: ahash::HashMap<K, (Arc<V>, usize)>,
    weight: usize,
}

impl<K: Hash + Eq + Copy, V> Cache<K, V> {
    /// A cache that holds at most `weight_max`, or a single heavier value per half.
    pub(crate) fn new(weight_max: usize) -> Self {
        let generations = Generations { young: ahash::HashMap::default(), old: ahash::HashMap::default(), weight: 0 };
        Self { half: weight_max / 2, generations: Mutex::new(generations) }
    }

    /// The value of `key`, made with its weight by `make` when it is not there.
    pub(crate) fn get<E>(&self, key: K, make: impl FnOnce() -> Result<(V, usize), E>) -> Result<Arc<V>, E> {
        {
            let mut generations = self.generations.lock();
            if let Some((value, _)) = generations.young.get(&key) {
                return Ok(Arc::clone(value));
            }
            if let Some((value, weight)) = generations.old.remove(&key) {
                self.insert(&mut generations, key, Arc::clone(&value), weight);
                return Ok(value);
            }
        }
        // Made without the lock: two readers may make the same value, neither waits for the other.
        let (value, weight) = make()?;
        let value = Arc::new(value);
        self.insert(&mut self.generations.lock(), key, Arc::clone(&value), weight);
        Ok(value)
    }

    fn insert(&self, generations: &mut Generations<K, V>, key: K, value: Arc<V>, weight: usize) {
        if generations.weight + weight > self.half && !generations.young.is_empty() {
            generations.old = std::mem::take(&mut generations.young);
            generations.weight = 0;
        }
        if let Some((_, before)) = generations.young.insert(key, (value, weight)) {
            generations.weight -= before;
        }
        generations.weight += weight;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_weight_is_bounded() {
        let cache: Cache<u32, u32> = Cache::new(20);
        let get = |key: u32, expect_made: bool| {
            let mut made = false;
            let value = cache.get::<()>(key, || {
                made = true;
                Ok((key * 2, 1))
            });
            assert_eq!((*value.unwrap(), made), (key * 2, expect_made), "key {key}");
        };
        get(0, true);
        for key in 1..100 {
            get(key, true);
            get(0, false);
        }
        get(1, true);
        let generations = cache.generations.lock();
        assert!(generations.young.len() + generations.old.len() <= 20);
    }
}
