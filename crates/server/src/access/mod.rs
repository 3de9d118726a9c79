//! Who may come in: the owner's set-up, people and their sessions, programs and their tokens, things and their
//! credentials, and the audit log. What they may do once they are in is `model::decide`'s business.
//!
//! Read [`Access`] first.
//!
//! **Invariant:** no secret is kept, only hashes: argon2id for passwords, SHA-256 for secrets of 256 random bits.

mod audit;
mod book;
mod broker;
mod certificate;
mod credentials;

mod password;
mod people;
mod rate;
mod rights;
pub mod secret;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use model::access::TopicRules;
use model::{Clock, Principal, Role, ThingId, Timestamp};
use parking_lot::{Mutex, RwLock};
use store::State;
use store::state::{Change, Expect, StateError, Table};

pub use audit::AuditRow;
pub use book::{CREDENTIALS_MAX, SIGN_INS_PER_USER_MAX, TOKENS_MAX, USERS_MAX};
pub use credentials::CredentialView;
pub use password::{PASSWORD_BYTES_MAX, PASSWORD_CHARACTERS_MIN};
pub use people::{TokenView, UserView};

use audit::Audit;
use book::{Book, Kept, SignInRow, UserRow};
use password::Passwords;
use rate::{Key, RateLimits};
use secret::SecretHash;

/// How long the one-time link of the owner's set-up works.
pub const SET_UP_LINK_LIFE: Duration = Duration::from_secs(24 * 3600);

/// The id of whoever shows the local secret: the owner of the machine's account.
pub const LOCAL_USER: &str = "local";

/// The longest name of a person, in characters.
pub const NAME_CHARACTERS_MAX: usize = 64;

/// Why somebody did not come in, or a change of access was not made.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// There is an owner already.
    #[error("this installation has an owner already")]
    OwnerExists,
    /// The one-time link is wrong, used or too old.
    #[error("this one-time link is wrong, used or too old")]
    LinkWrong,
    /// Name or password is wrong; which, is not said.
    #[error("name or password is wrong")]
    Wrong,
    /// Too many attempts.
    #[error("too many attempts")]
    TooMany {
        /// After how many seconds one more is allowed.
        seconds: u64,
    },
    /// Too many sign-ins are being checked.
    #[error("too many sign-ins are being checked")]
    Busy,
    /// The password is too short.
    #[error("a password needs at least {PASSWORD_CHARACTERS_MIN} characters")]
    PasswordTooShort,
    /// The password is too long.
    #[error("a password has at most {PASSWORD_BYTES_MAX} bytes")]
    PasswordTooLong,
    /// The name is empty, too long or has control characters.
    #[error("a name has 1 to {NAME_CHARACTERS_MAX} characters, and no control characters or colons")]
    NameInvalid,
    /// Somebody else has this name.
    #[error("there is another user named {0}")]
    NameTaken(String),
    /// The site would be left without an owner.
    #[error("the last owner stays owner")]
    LastOwner,
    /// A table is full.
    #[error("there are {limit} {what}, which is the limit")]
    Full {
        /// Users, tokens or credentials.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// There is no such user or token.
    #[error("there is no {what} {id}")]
    Unknown {
        /// User, token or credential.
        what: &'static str,
        /// The id asked for.
        id: String,
    },
    /// A token needs scopes and an end that is not in the past.
    #[error("{0}")]
    TokenInvalid(&'static str),
    /// The row was changed meanwhile.
    #[error("{0} was changed meanwhile")]
    Changed(String),
    /// The state could not be read or written.
    #[error(transparent)]
    State(StateError),
    /// Something failed inside.
    #[error("{0}")]
    Failed(String),
}

impl From<StateError> for AccessError {
    fn from(error: StateError) -> Self {
        match error {
            StateError::Conflict { id, .. } => Self::Changed(id),
            error => Self::State(error),
        }
    }
}

/// What somebody showed to come in; resolved to a principal anew whenever it matters, so that a withdrawn token or an
/// ended session stops working at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Nothing.
    None,
    /// The cookie of a session.
    Cookie(SecretHash),
    /// A token, or the local secret.
    Token(SecretHash),
    /// The credential of a thing.
    Credential(SecretHash),
}

