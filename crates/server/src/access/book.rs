//! The rows of access, kept in memory as a whole, so that nobody's sign-in waits for the disk.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use model::access::{Scope, TopicRules};
use model::{Role, ThingId, Timestamp};
use serde::{Deserialize, Serialize};
use store::State;
use store::state::{StateError, Table};

use super::secret::SecretHash;

/// The most people.
pub const USERS_MAX: usize = 1_000;

/// The most sessions of one person; one more ends the oldest.
pub const SIGN_INS_PER_USER_MAX: usize = 50;

/// The most tokens.
pub const TOKENS_MAX: usize = 1_000;

/// The most credentials of things.
pub const CREDENTIALS_MAX: usize = 100_000;

/// Rows read at a time when the book is opened.
const READ_AT_A_TIME: usize = 1_000;

/// A person.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct UserRow {
    pub name: String,
    pub role: Role,
    /// In PHC form.
    pub password: String,
    pub created: Timestamp,
}

/// A person's session.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SignInRow {
    pub user: String,
    pub created: Timestamp,
    pub expires: Timestamp,
}

/// A program's token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct TokenRow {
    pub title: String,
    pub scopes: Arc<[Scope]>,
    pub hash: SecretHash,
    pub created: Timestamp,
    pub expires: Option<Timestamp>,
}

/// A thing's credential.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct CredentialRow {
    pub hash: SecretHash,
    pub rules: Arc<TopicRules>,
    pub rotated: Timestamp,
}

/// A row with its revision.
#[derive(Debug, Clone)]
pub(super) struct Kept<T> {
    pub rev: i64,
    pub row: T,
}

/// All rows.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub users: BTreeMap<String, Kept<UserRow>>,
    pub sign_ins: HashMap<SecretHash, SignInRow>,
    pub tokens: BTreeMap<String, Kept<TokenRow>>,
    pub tokens_by_hash: HashMap<SecretHash, String>,
    pub credentials: HashMap<ThingId, CredentialRow>,
}

impl Book {
    /// Reads everything.
    pub(super) fn open(state: &dyn State) -> Result<Self, StateError> {
        let mut book = Self::default();
        each(state, Table::User, |id, rev, row| {
            book.users.insert(id, Kept { rev, row });
            Ok(())
        })?;
        each(state, Table::SignIn, |id, _, row| {
            book.sign_ins.insert(SecretHash::try_from(id)?, row);
            Ok(())
        })?;
        each(state, Table::Token, |id, rev, row: TokenRow| {
            book.tokens_by_hash.insert(row.hash, id.clone());
            book.tokens.insert(id, Kept { rev, row });
            Ok(())
        })?;
        each(state, Table::Credential, |id, _, row| {
            book.credentials.insert(ThingId::new(id).map_err(|_| "not a thing's id")?, row);
            Ok(())
        })?;
        Ok(book)
    }

    /// The person of this name; case does not matter.
    pub(super) fn user_named(&self, name: &str) -> Option<(&String, &Kept<UserRow>)> {
        let name = name.trim().to_lowercase();
        self.users.iter().find(|(_, kept)| kept.row.name.to_lowercase() == name)
    }

    /// Whether somebody owns the site.
    pub(super) fn has_owner(&self) -> bool {
        self.owners() > 0
    }

    /// How many owners there are.
    pub(super) fn owners(&self) -> usize {
        self.users.values().filter(|kept| kept.row.role == Role::Owner).count()
    }
}

fn each<T: for<'de> Deserialize<'de>>(
    state: &dyn State,
    table: Table,
    mut take: impl FnMut(String, i64, T) -> Result<(), &'static str>,
) -> Result<(), StateError> {
    let mut after: Option<String> = None;
    loop {
        let rows = state.list(table, None, after.as_deref(), READ_AT_A_TIME)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = Some(last.id.clone());
        for row in rows {
            let document = row.parse(table)?;
            let id = row.id.clone();
            take(row.id, row.rev, document).map_err(|problem| StateError::Document {
                table,
                id,
                problem: problem.to_owned(),
            })?;
        }
    }
}
