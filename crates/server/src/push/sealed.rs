//! What is pushed is sealed for the browser alone (RFC 8291): a key agreed on with the browser's own, and one record of
//! AES-128-GCM (RFC 8188). The service on the way sees neither title nor text.

use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use ring::rand::SecureRandom;

/// The bytes of a public key: a point of P-256 that is not compressed.
pub(super) const PUBLIC_BYTES: usize = 65;

/// The bytes of the secret that a browser gives with its key.
pub(super) const SECRET_BYTES: usize = 16;

/// The bytes of a salt.
const SALT_BYTES: usize = 16;

/// The size of a record that is said; there is one, and it is shorter.
const RECORD_BYTES: u32 = 4_096;

/// The longest text that can be sealed: services need not take more than a record.
pub(super) const TEXT_BYTES_MAX: usize = 3_993;

/// What a browser gives to whoever shall tell it something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Keys {
    /// Its public key.
    pub(super) public: [u8; PUBLIC_BYTES],
    /// Its secret.
    pub(super) secret: [u8; SECRET_BYTES],
}

/// A length for `ring`.
struct Bytes(usize);

impl KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

fn derived<const COUNT: usize>(salt: &[u8], input: &[u8], info: &[&[u8]]) -> [u8; COUNT] {
    let mut out = [0; COUNT];
    let prk = Salt::new(HKDF_SHA256, salt).extract(input);
    let okm = prk.expand(info, Bytes(COUNT)).expect("a few bytes can be expanded");
    okm.fill(&mut out).expect("the length is the one that was asked for");
    out
}

/// Seals a text for a browser. `None` when its key is none, or the text is too long.
pub(super) fn seal(keys: &Keys, text: &[u8], random: &dyn SecureRandom) -> Option<Vec<u8>> {
    let own = EphemeralPrivateKey::generate(&ECDH_P256, random).ok()?;
    let public = <[u8; PUBLIC_BYTES]>::try_from(own.compute_public_key().ok()?.as_ref()).ok()?;
    let mut salt = [0; SALT_BYTES];
    random.fill(&mut salt).ok()?;
    let theirs = UnparsedPublicKey::new(&ECDH_P256, keys.public);
    agree_ephemeral(own, &theirs, |shared| seal_with(keys, text, shared, &public, &salt)).ok()?
}

/// Seals with what was agreed on.
fn seal_with(
    keys: &Keys,
    text: &[u8],
    shared: &[u8],
    public: &[u8; PUBLIC_BYTES],
    salt: &[u8; SALT_BYTES],
) -> Option<Vec<u8>> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    let input: [u8; 32] = derived(&keys.secret, shared, &[b"WebPush: info\0", &keys.public, public]);
    let key: [u8; 16] = derived(salt, &input, &[b"Content-Encoding: aes128gcm\0"]);
    let nonce: [u8; 12] = derived(salt, &input, &[b"Content-Encoding: nonce\0"]);
    // The last record ends with a 2.
    let mut sealed: Vec<u8> = text.iter().copied().chain([2]).collect();
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).ok()?);
    // The key is used once: it comes of a salt and of a key pair that were made for this text.
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed).ok()?;
    let length = [PUBLIC_BYTES as u8];
    Some([salt.as_slice(), &RECORD_BYTES.to_be_bytes(), &length, public, &sealed].concat())
}

#[cfg(test)]
pub(super) mod tests {
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
    use ring::rand::SystemRandom;

    use super::*;

    fn bytes<const COUNT: usize>(text: &str) -> [u8; COUNT] {
        BASE64.decode(text).unwrap().try_into().unwrap()
    }

    /// Opens as a browser does, from what it agreed on.
    pub(in crate::push) fn open(body: &[u8], own: EphemeralPrivateKey, keys: &Keys) -> Vec<u8> {
        let (salt, rest) = body.split_at(SALT_BYTES);
        assert_eq!(rest[..5], [0, 0, 16, 0, 65]);
        let (public, sealed) = rest[5..].split_at(PUBLIC_BYTES);
        let theirs = UnparsedPublicKey::new(&ECDH_P256, public);
        let opened = agree_ephemeral(own, &theirs, |shared| {
            let input: [u8; 32] = derived(&keys.secret, shared, &[b"WebPush: info\0", &keys.public, public]);
            let key: [u8; 16] = derived(salt, &input, &[b"Content-Encoding: aes128gcm\0"]);
            let nonce: [u8; 12] = derived(salt, &input, &[b"Content-Encoding: nonce\0"]);
            let mut text = sealed.to_vec();
            let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).unwrap());
            key.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut text).unwrap().to_vec()
        });
        let mut text = opened.unwrap();
        assert_eq!(text.pop(), Some(2));
        text
    }

    /// Appendix A of RFC 8291.
    #[test]
    fn the_example_of_the_standard_comes_out_byte_for_byte() {
        let keys = Keys {
            public: bytes("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
            secret: bytes("BTBZMqHH6r4Tts7J_aSIgg"),
        };
        let public = bytes("BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8");
        let shared: [u8; 32] = bytes("kyrL1jIIOHEzg3sM2ZWRHDRB62YACZhhSlknJ672kSs");
        let salt = bytes("DGv6ra1nlYgDCS1FRnbzlw");
        let text = b"When I grow up, I want to be a watermelon";
        let body = seal_with(&keys, text, &shared, &public, &salt).unwrap();
        assert_eq!(
            BASE64.encode(body),
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
        );
    }

    #[test]
    fn what_is_sealed_opens_with_the_browsers_key_and_nothing_too_long_is() {
        let random = SystemRandom::new();
        let own = EphemeralPrivateKey::generate(&ECDH_P256, &random).unwrap();
        let public = own.compute_public_key().unwrap().as_ref().try_into().unwrap();
        let keys = Keys { public, secret: [7; SECRET_BYTES] };
        let body = seal(&keys, "물이 샌다".as_bytes(), &random).unwrap();
        assert_ne!(seal(&keys, "물이 샌다".as_bytes(), &random).unwrap(), body, "no two are alike");
        assert_eq!(open(&body, own, &keys), "물이 샌다".as_bytes());
        assert_eq!(seal(&keys, &[0; TEXT_BYTES_MAX + 1], &random), None);
        assert!(seal(&keys, &[0; TEXT_BYTES_MAX], &random).unwrap().len() <= 4_096);
        assert_eq!(seal(&Keys { public: [4; PUBLIC_BYTES], ..keys }, b"x", &random), None, "no point of the curve");
    }
}