/// Who asks, and what they showed.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Who.
    pub principal: Principal,
    /// What they showed.
    pub proof: Proof,
}

/// A session that begins.
#[derive(Debug)]
pub struct NewSession {
    /// Who signed in.
    pub user: UserView,
    /// The cookie's value.
    pub cookie: String,
    /// When it ends.
    pub expires: Timestamp,
}

/// What access is told when it opens.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long a session lasts.
    pub session_life: Duration,
    /// What MQTT clients without credentials may do; empty rules keep them out.
    pub anonymous: TopicRules,
}

#[derive(Debug)]
struct SetUpLink {
    hash: SecretHash,
    expires: Timestamp,
}

/// Who may come in.
#[derive(Debug)]
pub struct Access {
    state: Arc<dyn State>,
    clock: Arc<dyn Clock>,
    settings: Settings,
    anonymous: Arc<TopicRules>,
    book: RwLock<Book>,
    /// Held while a change is checked, committed and taken into the book.
    changing: tokio::sync::Mutex<()>,
    passwords: Passwords,
    limits: RateLimits,
    audit: Arc<Audit>,
    set_up_link: Mutex<Option<SetUpLink>>,
    local: SecretHash,
    refused: AtomicU64,
}

impl Access {
    /// Opens access on the state. Returns the local secret with it: whoever can read it owns the machine's account,
    /// and is let in as an owner.
    pub fn open(
        state: Arc<dyn State>,
        clock: Arc<dyn Clock>,
        settings: Settings,
    ) -> Result<(Self, String), StateError> {
        let local = secret::new_secret();
        let access = Self {
            book: RwLock::new(Book::open(&*state)?),
            changing: tokio::sync::Mutex::new(()),
            passwords: Passwords::new(),
            limits: RateLimits::default(),
            audit: Arc::new(Audit::new(Arc::clone(&state))),
            set_up_link: Mutex::new(None),
            local: SecretHash::of(&local),
            anonymous: Arc::new(settings.anonymous.clone()),
            refused: AtomicU64::new(0),
            state,
            clock,
            settings,
        };
        Ok((access, local))
    }

    /// Whether somebody owns the site.
    pub fn has_owner(&self) -> bool {
        self.book.read().has_owner()
    }

    /// Makes the token of a new one-time link for the owner's set-up; earlier ones stop working.
    pub fn new_set_up_link(&self) -> String {
        let token = secret::new_secret();
        let expires = self.clock.now() + SET_UP_LINK_LIFE;
        *self.set_up_link.lock() = Some(SetUpLink { hash: SecretHash::of(&token), expires });
        token
    }

    /// Makes the first owner and signs them in. Works once, with the token of the one-time link.
    pub async fn set_up(
        &self,
        token: &str,
        name: &str,
        password: String,
        address: IpAddr,
    ) -> Result<NewSession, AccessError> {
        let now = self.clock.now();
        self.limits.take(&Key::address(address), now).map_err(|seconds| AccessError::TooMany { seconds })?;
        if self.has_owner() {
            return Err(AccessError::OwnerExists);
        }
        let fits = |link: &SetUpLink| link.hash == SecretHash::of(token) && now < link.expires;
        if !self.set_up_link.lock().as_ref().is_some_and(fits) {
            self.refuse("set_up", name, address).await;
            return Err(AccessError::LinkWrong);
        }
        let user = self.make_user(name, password, Role::Owner, true).await?;
        *self.set_up_link.lock() = None;
        self.begin_session(user).await
    }

