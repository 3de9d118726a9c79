//! Notifications: what rules tell people, in an inbox that is bounded.

use model::Timestamp;
use serde::{Deserialize, Serialize};
use store::state::Table;

use super::error::RuleError;
use super::shelf::{self, Kept};
use crate::site::Site;

/// The most notifications that are kept; the oldest go.
pub const NOTIFICATIONS_MAX: usize = 5_000;

/// The longest title and message, in characters; what is longer is cut.
const TEXT_MAX: usize = 2_000;

/// The most readers that are remembered of one notification.
const READERS_MAX: usize = 200;

/// Something that people shall know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// Unique; ids sort by time.
    pub id: String,
    /// When.
    pub time: Timestamp,
    /// In a few words.
    pub title: String,
    /// In full.
    pub message: String,
    /// The rule that says so.
    pub rule: Option<String>,
    /// Roles or people that it is for; everybody when empty.
    pub to: Vec<String>,
    /// Who has read it.
    pub read_by: Vec<String>,
}

impl Kept for Notification {
    const TABLE: Table = Table::Notification;

    fn id(&self) -> &str {
        &self.id
    }
}

/// Who reads.
#[derive(Debug, Clone, Default)]
pub struct Reader {
    /// Their id.
    pub id: String,
    /// By which words a notification may call them: their id, name and role. `None` reads everything.
    pub called: Option<Vec<String>>,
}

impl Reader {
    /// Whether a notification is for them.
    pub fn may_read(&self, notification: &Notification) -> bool {
        let is_called = |called: &Vec<String>| notification.to.iter().any(|to| called.contains(to));
        notification.to.is_empty() || self.called.as_ref().is_none_or(is_called)
    }
}

impl Site {
    /// What there is to read, the newest first, from after an id on.
    pub fn notifications(&self, reader: &Reader, after: Option<&str>, limit: usize) -> Vec<Notification> {
        let shelf = self.rules.notifications.lock();
        shelf.back_from(after).filter(|one| reader.may_read(one)).take(limit).cloned().collect()
    }

    /// How much somebody has not read.
    pub fn notifications_unread(&self, reader: &Reader) -> usize {
        let shelf = self.rules.notifications.lock();
        shelf.iter().filter(|one| reader.may_read(one) && !one.read_by.contains(&reader.id)).count()
    }

    /// Somebody has read these; ids that are gone are none.
    pub fn read_notifications(&self, reader: &Reader, ids: &[String]) -> Result<usize, RuleError> {
        let mut read = 0;
        {
            let mut shelf = self.rules.notifications.lock();
            for id in ids {
                let unread = |one: &Notification| reader.may_read(one) && !one.read_by.contains(&reader.id);
                if shelf.get(id).is_some_and(unread)
                    && let Some(notification) = shelf.get_mut(id)
                    && notification.read_by.len() < READERS_MAX
                {
                    notification.read_by.push(reader.id.clone());
                    read += 1;
                }
            }
        }
        shelf::write(&self.rules.notifications, &*self.state, self.clock.now())?;
        Ok(read)
    }

    /// Puts something into the inbox; it is written down with what else changed, within seconds.
    pub(super) fn notify(&self, title: &str, message: &str, to: Vec<String>, rule: Option<&str>) {
        let now = self.clock.now();
        let cut = |text: &str| text.chars().take(TEXT_MAX).collect::<String>();
        let mut shelf = self.rules.notifications.lock();
        let surplus = (shelf.len() + 1).saturating_sub(NOTIFICATIONS_MAX);
        let oldest: Vec<String> = shelf.iter().take(surplus).map(|one| one.id.clone()).collect();
        oldest.iter().for_each(|id| drop(shelf.remove(id)));
        shelf.put(Notification {
            id: self.rules.ids.next("notification", now),
            time: now,
            title: cut(title),
            message: cut(message),
            rule: rule.map(str::to_owned),
            to,
            read_by: Vec::new(),
        });
    }
}
