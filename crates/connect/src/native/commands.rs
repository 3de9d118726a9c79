//! Recent commands, so that what a thing says because of one can be traced to who asked for it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use model::{Cause, ThingId};

/// The most commands remembered; the oldest is forgotten first. What comes later than that has its thing as its cause.
const COMMANDS_REMEMBERED_MAX: usize = 4_096;

/// The causes of recent commands by their id. Not part of the saved state: a link that is lost in a restart costs an
/// explanation, never a value.
#[derive(Debug, Default)]
pub(crate) struct CommandCauses {
    by_id: HashMap<Arc<str>, (ThingId, Arc<Cause>), ahash::RandomState>,
    oldest_first: VecDeque<Arc<str>>,
}

impl CommandCauses {
    pub(crate) fn remember(&mut self, thing: &ThingId, id: &str, cause: Cause) {
        let id: Arc<str> = Arc::from(id);
        if self.by_id.insert(id.clone(), (thing.clone(), Arc::new(cause))).is_some() {
            return;
        }
        self.oldest_first.push_back(id);
        if self.oldest_first.len() > COMMANDS_REMEMBERED_MAX
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.by_id.remove(&oldest);
        }
    }

    /// The cause of a command to this thing.
    pub(crate) fn get(&self, thing: &ThingId, id: &str) -> Option<&Arc<Cause>> {
        self.by_id.get(id).filter(|(to, _)| to == thing).map(|(_, cause)| cause)
    }
}