    /// Signs a person in.
    pub async fn sign_in(&self, name: &str, password: String, address: IpAddr) -> Result<NewSession, AccessError> {
        let Some(user) = self.check_password(name, password, address).await? else {
            self.refuse("sign_in", name, address).await;
            return Err(AccessError::Wrong);
        };
        self.begin_session(user).await
    }

    /// The person of this name and password, within the rate limits.
    async fn check_password(
        &self,
        name: &str,
        password: String,
        address: IpAddr,
    ) -> Result<Option<UserView>, AccessError> {
        let now = self.clock.now();
        let keys = [Key::address(address), Key::name(name)];
        for key in &keys {
            self.limits.take(key, now).map_err(|seconds| {
                self.refused.fetch_add(1, Ordering::Relaxed);
                AccessError::TooMany { seconds }
            })?;
        }
        let known = self.book.read().user_named(name).map(|(id, kept)| (id.clone(), kept.clone()));
        let hash = known.as_ref().map(|(_, kept)| kept.row.password.clone());
        if !self.passwords.verify(password, hash).await? {
            return Ok(None);
        }
        keys.iter().for_each(|key| self.limits.give_back(key));
        Ok(known.map(|(id, kept)| UserView::new(&id, &kept)))
    }

    async fn begin_session(&self, user: UserView) -> Result<NewSession, AccessError> {
        let _changing = self.changing.lock().await;
        let cookie = secret::new_secret();
        let hash = SecretHash::of(&cookie);
        let created = self.clock.now();
        let row = SignInRow { user: user.id.clone(), created, expires: created + self.settings.session_life };
        let mut ended = self.superfluous_sessions(&user.id, created);
        let mut changes = vec![Change::put(Table::SignIn, hash.to_string(), Some(user.id.clone()), &row)];
        changes.extend(ended.iter().map(|hash| Change::delete(Table::SignIn, hash.to_string())));
        self.commit(changes).await?;
        let expires = row.expires;
        let mut book = self.book.write();
        ended.drain(..).for_each(|hash| drop(book.sign_ins.remove(&hash)));
        book.sign_ins.insert(hash, row);
        Ok(NewSession { user, cookie, expires })
    }

    /// Sessions that have expired, and the oldest ones of a user who has too many.
    fn superfluous_sessions(&self, user: &str, now: Timestamp) -> Vec<SecretHash> {
        let book = self.book.read();
        let (mut expired, mut own) = (Vec::new(), Vec::new());
        for (hash, row) in &book.sign_ins {
            if row.expires <= now {
                expired.push(*hash);
            } else if row.user == user {
                own.push((row.created, *hash));
            }
        }
        own.sort_unstable_by_key(|(created, _)| *created);
        let excess = (own.len() + 1).saturating_sub(SIGN_INS_PER_USER_MAX);
        expired.extend(own.into_iter().take(excess).map(|(_, hash)| hash));
        expired
    }

    /// Ends the session of a cookie.
    pub async fn sign_out(&self, cookie: SecretHash) -> Result<(), AccessError> {
        let _changing = self.changing.lock().await;
        self.commit(vec![Change::delete(Table::SignIn, cookie.to_string())]).await?;
        self.book.write().sign_ins.remove(&cookie);
        Ok(())
    }

    /// Who a cookie belongs to.
    pub fn by_cookie(&self, cookie: &str) -> Option<Identity> {
        self.identify(Proof::Cookie(SecretHash::of(cookie)))
    }

    /// Who a token, or the local secret, belongs to.
    pub fn by_token(&self, token: &str) -> Option<Identity> {
        self.identify(Proof::Token(SecretHash::of(token)))
    }

    /// Which thing a user name and secret belong to.
    pub fn by_credential(&self, username: &str, secret: &str) -> Option<Identity> {
        let id = ThingId::new(username).ok()?;
        let hash = SecretHash::of(secret);
        let book = self.book.read();
        let row = book.credentials.get(&id).filter(|row| row.hash == hash)?;
        let principal = Principal::Thing { id, rules: Arc::clone(&row.rules) };
        Some(Identity { principal, proof: Proof::Credential(hash) })
    }

