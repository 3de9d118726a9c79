//! The threads of a running site, and what the passing of time brings.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use model::{Cause, CauseKind, ThingId, Timestamp};
use tokio::sync::Notify;
use twin::PresenceState;

use crate::counters::{add, count};
use crate::options::{CHECKPOINT_ENTRIES_MAX, CHECKPOINT_SHARE, LINK_GRACE, PRESENCE_QUEUE_MAX};
use crate::publish::{Outgoing, Publish};
use crate::site::Site;

/// How long the fold sleeps at most when nothing is said, so that deadlines are kept.
const IDLE: Duration = Duration::from_millis(100);

/// How many pieces of history detectors learn from in between two looks at what is live.
const LESSONS_AT_A_TIME: usize = 8;

/// How long the fold waits after an error before it tries again.
const AFTER_ERROR: Duration = Duration::from_secs(1);

/// The reason of a presence that comes from an open connection.
const CONNECTED: &str = "connection opened";

/// Who is connected as which thing.
#[derive(Debug, Default)]
pub(crate) struct Links {
    open: HashMap<ThingId, u32, ahash::RandomState>,
    /// Things whose connections came or went, with why; one entry a thing, so that a takeover is no news.
    changed: HashMap<ThingId, &'static str, ahash::RandomState>,
    /// When the site started to run, until the clients of the last run were looked after.
    started: Option<Timestamp>,
}

impl Links {
    /// How many comings and goings wait to be put on the log.
    pub(crate) fn waiting(&self) -> usize {
        self.changed.len()
    }
}

/// A site whose threads run. Dropping it stops them; [`Running::stop`] says whether that went well.
#[derive(Debug)]
pub struct Running {
    site: Arc<Site>,
    stopping: Arc<Stopping>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Stopping {
    now: AtomicBool,
    wake: Notify,
}

impl Stopping {
    fn is_now(&self) -> bool {
        self.now.load(Ordering::Relaxed)
    }
}

impl Site {
    /// Starts folding, with a way out for what the site has to say. Returns at once; what has come since the last
    /// checkpoint is folded first.
    pub fn start(self: &Arc<Self>, publisher: Arc<dyn Publish>) -> Running {
        self.publish_through(publisher);
        self.links.lock().started = Some(self.clock.now());
        let stopping = Arc::new(Stopping::default());
        let thread = |name: &str, run: fn(&Site, &Stopping)| {
            let (site, stopping) = (Arc::clone(self), Arc::clone(&stopping));
            let thread = std::thread::Builder::new().name(name.to_owned());
            thread.spawn(move || run(&site, &stopping)).expect("a thread can be started")
        };
        let threads = vec![
            thread("site-fold", Site::run_fold),
            thread("site-keeper", Site::run_keeper),
            thread("site-maintenance", Site::run_maintenance),
            thread("site-mind", Site::run_mind),
            thread("site-inference", Site::run_inference),
            thread("site-rules", Site::run_rules),
            thread("site-timed", Site::run_timed),
            thread("site-habits", Site::run_habits),
        ];
        Running { site: Arc::clone(self), stopping, threads }
    }

    /// Gives a site that is stepped by [`Site::turn`] its way out; [`Site::start`] does this too. The first one stays.
    pub fn publish_through(&self, publisher: Arc<dyn Publish>) {
        if self.publisher.set(publisher).is_err() {
            tracing::warn!("the site had a way out already, which stays");
        }
    }

    fn run_fold(&self, stopping: &Stopping) {
        let mut durable = self.log.durable();
        let runtime = timer_runtime();
        let mut looked = self.clock.now();
        while !stopping.is_now() {
            durable.mark_unchanged();
            let pause = match self.turn_some(&mut looked) {
                Ok(0) => IDLE,
                Ok(_) => continue,
                Err(error) => {
                    tracing::error!(%error, "the log could not be folded");
                    AFTER_ERROR
                }
            };
            runtime.block_on(async {
                tokio::select! {
                    // A closed channel is a broken log: then time alone wakes us.
                    Ok(()) = durable.changed() => {}
                    () = tokio::time::sleep(pause) => {}
                }
            });
        }
    }

