//! Passwords of people: argon2id, off the async threads, a few at a time.

use std::sync::atomic::{AtomicUsize, Ordering};

use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use super::{AccessError, secret};

/// The shortest password accepted, in characters.
pub const PASSWORD_CHARACTERS_MIN: usize = 8;

/// The longest password accepted, in bytes.
pub const PASSWORD_BYTES_MAX: usize = 1024;

/// How many hashes are computed at a time: each takes a core and [`MEMORY_KIB`].
pub(super) const HASHES_AT_A_TIME: usize = 2;

/// How many requests may wait for their hash; one more is refused with "busy".
pub(super) const HASHES_WAITING_MAX: usize = 32;

/// Memory of one hash, in KiB.
pub(super) const MEMORY_KIB: u32 = 19 * 1024;

/// Passes over the memory.
pub(super) const PASSES: u32 = 2;

fn argon2() -> Argon2<'static> {
    let parameters = Params::new(MEMORY_KIB, PASSES, 1, None).expect("the parameters are within argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
}

/// Hashes and verifies passwords, a few at a time.
#[derive(Debug)]
pub(super) struct Passwords {
    running: Semaphore,
    waiting: AtomicUsize,
    /// Verified in place of the hash of a user who does not exist, so that the time of an answer does not tell.
    nobody: String,
}

impl Passwords {
    pub(super) fn new() -> Self {
        Self {
            running: Semaphore::new(HASHES_AT_A_TIME),
            waiting: AtomicUsize::new(0),
            nobody: hash_now(&secret::new_secret()),
        }
    }

    /// Checks that a password may be chosen.
    pub(super) fn check(password: &str) -> Result<(), AccessError> {
        if password.chars().count() < PASSWORD_CHARACTERS_MIN {
            return Err(AccessError::PasswordTooShort);
        }
        if password.len() > PASSWORD_BYTES_MAX {
            return Err(AccessError::PasswordTooLong);
        }
        Ok(())
    }

    /// The hash of a password, in PHC form.
    pub(super) async fn hash(&self, password: String) -> Result<String, AccessError> {
        self.run(move || hash_now(&password)).await
    }

    /// Whether `password` is the one of `hash`; takes as long when there is no hash.
    pub(super) async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, AccessError> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.nobody.clone());
        let matches = self.run(move || verify_now(&password, &hash)).await?;
        Ok(known && matches)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, AccessError> {
        let _waiting = Waiting::enter(&self.waiting)?;
        let _permit = self.running.acquire().await.expect("the semaphore is never closed");
        tokio::task::spawn_blocking(work).await.map_err(|error| AccessError::Failed(error.to_string()))
    }
}

/// A place among those who wait.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(waiting: &'a AtomicUsize) -> Result<Self, AccessError> {
        let place = Self(waiting);
        if waiting.fetch_add(1, Ordering::Relaxed) >= HASHES_WAITING_MAX { Err(AccessError::Busy) } else { Ok(place) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn hash_now(password: &str) -> String {
    let salt = SaltString::encode_b64(&secret::random_bytes::<16>()).expect("16 bytes are a salt");
    argon2().hash_password(password.as_bytes(), &salt).expect("the parameters are within argon2's bounds").to_string()
}

fn verify_now(password: &str, hash: &str) -> bool {
    password.len() <= PASSWORD_BYTES_MAX
        && PasswordHash::new(hash).is_ok_and(|hash| argon2().verify_password(password.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn passwords_are_verified_and_unknown_users_never_match() {
        let passwords = Passwords::new();
        let hash = passwords.hash("correct horse".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(passwords.verify("correct horse".into(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify("battery staple".into(), Some(hash)).await.unwrap());
        assert!(!passwords.verify("correct horse".into(), None).await.unwrap());
    }

    #[test]
    fn the_queue_is_bounded() {
        let waiting = AtomicUsize::new(0);
        let places: Vec<_> = (0..HASHES_WAITING_MAX).map(|_| Waiting::enter(&waiting).ok().unwrap()).collect();
        assert!(matches!(Waiting::enter(&waiting), Err(AccessError::Busy)));
        drop(places);
        assert!(Waiting::enter(&waiting).is_ok());
        assert_eq!(waiting.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn weak_passwords_are_refused() {
        assert!(matches!(Passwords::check("short"), Err(AccessError::PasswordTooShort)));
        assert!(matches!(Passwords::check(&"x".repeat(1025)), Err(AccessError::PasswordTooLong)));
        assert!(Passwords::check("거실의 불빛을").is_err() && Passwords::check("거실의 불빛을 켜").is_ok());
    }
}
