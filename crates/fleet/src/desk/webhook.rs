//! Where changes of orders are told, with what they are signed, and how far they are told.

use model::Timestamp;
use serde::{Deserialize, Serialize};
use store::state::{Change, StateError, Table};
use store::{Seal, State};

/// The setting in which the webhook is kept.
const SETTING: &str = "fleet.webhook";
/// What its secret is sealed for.
const PURPOSE: &str = "fleet.webhook";

/// Where changes of orders are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Where they are posted.
    pub url: String,
    /// What they are signed with, if anything.
    pub secret: Option<String>,
}

/// How the webhook does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WebhookFigures {
    /// Changes that were taken.
    pub delivered: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Changes that were left out because too many waited.
    pub skipped: u64,
    /// Why the last attempt failed, if it did.
    pub problem: Option<String>,
}

/// The webhook as it is written down.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    url: String,
    #[serde(default)]
    sealed: Option<String>,
    /// What older programs wrote down as it is; it is sealed when it is found.
    #[serde(default, skip_serializing)]
    secret: Option<String>,
    /// The number of the last change that was told; what older programs have told is not known.
    #[serde(default)]
    told: Option<u64>,
}

/// The webhook.
#[derive(Debug)]
pub(super) struct Hook {
    seal: Seal,
    webhook: Option<Webhook>,
    /// The secret as it is written down.
    sealed: Option<String>,
    /// The number of the last change that was told, or that needs not be.
    told: u64,
    figures: WebhookFigures,
}

impl Hook {
    /// The webhook that was written down, if there was one. `newest` is the number of the last change.
    pub(super) fn open(state: &dyn State, seal: Seal, newest: u64, now: Timestamp) -> Result<Self, StateError> {
        let mut hook = Self { seal, webhook: None, sealed: None, told: newest, figures: WebhookFigures::default() };
        let Some(row) = state.get(Table::Setting, SETTING)? else { return Ok(hook) };
        let record: Record = row.parse(Table::Setting)?;
        if let Some(secret) = record.secret {
            hook.set(Some(Webhook { url: record.url, secret: Some(secret) }), newest, state, now)?;
            return Ok(hook);
        }
        let secret = record.sealed.as_ref().map(|sealed| hook.seal.unseal(PURPOSE, sealed));
        if secret == Some(None) {
            // Unsigned, they would be taken for somebody else's.
            let problem = "its secret was sealed with another key: set the webhook again".to_owned();
            hook.figures.problem = Some(problem);
            return Ok(hook);
        }
        hook.webhook = Some(Webhook { url: record.url, secret: secret.flatten() });
        (hook.sealed, hook.told) = (record.sealed, record.told.unwrap_or(newest));
        Ok(hook)
    }

    pub(super) fn get(&self) -> (Option<Webhook>, WebhookFigures) {
        (self.webhook.clone(), self.figures.clone())
    }

    pub(super) fn figures(&mut self) -> &mut WebhookFigures {
        &mut self.figures
    }

    /// The number of the last change that was told, when there is somebody to tell.
    pub(super) fn told(&self) -> Option<u64> {
        self.webhook.as_ref().map(|_| self.told)
    }

    /// Another webhook, or none. What still waits is told to the new one; who is the first is told from now on.
    pub(super) fn set(
        &mut self,
        webhook: Option<Webhook>,
        newest: u64,
        state: &dyn State,
        now: Timestamp,
    ) -> Result<(), StateError> {
        let told = self.told().unwrap_or(newest);
        let secret = webhook.as_ref().and_then(|webhook| webhook.secret.as_ref());
        let sealed = secret.map(|secret| self.seal.seal(PURPOSE, secret));
        write(webhook.as_ref(), sealed.clone(), told, state, now)?;
        (self.webhook, self.sealed, self.told, self.figures) = (webhook, sealed, told, WebhookFigures::default());
        Ok(())
    }

    /// All changes up to this one are told.
    pub(super) fn set_told(&mut self, told: u64, state: &dyn State, now: Timestamp) -> Result<(), StateError> {
        write(self.webhook.as_ref(), self.sealed.clone(), told, state, now)?;
        self.told = told;
        Ok(())
    }
}

fn write(
    webhook: Option<&Webhook>,
    sealed: Option<String>,
    told: u64,
    state: &dyn State,
    now: Timestamp,
) -> Result<(), StateError> {
    let change = match webhook {
        Some(Webhook { url, .. }) => {
            let record = Record { url: url.clone(), sealed, secret: None, told: Some(told) };
            Change::put(Table::Setting, SETTING, None, &record)
        }
        None => Change::delete(Table::Setting, SETTING),
    };
    state.commit(vec![change], now)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};
    use store::seal::KEY_BYTES;
    use store::state::MemoryState;

    use super::*;

    const NOW: Timestamp = Timestamp(1);

    fn open(state: &MemoryState, key: u8) -> Hook {
        Hook::open(state, Seal::of([key; KEY_BYTES]), 7, NOW).unwrap()
    }

    fn written(state: &MemoryState) -> Json {
        state.get(Table::Setting, SETTING).unwrap().unwrap().parse(Table::Setting).unwrap()
    }

    #[test]
    fn its_secret_is_sealed_and_how_far_it_is_told_is_kept() {
        let state = MemoryState::new();
        let webhook = Webhook { url: "http://x".to_owned(), secret: Some("much-secret".to_owned()) };
        let mut hook = open(&state, 1);
        hook.set(Some(webhook.clone()), 9, &state, NOW).unwrap();
        assert_eq!(hook.told(), Some(9));
        hook.set_told(11, &state, NOW).unwrap();
        assert!(!written(&state).to_string().contains("much-secret"));
        let again = open(&state, 1);
        assert_eq!((again.get().0, again.told()), (Some(webhook), Some(11)));
        // Another address is told what still waits.
        hook.set(Some(Webhook { url: "http://y".to_owned(), secret: None }), 20, &state, NOW).unwrap();
        assert_eq!(hook.told(), Some(11));
    }

    #[test]
    fn without_its_key_nothing_is_told() {
        let state = MemoryState::new();
        let webhook = Webhook { url: "http://x".to_owned(), secret: Some("much-secret".to_owned()) };
        open(&state, 1).set(Some(webhook), 9, &state, NOW).unwrap();
        let (webhook, figures) = open(&state, 2).get();
        assert_eq!(webhook, None);
        assert!(figures.problem.is_some());
    }

    #[test]
    fn a_secret_of_an_older_program_is_sealed() {
        let state = MemoryState::new();
        let old = json!({"url": "http://x", "secret": "much-secret"});
        state.commit(vec![Change::put(Table::Setting, SETTING, None, &old)], NOW).unwrap();
        let hook = open(&state, 1);
        assert_eq!(hook.get().0.unwrap().secret.as_deref(), Some("much-secret"));
        assert!(!written(&state).to_string().contains("much-secret"));
        assert_eq!(hook.told(), Some(7));
    }
}
