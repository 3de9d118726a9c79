//! Credentials of things: a secret each, shown once, and the topics that a gateway may use besides its own.

use std::sync::Arc;

use model::access::TopicRules;
use model::{ThingId, Timestamp};

use super::book::CredentialRow;
use super::secret::{SecretHash, new_secret};
use super::{Access, AccessError, CREDENTIALS_MAX, Change, Table};

/// A credential, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialView {
    /// When its secret was made.
    pub rotated: Timestamp,
    /// Topics that it opens besides the thing's own.
    pub rules: Arc<TopicRules>,
}

impl Access {
    /// A thing's credential, if it has one.
    pub fn credential(&self, thing: &ThingId) -> Option<CredentialView> {
        let book = self.book.read();
        book.credentials.get(thing).map(|row| CredentialView { rotated: row.rotated, rules: Arc::clone(&row.rules) })
    }

    /// Makes a new secret for a thing; the old one stops working. Without `rules` those of the old one stay.
    pub async fn rotate_credential(&self, thing: &ThingId, rules: Option<TopicRules>) -> Result<String, AccessError> {
        let _changing = self.changing.lock().await;
        let rules = {
            let book = self.book.read();
            let old = book.credentials.get(thing);
            if old.is_none() && book.credentials.len() >= CREDENTIALS_MAX {
                return Err(AccessError::Full { what: "credentials", limit: CREDENTIALS_MAX });
            }
            match rules {
                Some(rules) => Arc::new(rules),
                None => old.map(|row| Arc::clone(&row.rules)).unwrap_or_default(),
            }
        };
        let secret = new_secret();
        let row = CredentialRow { hash: SecretHash::of(&secret), rules, rotated: self.clock.now() };
        self.commit(vec![Change::put(Table::Credential, thing.as_str(), Some(thing.to_string()), &row)]).await?;
        self.book.write().credentials.insert(thing.clone(), row);
        Ok(secret)
    }

    /// Takes a thing's credential away; false when it had none.
    pub async fn remove_credential(&self, thing: &ThingId) -> Result<bool, AccessError> {
        let _changing = self.changing.lock().await;
        if !self.book.read().credentials.contains_key(thing) {
            return Ok(false);
        }
        self.commit(vec![Change::delete(Table::Credential, thing.as_str())]).await?;
        Ok(self.book.write().credentials.remove(thing).is_some())
    }
}
