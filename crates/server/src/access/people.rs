//! People and programs: adding, changing and removing users and tokens.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::access::Scope;
use model::{Role, Timestamp};

use super::book::TokenRow;
use super::password::Passwords;
use super::secret::{SecretHash, new_id, new_secret};
use super::{Access, AccessError, Change, Expect, Kept, NAME_CHARACTERS_MAX, TOKENS_MAX, Table, USERS_MAX, UserRow};

/// A person, without their password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserView {
    /// Unique.
    pub id: String,
    /// What they sign in with.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// When they were added.
    pub created: Timestamp,
    /// Their revision.
    pub rev: i64,
}

impl UserView {
    pub(super) fn new(id: &str, kept: &Kept<UserRow>) -> Self {
        let UserRow { name, role, created, .. } = &kept.row;
        Self { id: id.to_owned(), name: name.clone(), role: *role, created: *created, rev: kept.rev }
    }
}

/// A token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenView {
    /// Unique.
    pub id: String,
    /// What it is for.
    pub title: String,
    /// What it is good for.
    pub scopes: Arc<[Scope]>,
    /// When it was made.
    pub created: Timestamp,
    /// When it stops working.
    pub expires: Option<Timestamp>,
}

fn check_name(name: &str) -> Result<String, AccessError> {
    let name = name.trim();
    let length = name.chars().count();
    // HTTP's basic scheme and MQTT separate a name from a password with a colon.
    if length == 0 || length > NAME_CHARACTERS_MAX || name.contains(|c: char| c.is_control() || c == ':') {
        return Err(AccessError::NameInvalid);
    }
    Ok(name.to_owned())
}

fn unknown(what: &'static str, id: &str) -> AccessError {
    AccessError::Unknown { what, id: id.to_owned() }
}

impl Access {
    /// All people, in order of id.
    pub fn users(&self) -> Vec<UserView> {
        self.book.read().users.iter().map(|(id, kept)| UserView::new(id, kept)).collect()
    }

    /// Adds a person.
    pub async fn add_user(&self, name: &str, password: String, role: Role) -> Result<UserView, AccessError> {
        self.make_user(name, password, role, false).await
    }

    /// Adds a person; with `first`, only when there is no owner yet.
    pub(super) async fn make_user(
        &self,
        name: &str,
        password: String,
        role: Role,
        first: bool,
    ) -> Result<UserView, AccessError> {
        let name = check_name(name)?;
        Passwords::check(&password)?;
        let password = self.passwords.hash(password).await?;
        let _changing = self.changing.lock().await;
        {
            let book = self.book.read();
            if first && book.has_owner() {
                return Err(AccessError::OwnerExists);
            }
            if book.users.len() >= USERS_MAX {
                return Err(AccessError::Full { what: "users", limit: USERS_MAX });
            }
            if book.user_named(&name).is_some() {
                return Err(AccessError::NameTaken(name));
            }
        }
        let id = new_id('u');
        let row = UserRow { name, role, password, created: self.clock.now() };
        self.keep_user(id, row, Expect::Absent, false).await
    }

    /// Changes a person; `None` leaves a field as it is. A new password or role ends their sessions.
    pub async fn change_user(
        &self,
        id: &str,
        expect: Expect,
        name: Option<String>,
        password: Option<String>,
        role: Option<Role>,
    ) -> Result<UserView, AccessError> {
        let name = name.as_deref().map(check_name).transpose()?;
        let password = match password {
            Some(password) => {
                Passwords::check(&password)?;
                Some(self.passwords.hash(password).await?)
            }
            None => None,
        };
        let _changing = self.changing.lock().await;
        let (mut row, end_sessions) = {
            let book = self.book.read();
            let kept = book.users.get(id).ok_or_else(|| unknown("user", id))?;
            if role.is_some_and(|role| role != Role::Owner) && kept.row.role == Role::Owner && book.owners() == 1 {
                return Err(AccessError::LastOwner);
            }
            if let Some(name) = &name
                && book.user_named(name).is_some_and(|(other, _)| other != id)
            {
                return Err(AccessError::NameTaken(name.clone()));
            }
            (kept.row.clone(), password.is_some() || role.is_some_and(|role| role != kept.row.role))
        };
        row.name = name.unwrap_or(row.name);
        row.password = password.unwrap_or(row.password);
        row.role = role.unwrap_or(row.role);
        self.keep_user(id.to_owned(), row, expect, end_sessions).await
    }

