//! Which subscriptions match a topic: exact filters in a sharded hash table, wildcards in a trie.
//!
//! A publisher holds read locks for as long as it takes to match; a subscriber's write lock lasts one insertion. No
//! lock is ever held while something is written to disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ahash::{AHashMap, RandomState};
use parking_lot::RwLock;
use smallvec::SmallVec;

use crate::session::{Options, Session};
use crate::share::Group;

/// Shards of the exact filters.
const SHARDS: usize = 16;

/// One subscription of one session at its place in the index.
#[derive(Debug, Clone)]
pub(crate) struct Subscriber {
    pub(crate) session: Arc<Session>,
    pub(crate) options: Options,
    /// 0 for none.
    pub(crate) id: u32,
}

/// Everybody who subscribed to one filter.
#[derive(Debug, Default)]
pub(crate) struct Subscribers {
    /// In order of session key.
    pub(crate) own: Vec<Subscriber>,
    pub(crate) groups: Vec<Arc<Group>>,
}

#[derive(Debug, Default)]
struct Node {
    here: Subscribers,
    /// Those of `.../#`.
    all: Subscribers,
    plus: Option<Box<Node>>,
    children: AHashMap<Box<str>, Node>,
}

/// The index of all subscriptions.
#[derive(Debug)]
pub(crate) struct Router {
    exact: [RwLock<AHashMap<Box<str>, Subscribers>>; SHARDS],
    wild: RwLock<Node>,
    /// Wildcard filters with subscribers: publishing skips the trie when there are none.
    wild_count: AtomicUsize,
    hasher: RandomState,
}

impl Default for Router {
    fn default() -> Self {
        Self {
            exact: Default::default(),
            wild: RwLock::default(),
            wild_count: AtomicUsize::new(0),
            hasher: RandomState::new(),
        }
    }
}

impl Subscribers {
    fn is_empty(&self) -> bool {
        self.own.is_empty() && self.groups.is_empty()
    }

    fn insert(&mut self, subscriber: Subscriber) {
        match self.own.binary_search_by_key(&subscriber.session.key, |known| known.session.key) {
            Ok(index) => self.own[index] = subscriber,
            Err(index) => self.own.insert(index, subscriber),
        }
    }

    fn remove(&mut self, session_key: u64) {
        if let Ok(index) = self.own.binary_search_by_key(&session_key, |known| known.session.key) {
            self.own.remove(index);
        }
    }
}

impl Node {
    fn is_empty(&self) -> bool {
        self.here.is_empty() && self.all.is_empty() && self.plus.is_none() && self.children.is_empty()
    }

    /// The subscribers of a filter, made if need be.
    fn entry(&mut self, filter: &str) -> &mut Subscribers {
        let mut node = self;
        for level in filter.split('/') {
            match level {
                "#" => return &mut node.all,
                "+" => node = node.plus.get_or_insert_default(),
                level => {
                    if !node.children.contains_key(level) {
                        node.children.insert(level.into(), Self::default());
                    }
                    node = node.children.get_mut(level).expect("it was just made");
                }
            }
        }
        &mut node.here
    }

    /// Changes the subscribers of a filter if it is there, and prunes what becomes empty.
    fn change(&mut self, levels: &mut std::str::Split<'_, char>, change: &mut dyn FnMut(&mut Subscribers)) {
        match levels.next() {
            None => change(&mut self.here),
            Some("#") => change(&mut self.all),
            Some("+") => {
                if let Some(plus) = &mut self.plus {
                    plus.change(levels, change);
                    if plus.is_empty() {
                        self.plus = None;
                    }
                }
            }
            Some(level) => {
                if let Some(child) = self.children.get_mut(level) {
                    child.change(levels, change);
                    if child.is_empty() {
                        self.children.remove(level);
                        if self.children.is_empty() {
                            self.children = AHashMap::new();
                        }
                    }
                }
            }
        }
    }

    fn find<'a>(&'a self, rest: Option<&str>, found: &mut SmallVec<[&'a Subscribers; 8]>) {
        if !self.all.is_empty() {
            found.push(&self.all);
        }
        let Some(rest) = rest else {
            if !self.here.is_empty() {
                found.push(&self.here);
            }
            return;
        };
        let (level, rest) = match rest.split_once('/') {
            Some((level, rest)) => (level, Some(rest)),
            None => (rest, None),
        };
        if let Some(plus) = &self.plus {
            plus.find(rest, found);
        }
        if let Some(child) = self.children.get(level) {
            child.find(rest, found);
        }
    }
}

impl Router {
    fn shard(&self, topic: &str) -> &RwLock<AHashMap<Box<str>, Subscribers>> {
        &self.exact[self.hasher.hash_one(topic) as usize % SHARDS]
    }

    fn edit<R>(&self, filter: &str, edit: impl FnOnce(&mut Subscribers) -> R) -> R {
        if filter.contains(['+', '#']) {
            let mut wild = self.wild.write();
            let subscribers = wild.entry(filter);
            let was_empty = subscribers.is_empty();
            let result = edit(subscribers);
            if was_empty {
                self.wild_count.fetch_add(1, Ordering::Release);
            }
            return result;
        }
        let mut shard = self.shard(filter).write();
        if let Some(subscribers) = shard.get_mut(filter) {
            return edit(subscribers);
        }
        edit(shard.entry(filter.into()).or_default())
    }