    /// Folds some entries, and looks at the clock when there are none, or when it is time to although there are.
    fn turn_some(&self, looked: &mut Timestamp) -> Result<usize, crate::SiteError> {
        let folded = self.fold_some()?;
        let now = self.clock.now();
        match folded {
            None => self.look_at_the_clock(now),
            // While the fold is behind, an answer may be on the log already: deadlines go by the log's time.
            Some((_, received)) if now < *looked || now.since(*looked) >= IDLE => {
                self.look_at_the_clock(received.min(now));
            }
            Some(_) => return Ok(folded.map_or(0, |(count, _)| count)),
        }
        *looked = now;
        Ok(folded.map_or(0, |(count, _)| count))
    }

    /// Writes checkpoints, away from the fold, so that a slow disk does not hold up live views.
    fn run_keeper(&self, stopping: &Stopping) {
        let runtime = timer_runtime();
        let mut pause = self.options.checkpoint_every;
        while !stopping.is_now() {
            self.sleep_until_due(&runtime, stopping, pause);
            let began = tokio::time::Instant::now();
            if let Err(error) = self.checkpoint() {
                tracing::error!(%error, "no checkpoint could be written; it is tried again");
            }
            pause = self.options.checkpoint_every.max(began.elapsed() * CHECKPOINT_SHARE);
        }
    }

    /// Sleeps, unless there is so much new that a restart would take long.
    fn sleep_until_due(&self, runtime: &tokio::runtime::Runtime, stopping: &Stopping, pause: Duration) {
        let until = tokio::time::Instant::now() + pause;
        while !stopping.is_now() && tokio::time::Instant::now() < until {
            let left = until.saturating_duration_since(tokio::time::Instant::now());
            sleep(runtime, stopping, left.min(self.options.checkpoint_every));
            if self.fold.lock().since_checkpoint >= CHECKPOINT_ENTRIES_MAX {
                break;
            }
        }
    }

    fn run_maintenance(&self, stopping: &Stopping) {
        let runtime = timer_runtime();
        while !stopping.is_now() {
            sleep(&runtime, stopping, self.options.maintain_every);
            if !stopping.is_now()
                && let Err(error) = self.maintain()
            {
                tracing::error!(%error, "retention and compaction failed; they are tried again");
            }
        }
    }

    /// Thinks about what the fold gathered, away from the fold.
    fn run_mind(&self, stopping: &Stopping) {
        while !stopping.is_now() {
            let pause = if self.mind.has_lessons() { Duration::ZERO } else { IDLE };
            self.mind.feed.wait(pause);
            self.think(LESSONS_AT_A_TIME);
        }
    }

    /// Brings what was said to the models that are bound to it, away from the fold.
    fn run_inference(&self, stopping: &Stopping) {
        while !stopping.is_now() {
            self.inference.post.wait(IDLE);
            self.infer();
        }
    }

    /// Follows what the fold makes with the rules, away from the fold.
    fn run_rules(&self, stopping: &Stopping) {
        while !stopping.is_now() {
            self.rules.feed.wait(IDLE);
            self.follow_rules();
        }
    }

    /// Looks for habits now and then, away from everything else, because that reads weeks of history.
    fn run_habits(&self, stopping: &Stopping) {
        let runtime = timer_runtime();
        while !stopping.is_now() {
            sleep(&runtime, stopping, self.options.habits_every);
            if !stopping.is_now()
                && let Err(error) = self.look_after_suggestions()
            {
                tracing::error!(%error, "habits could not be looked for; it is tried again");
            }
        }
    }

    /// Sends commands that were put off, away from the fold, because that waits for the disk.
    fn run_timed(&self, stopping: &Stopping) {
        let runtime = timer_runtime();
        while !stopping.is_now() {
            let pause = match self.send_timed() {
                Ok(()) => IDLE,
                Err(error) => {
                    tracing::error!(%error, "commands that were put off could not be written down; they are tried again");
                    AFTER_ERROR
                }
            };
            sleep(&runtime, stopping, pause);
        }
    }