    async fn keep_user(
        &self,
        id: String,
        row: UserRow,
        expect: Expect,
        end_sessions: bool,
    ) -> Result<UserView, AccessError> {
        let key = Some(row.name.to_lowercase());
        let mut changes = vec![Change::put(Table::User, id.clone(), key, &row).expecting(expect)];
        if end_sessions {
            changes.push(Change::DeleteKey { table: Table::SignIn, key: id.clone() });
        }
        let rev = self.commit(changes).await?[0];
        let kept = Kept { rev, row };
        let view = UserView::new(&id, &kept);
        let mut book = self.book.write();
        if end_sessions {
            book.sign_ins.retain(|_, row| row.user != id);
        }
        book.users.insert(id, kept);
        Ok(view)
    }

    /// Removes a person and ends their sessions.
    pub async fn remove_user(&self, id: &str, expect: Expect) -> Result<(), AccessError> {
        let _changing = self.changing.lock().await;
        {
            let book = self.book.read();
            let kept = book.users.get(id).ok_or_else(|| unknown("user", id))?;
            if kept.row.role == Role::Owner && book.owners() == 1 {
                return Err(AccessError::LastOwner);
            }
        }
        let changes = vec![
            Change::delete(Table::User, id).expecting(expect),
            Change::DeleteKey { table: Table::SignIn, key: id.to_owned() },
        ];
        self.commit(changes).await?;
        let mut book = self.book.write();
        book.users.remove(id);
        book.sign_ins.retain(|_, row| row.user != id);
        Ok(())
    }

    /// All tokens, in order of id.
    pub fn tokens(&self) -> Vec<TokenView> {
        self.book.read().tokens.iter().map(|(id, kept)| view(id, &kept.row)).collect()
    }

    /// Makes a token; returns it with its secret, which is not kept.
    pub async fn add_token(
        &self,
        title: &str,
        scopes: &[Scope],
        expires: Option<Timestamp>,
    ) -> Result<(TokenView, String), AccessError> {
        let scopes: BTreeSet<Scope> = scopes.iter().copied().collect();
        if scopes.is_empty() {
            return Err(AccessError::TokenInvalid("a token needs at least one scope"));
        }
        if title.trim().is_empty() || title.chars().count() > NAME_CHARACTERS_MAX {
            return Err(AccessError::TokenInvalid("a token needs a title of at most 64 characters"));
        }
        let created = self.clock.now();
        if expires.is_some_and(|expires| expires <= created) {
            return Err(AccessError::TokenInvalid("the end lies in the past"));
        }
        let _changing = self.changing.lock().await;
        if self.book.read().tokens.len() >= TOKENS_MAX {
            return Err(AccessError::Full { what: "tokens", limit: TOKENS_MAX });
        }
        let (id, secret) = (new_id('t'), new_secret());
        let hash = SecretHash::of(&secret);
        let row =
            TokenRow { title: title.trim().to_owned(), scopes: scopes.into_iter().collect(), hash, created, expires };
        let change = Change::put(Table::Token, id.clone(), Some(hash.to_string()), &row).expecting(Expect::Absent);
        let rev = self.commit(vec![change]).await?[0];
        let token = view(&id, &row);
        let mut book = self.book.write();
        book.tokens_by_hash.insert(hash, id.clone());
        book.tokens.insert(id, Kept { rev, row });
        Ok((token, secret))
    }

    /// Withdraws a token.
    pub async fn remove_token(&self, id: &str) -> Result<(), AccessError> {
        let _changing = self.changing.lock().await;
        let hash = self.book.read().tokens.get(id).map(|kept| kept.row.hash).ok_or_else(|| unknown("token", id))?;
        self.commit(vec![Change::delete(Table::Token, id)]).await?;
        let mut book = self.book.write();
        book.tokens.remove(id);
        book.tokens_by_hash.remove(&hash);
        Ok(())
    }
}

fn view(id: &str, row: &TokenRow) -> TokenView {
    TokenView {
        id: id.to_owned(),
        title: row.title.clone(),
        scopes: Arc::clone(&row.scopes),
        created: row.created,
        expires: row.expires,
    }
}
