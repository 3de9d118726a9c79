//! Secrets sealed at rest: what others gave us in confidence and we have to say again is written down encrypted, with a key
//! in a file of its own. Whoever gets hold of the state alone learns nothing.
//!
//! ChaCha20-Poly1305 with a random nonce before each secret. A secret is sealed for a purpose and opens for no other.

use std::io;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::files;

/// The bytes of a key.
pub const KEY_BYTES: usize = 32;

/// Seals secrets with one key.
pub struct Seal(LessSafeKey);

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal")
    }
}

impl Seal {
    /// With the key in a file, which is made with a new one when it is not there.
    pub fn open(path: &Path) -> io::Result<Self> {
        if !files::exists(path) {
            files::write_atomic(path, &random::<KEY_BYTES>())?;
        }
        let key = <[u8; KEY_BYTES]>::try_from(files::read(path)?);
        key.map(Self::of).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "this is no key"))
    }

    /// With this key.
    pub fn of(key: [u8; KEY_BYTES]) -> Self {
        Self(LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &key).expect("the key has the right length")))
    }

    /// A secret as it is written down.
    pub fn seal(&self, purpose: &str, secret: &str) -> String {
        let nonce = random::<NONCE_LEN>();
        let mut sealed = secret.as_bytes().to_vec();
        let aad = Aad::from(purpose.as_bytes());
        let unique = Nonce::assume_unique_for_key(nonce);
        self.0.seal_in_place_append_tag(unique, aad, &mut sealed).expect("a secret is short");
        BASE64_STANDARD_NO_PAD.encode([nonce.as_slice(), &sealed].concat())
    }

    /// The secret that was sealed for this purpose with this key; nothing when it was not, or was changed since.
    pub fn unseal(&self, purpose: &str, sealed: &str) -> Option<String> {
        let bytes = BASE64_STANDARD_NO_PAD.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>()?;
        let (nonce, mut sealed) = (Nonce::assume_unique_for_key(*nonce), sealed.to_vec());
        let secret = self.0.open_in_place(nonce, Aad::from(purpose.as_bytes()), &mut sealed).ok()?;
        String::from_utf8(secret.to_vec()).ok()
    }
}

fn random<const COUNT: usize>() -> [u8; COUNT] {
    let mut bytes = [0; COUNT];
    SystemRandom::new().fill(&mut bytes).expect("the operating system has randomness");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_with_its_key_and_for_its_purpose_only() {
        let (seal, other) = (Seal::of([1; KEY_BYTES]), Seal::of([2; KEY_BYTES]));
        let sealed = seal.seal("webhook", "s3 ü");
        assert!(!sealed.contains("s3"));
        assert_eq!(seal.unseal("webhook", &sealed).as_deref(), Some("s3 ü"));
        assert_ne!(seal.seal("webhook", "s3 ü"), sealed);
        assert_eq!((seal.unseal("other", &sealed), other.unseal("webhook", &sealed)), (None, None));
        for damaged in ["", "!", &sealed[..20], &sealed.replacen(|c| c != 'A', "A", 40)] {
            assert_eq!(seal.unseal("webhook", damaged), None);
        }
    }

    #[test]
    fn the_key_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let sealed = Seal::open(&path).unwrap().seal("p", "secret");
        assert_eq!(Seal::open(&path).unwrap().unseal("p", &sealed).as_deref(), Some("secret"));
        files::write_atomic(&path, b"short").unwrap();
        assert_eq!(Seal::open(&path).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