    /// What time alone brings: deadlines of commands, comings and goings, the rate of records. Everything received
    /// before `now` has been folded.
    pub(crate) fn look_at_the_clock(&self, now: Timestamp) {
        let has_open = self.things.read().commands.open() > 0;
        if has_open {
            let mut things = self.things.write();
            let expired = things.commands.expire(now);
            add(&self.counters.commands_timed_out, expired.len());
            self.tell_commands(&mut things, &expired);
        }
        let records = self.counters.records.load(Ordering::Relaxed);
        self.fold.lock().records_per_second(records, now);
        self.expire_values(now);
        self.publish_links(now);
    }

    /// A client that speaks as a thing has connected. Quick; never blocks.
    pub fn connected(&self, thing: &ThingId) {
        let mut links = self.links.lock();
        if links.open.len() >= PRESENCE_QUEUE_MAX && !links.open.contains_key(thing) {
            count(&self.counters.presence_dropped);
            return;
        }
        *links.open.entry(thing.clone()).or_default() += 1;
        links.changed.insert(thing.clone(), CONNECTED);
    }

    /// A client that spoke as a thing is gone; `reason` is shown: `connection lost`, `it said goodbye`.
    pub fn disconnected(&self, thing: &ThingId, reason: &'static str) {
        let mut links = self.links.lock();
        let Some(open) = links.open.get_mut(thing) else { return };
        *open -= 1;
        if *open == 0 {
            links.open.remove(thing);
            links.changed.insert(thing.clone(), reason);
        }
    }

    /// Puts comings and goings on the log, where they become presence.
    fn publish_links(&self, now: Timestamp) {
        if self.publisher.get().is_none() {
            return;
        }
        let changed: Vec<(bool, ThingId, &'static str)> = {
            let mut links = self.links.lock();
            if links.started.is_some_and(|started| now.since(started) >= LINK_GRACE) {
                links.started = None;
                let gone = self.online_before(&links);
                links.changed.extend(gone.into_iter().map(|thing| (thing, "did not come back after a restart")));
            }
            let changed = std::mem::take(&mut links.changed);
            changed.into_iter().map(|(thing, reason)| (links.open.contains_key(&thing), thing, reason)).collect()
        };
        for (is_open, thing, reason) in changed {
            // A thing that was deleted is gone: that its connection ends must not bring it back.
            if !is_open && self.thing_row(&thing).is_none() {
                continue;
            }
            let state = if is_open { PresenceState::Online } else { PresenceState::Offline };
            let message = Outgoing {
                topic: format!("things/{thing}/presence"),
                payload: Bytes::from_static(state.as_str().as_bytes()),
                qos: 0,
                retain: false,
                cause: Cause::new(CauseKind::System, if is_open { CONNECTED } else { reason }),
            };
            if let Err(error) = self.publish(message) {
                tracing::warn!(%error, "a thing came or went, and it was not noted");
            }
        }
    }

    /// Things that were online by a connection of the last run and have none now.
    fn online_before(&self, links: &Links) -> Vec<ThingId> {
        let things = self.things.read();
        let slots = things.registry.iter().map(|(_, slot)| slot);
        let by_connection = slots.filter(|slot| {
            let presence = slot.twin.presence();
            presence.state == PresenceState::Online && &*presence.reason == CONNECTED
        });
        by_connection.map(|slot| slot.thing.id.clone()).filter(|thing| !links.open.contains_key(thing)).collect()
    }
}

impl Running {
    /// Folds what is durable, writes everything down and ends the threads. Blocks for as long as that takes.
    pub fn stop(mut self) -> Result<(), crate::SiteError> {
        self.end_threads();
        self.site.fold_all()?;
        // What is still to be learned from the history waits for the next start.
        self.site.think(0);
        self.site.keep_mind()?;
        self.site.follow_rules();
        self.site.keep_rules_state()?;
        self.site.checkpoint()
    }

    fn end_threads(&mut self) {
        self.stopping.now.store(true, Ordering::Relaxed);
        self.stopping.wake.notify_waiters();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the site panicked");
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end_threads();
    }
}

fn timer_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a timer needs nothing that could fail")
}

/// Sleeps, and wakes early when the site stops.
fn sleep(runtime: &tokio::runtime::Runtime, stopping: &Stopping, pause: Duration) {
    runtime.block_on(async {
        let woken = stopping.wake.notified();
        tokio::pin!(woken);
        woken.as_mut().enable();
        if !stopping.is_now() {
            tokio::select! {
                () = woken => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    });
}
