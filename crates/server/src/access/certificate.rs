//! The name in a client certificate: which thing it speaks for.

use model::ThingId;

/// The thing that a verified client certificate names: its common name, else its first DNS name.
pub(super) fn thing_of(certificate: &[u8]) -> Option<ThingId> {
    let certificate = rustls::pki_types::CertificateDer::from(certificate);
    let certificate = webpki::EndEntityCert::try_from(&certificate).ok()?;
    let common_name = common_name(certificate.subject());
    let name = common_name.or_else(|| certificate.valid_dns_names().next().map(str::to_owned))?;
    ThingId::new(name).ok()
}

/// Reads one DER element: its tag, its content, and what follows.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if digits.is_empty() || digits.len() > 4 {
            return None;
        }
        (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// The common name (2.5.4.3) of a subject: a sequence of sets of (object identifier, string).
fn common_name(mut subject: &[u8]) -> Option<String> {
    const SET: u8 = 0x31;
    const OBJECT_IDENTIFIER: u8 = 0x06;
    const TEXTS: [u8; 3] = [0x0c, 0x13, 0x16]; // UTF8String, PrintableString, IA5String
    while let Some((tag, mut set, rest)) = element(subject) {
        subject = rest;
        while let (SET, Some((_, pair, next))) = (tag, element(set)) {
            set = next;
            let (kind, oid, value) = element(pair)?;
            let (text, content, _) = element(value)?;
            if kind == OBJECT_IDENTIFIER && oid == [0x55, 0x04, 0x03] && TEXTS.contains(&text) {
                return String::from_utf8(content.to_vec()).ok();
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(common_name: Option<&str>, dns: &[&str]) -> Vec<u8> {
        let key = rcgen::KeyPair::generate().unwrap();
        let names: Vec<String> = dns.iter().map(ToString::to_string).collect();
        let mut parameters = rcgen::CertificateParams::new(names).unwrap();
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        parameters.distinguished_name.push(rcgen::DnType::OrganizationName, "Somebody");
        if let Some(name) = common_name {
            parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
        }
        parameters.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn the_common_name_comes_before_dns_names() {
        let thing = |common_name, dns: &[&str]| thing_of(&certificate(common_name, dns)).map(|id| id.to_string());
        assert_eq!(thing(Some("거실-등"), &["lamp.local"]).as_deref(), Some("거실-등"));
        assert_eq!(thing(None, &["lamp.local"]).as_deref(), Some("lamp.local"));
        assert_eq!(thing(None, &[]), None);
        assert_eq!(thing(Some("a/b"), &[]), None, "a name that is no thing id opens nothing");
    }

    #[test]
    fn broken_der_is_no_name() {
        let good = certificate(Some("lamp"), &[]);
        for length in 0..good.len() {
            assert_eq!(thing_of(&good[..length]), None);
        }
        assert_eq!(element(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }
}