    fn shrink(&self, filter: &str, mut change: impl FnMut(&mut Subscribers)) {
        if filter.contains(['+', '#']) {
            let mut gone = false;
            self.wild.write().change(&mut filter.split('/'), &mut |subscribers| {
                let was_empty = subscribers.is_empty();
                change(subscribers);
                gone = !was_empty && subscribers.is_empty();
            });
            if gone {
                self.wild_count.fetch_sub(1, Ordering::Release);
            }
            return;
        }
        let mut shard = self.shard(filter).write();
        if let Some(subscribers) = shard.get_mut(filter) {
            change(subscribers);
            if subscribers.is_empty() {
                shard.remove(filter);
            }
        }
    }

    /// Adds or replaces a subscription.
    pub(crate) fn insert(&self, filter: &str, subscriber: Subscriber) {
        self.edit(filter, |subscribers| subscribers.insert(subscriber));
    }

    /// Removes a subscription.
    pub(crate) fn remove(&self, filter: &str, session_key: u64) {
        self.shrink(filter, |subscribers| subscribers.remove(session_key));
    }

    /// Adds a group to a filter.
    pub(crate) fn insert_group(&self, filter: &str, group: &Arc<Group>) {
        self.edit(filter, |subscribers| subscribers.groups.push(Arc::clone(group)));
    }

    /// Removes a group from a filter.
    pub(crate) fn remove_group(&self, filter: &str, name: &str) {
        self.shrink(filter, |subscribers| subscribers.groups.retain(|group| &*group.name != name));
    }

    /// Calls `visit` with the subscribers of every filter that matches; each filter once.
    pub(crate) fn matching<R>(&self, topic: &str, visit: impl FnOnce(&[&Subscribers]) -> R) -> R {
        let shard = self.shard(topic).read();
        let exact = shard.get(topic);
        if self.wild_count.load(Ordering::Acquire) == 0 {
            return visit(exact.as_slice());
        }
        let wild = self.wild.read();
        let mut found: SmallVec<[&Subscribers; 8]> = exact.into_iter().collect();
        if topic.starts_with('$') {
            // A leading wildcard does not match such topics.
            let (level, rest) = topic.split_once('/').map_or((topic, None), |(level, rest)| (level, Some(rest)));
            if let Some(child) = wild.children.get(level) {
                child.find(rest, &mut found);
            }
        } else {
            wild.find(Some(topic), &mut found);
        }
        visit(&found)
    }
}

#[cfg(test)]
mod tests {
    use model::{Position, topic};
    use proptest::prelude::*;

    use super::*;
    use crate::session::Outbound;

    fn session(key: u64) -> Arc<Session> {
        let name = Arc::from(format!("c{key}"));
        Arc::new(Session::new(key, name, Arc::from("anonymous"), Outbound::new(Position::START, true)))
    }

    fn matches(router: &Router, topic: &str) -> Vec<u64> {
        router.matching(topic, |found| {
            let mut keys: Vec<_> = found.iter().flat_map(|s| s.own.iter().map(|s| s.session.key)).collect();
            keys.sort_unstable();
            keys
        })
    }

    fn subscribe(router: &Router, filter: &str, key: u64) {
        router.insert(filter, Subscriber { session: session(key), options: Options(0), id: 0 });
    }

    #[test]
    fn a_subscription_is_replaced_not_doubled() {
        let router = Router::default();
        for filter in ["a/b", "a/+", "#"] {
            subscribe(&router, filter, 1);
            subscribe(&router, filter, 1);
        }
        assert_eq!(matches(&router, "a/b"), [1, 1, 1]);
        router.remove("a/+", 1);
        assert_eq!(matches(&router, "a/b"), [1, 1]);
        assert!(matches(&router, "$SYS/x").is_empty());
    }

    #[test]
    fn nothing_is_left_when_everybody_has_gone() {
        let router = Router::default();
        for key in 0..100 {
            subscribe(&router, &format!("dev/{key}/#"), key);
            subscribe(&router, &format!("dev/{key}"), key);
        }
        for key in 0..100 {
            router.remove(&format!("dev/{key}/#"), key);
            router.remove(&format!("dev/{key}"), key);
            router.remove("never/+", key);
        }
        assert!(router.wild.read().is_empty() && router.exact.iter().all(|shard| shard.read().is_empty()));
        assert_eq!(router.wild_count.load(Ordering::Relaxed), 0);
    }

    proptest! {
        #[test]
        fn the_index_agrees_with_the_rules(
            filters in proptest::collection::vec("((\\$?[ab]|\\+)?/){0,3}(\\$?[ab]|\\+|#)?", 1..20),
            gone in proptest::collection::vec(any::<bool>(), 20),
            topic in "(\\$?[ab]?/){0,3}[ab]?",
        ) {
            let router = Router::default();
            let filters: Vec<_> = filters.into_iter().filter(|filter| topic::is_filter(filter)).collect();
            for (key, filter) in filters.iter().enumerate() {
                subscribe(&router, filter, key as u64);
            }
            for (key, filter) in filters.iter().enumerate().filter(|(key, _)| gone[*key]) {
                router.remove(filter, key as u64);
            }
            let expected: Vec<_> = (0u64..)
                .zip(&filters)
                .filter(|(key, filter)| !gone[*key as usize] && topic::matches(filter, &topic))
                .map(|(key, _)| key)
                .collect();
            prop_assert_eq!(matches(&router, &topic), expected);
        }
    }
}
