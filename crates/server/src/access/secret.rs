//! Secrets: where they come from, and how they are kept.
//!
//! Passwords of people are kept as argon2id hashes ([`super::password`]), because people choose guessable ones. Every
//! other secret is 256 random bits that we made: nobody can guess one, so a plain SHA-256 of it is kept. That is what
//! lets ten thousand things reconnect at once after a power cut, where argon2 would take minutes of all cores.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::TryRngCore as _;
use rand::rngs::OsRng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

/// What every secret that we make begins with, so that people and scanners know one when they see it.
pub const PREFIX: &str = "mm_";

/// Random bytes of the operating system.
pub fn random_bytes<const LENGTH: usize>() -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    OsRng.try_fill_bytes(&mut bytes).expect("the operating system has randomness");
    bytes
}

/// A new secret of 256 random bits.
pub fn new_secret() -> String {
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random_bytes::<32>()))
}

/// Whether a text has the shape of a secret that [`new_secret`] makes.
pub fn looks_like_a_secret(text: &str) -> bool {
    text.strip_prefix(PREFIX)
        .is_some_and(|rest| rest.len() == 43 && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)))
}

/// A new id, unique enough among the users and tokens of one site.
pub fn new_id(letter: char) -> String {
    let number = u64::from_le_bytes(random_bytes());
    format!("{letter}-{number:016x}")
}

/// The SHA-256 of a secret: all that is kept of it.
#[expect(clippy::derived_hash_with_manual_eq, reason = "equality is that of the bytes, only slower")]
#[derive(Clone, Copy, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// The hash of a secret.
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret).into())
    }
}

/// In constant time, so that the time of an answer does not tell how much of a guess was right.
impl PartialEq for SecretHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Display for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretHash({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

impl From<SecretHash> for String {
    fn from(hash: SecretHash) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for SecretHash {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        const WRONG: &str = "a secret's hash has 64 hexadecimal digits";
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(WRONG);
        }
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).map_err(|_| WRONG)?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_are_recognised() {
        let (one, other) = (new_secret(), new_secret());
        assert_ne!(one, other);
        assert!(looks_like_a_secret(&one));
        assert!(!looks_like_a_secret("mm_short") && !looks_like_a_secret("correct horse battery staple"));
    }

    #[test]
    fn hashes_survive_text() {
        let hash = SecretHash::of("mm_x");
        assert_eq!(SecretHash::try_from(hash.to_string()).unwrap(), hash);
        assert_ne!(hash, SecretHash::of("mm_y"));
        assert!(SecretHash::try_from("zz".repeat(32)).is_err());
    }
}