    /// The identity behind a proof, if it still holds.
    fn identify(&self, proof: Proof) -> Option<Identity> {
        let now = self.clock.now();
        let book = self.book.read();
        let principal = match proof {
            Proof::None => Principal::anonymous(),
            Proof::Cookie(hash) => {
                let row = book.sign_ins.get(&hash).filter(|row| now < row.expires)?;
                Principal::User { id: row.user.as_str().into(), role: book.users.get(&row.user)?.row.role }
            }
            Proof::Token(hash) if hash == self.local => Principal::User { id: LOCAL_USER.into(), role: Role::Owner },
            Proof::Token(hash) => {
                let id = book.tokens_by_hash.get(&hash)?;
                let row = &book.tokens.get(id)?.row;
                if row.expires.is_some_and(|expires| expires <= now) {
                    return None;
                }
                Principal::Token { id: id.as_str().into(), scopes: Arc::clone(&row.scopes) }
            }
            Proof::Credential(_) => return None,
        };
        Some(Identity { principal, proof })
    }

    /// Whether an identity that was let in earlier would be let in now as the same.
    pub fn still_holds(&self, identity: &Identity) -> bool {
        match (&identity.principal, identity.proof) {
            (Principal::Thing { id, .. }, Proof::Credential(hash)) => {
                self.book.read().credentials.get(id).is_some_and(|row| row.hash == hash)
            }
            (principal, proof) => self.identify(proof).is_some_and(|now| now.principal == *principal),
        }
    }

    /// What people call a user.
    pub fn user_name(&self, id: &str) -> Option<String> {
        if id == LOCAL_USER {
            return Some("local administrator".to_owned());
        }
        self.book.read().users.get(id).map(|kept| kept.row.name.clone())
    }

    /// Attempts refused because of the rate limits since the start.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Writes an audit entry. A failure is logged: what was done is done.
    pub async fn record(
        &self,
        principal: &Principal,
        address: Option<IpAddr>,
        action: &str,
        target: impl std::fmt::Display,
        allowed: bool,
    ) {
        let row = AuditRow {
            time: self.clock.now(),
            who: principal.to_string(),
            address,
            action: action.to_owned(),
            target: target.to_string(),
            allowed,
        };
        let audit = Arc::clone(&self.audit);
        let written = tokio::task::spawn_blocking(move || audit.write(&row)).await;
        if let Err(error) = written.map_err(|error| error.to_string()).and_then(|done| done.map_err(|e| e.to_string()))
        {
            tracing::error!(%error, "audit entry not written");
        }
    }

    /// Audit entries from after `after`, newest first, and how many there are. Blocks for a read.
    pub fn audit(&self, after: Option<&str>, limit: usize) -> Result<(Vec<(String, AuditRow)>, u64), StateError> {
        self.audit.list(after, limit)
    }

    /// Counts a refusal, and audits it while its address has not been refused too often.
    async fn refuse(&self, action: &str, name: &str, address: IpAddr) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        if self.limits.take(&Key::audit(address), self.clock.now()).is_ok() {
            let name: String = name.chars().take(NAME_CHARACTERS_MAX).collect();
            self.record(&Principal::anonymous(), Some(address), action, name, false).await;
        }
    }

    /// Commits changes off the async threads.
    async fn commit(&self, changes: Vec<Change>) -> Result<Vec<i64>, AccessError> {
        let (state, now) = (Arc::clone(&self.state), self.clock.now());
        let committed = tokio::task::spawn_blocking(move || state.commit(changes, now)).await;
        Ok(committed.map_err(|error| AccessError::Failed(error.to_string()))??)
    }
}

#[cfg(test)]
mod tests;
