//! Who sends (RFC 8292): every push is signed with a key that the browser was given when it subscribed, so that nobody
//! else can push to it.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use model::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::json;

/// For how long a signature holds; the standard allows a day.
const HOLDS_S: i64 = 12 * 3_600;

/// The key.
#[derive(Debug)]
pub(super) struct Signer {
    pair: EcdsaKeyPair,
    /// Whom a service may write to.
    contact: String,
}

impl Signer {
    /// A new key, as it is written down.
    pub(super) fn new_key() -> String {
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        BASE64.encode(made.expect("the operating system has randomness"))
    }

    /// With a key that was written down; `None` when it is none.
    pub(super) fn of(key: &str, contact: &str) -> Option<Self> {
        let bytes = BASE64.decode(key).ok()?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &bytes, &SystemRandom::new()).ok()?;
        Some(Self { pair, contact: contact.to_owned() })
    }

    /// The public key, as browsers take it.
    pub(super) fn public(&self) -> String {
        BASE64.encode(self.pair.public_key())
    }

    /// What the header `authorization` says to a service.
    pub(super) fn authorization(&self, origin: &str, now: Timestamp) -> String {
        let head = BASE64.encode(json!({"typ": "JWT", "alg": "ES256"}).to_string());
        let until = now.micros().div_euclid(1_000_000) + HOLDS_S;
        let claims = BASE64.encode(json!({"aud": origin, "exp": until, "sub": self.contact}).to_string());
        let said = format!("{head}.{claims}");
        let signature = self.pair.sign(&SystemRandom::new(), said.as_bytes());
        let signature = BASE64.encode(signature.expect("the operating system has randomness"));
        format!("vapid t={said}.{signature}, k={}", self.public())
    }
}

#[cfg(test)]
mod tests {
    use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    use super::*;

    #[test]
    fn a_signature_says_to_whom_until_when_and_by_whom_and_holds() {
        let key = Signer::new_key();
        let signer = Signer::of(&key, "mailto:owner@example.org").unwrap();
        let said = signer.authorization("https://push.example.net", Timestamp::from_seconds(1_000));
        let (token, public) = said.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
        assert_eq!(public, Signer::of(&key, "").unwrap().public(), "the same key again");
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let claims = BASE64.decode(signed.split_once('.').unwrap().1).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        let expected = json!({"aud": "https://push.example.net", "exp": 44_200, "sub": "mailto:owner@example.org"});
        assert_eq!(claims, expected);
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, BASE64.decode(public).unwrap());
        let signature = BASE64.decode(signature).unwrap();
        public.verify(signed.as_bytes(), &signature).unwrap();
        assert!(public.verify(format!("{signed}x").as_bytes(), &signature).is_err());
        assert!(Signer::of("no key", "").is_none());
    }
}
