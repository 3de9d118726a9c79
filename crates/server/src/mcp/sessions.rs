//! Sessions of clients that begin with a handshake. They hold nothing but whose they are.

use std::collections::HashMap;
use std::time::Duration;

use model::Timestamp;
use parking_lot::Mutex;

use crate::access::secret;

/// The most sessions; one more ends the one that was used longest ago.
pub(crate) const SESSIONS_MAX: usize = 1_000;

/// How long a session lives without being used.
pub(crate) const IDLE_MAX: Duration = Duration::from_secs(24 * 3600);

#[derive(Debug)]
struct Session {
    owner: String,
    used: Timestamp,
}

/// The sessions that are open.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<HashMap<String, Session>>);

impl Sessions {
    /// Begins a session of somebody; gives its id.
    pub(super) fn begin(&self, owner: &str, now: Timestamp) -> String {
        let mut sessions = self.0.lock();
        sessions.retain(|_, session| now.since(session.used) < IDLE_MAX);
        if sessions.len() >= SESSIONS_MAX
            && let Some(oldest) = sessions.iter().min_by_key(|(_, session)| session.used).map(|(id, _)| id.clone())
        {
            sessions.remove(&oldest);
        }
        let id = secret::new_secret();
        sessions.insert(id.clone(), Session { owner: owner.to_owned(), used: now });
        id
    }

    /// Whether there is such a session of somebody; it is used by that.
    pub(super) fn renew(&self, id: &str, owner: &str, now: Timestamp) -> bool {
        let mut sessions = self.0.lock();
        let session =
            sessions.get_mut(id).filter(|session| session.owner == owner && now.since(session.used) < IDLE_MAX);
        session.is_some_and(|session| {
            session.used = now;
            true
        })
    }

    /// Ends a session of somebody; false when there is none.
    pub(super) fn end(&self, id: &str, owner: &str) -> bool {
        let mut sessions = self.0.lock();
        let is_theirs = sessions.get(id).is_some_and(|session| session.owner == owner);
        is_theirs && sessions.remove(id).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_belong_to_somebody_and_are_bounded() {
        let sessions = Sessions::default();
        let at = Timestamp::from_seconds;
        let first = sessions.begin("token t", at(0));
        assert!(sessions.renew(&first, "token t", at(1)) && !sessions.renew(&first, "token u", at(1)));
        assert!(
            !sessions.end(&first, "token u") && sessions.end(&first, "token t") && !sessions.end(&first, "token t")
        );
        let ids: Vec<String> = (0..=SESSIONS_MAX as i64).map(|second| sessions.begin("token t", at(second))).collect();
        assert!(!sessions.renew(&ids[0], "token t", at(2_000)) && sessions.renew(&ids[1], "token t", at(2_000)));
        assert!(!sessions.renew(&ids[2], "token t", at(90_000)), "it was idle for a day");
    }
}
