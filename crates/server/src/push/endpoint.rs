//! Where is pushed to: an address that a browser names, and that must not lead into our own network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest address, in bytes.
pub(super) const ENDPOINT_BYTES_MAX: usize = 2_000;

/// An address of a push service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// As it was given.
    pub(super) url: String,
    /// What the signature is for: scheme, host and port.
    pub(super) origin: String,
}

impl Endpoint {
    /// Reads an address. Only addresses over TLS outside of private networks are taken, unless `private` ones are meant
    /// to be.
    pub(super) fn parse(url: &str, private: bool) -> Result<Self, &'static str> {
        if url.len() > ENDPOINT_BYTES_MAX || !url.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("this is no address of a push service");
        }
        let rest = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
            (Some(rest), _) => rest,
            (None, Some(rest)) if private => rest,
            _ => return Err("a push service is reached over https"),
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.is_empty() || authority.contains(['@', '\\']) {
            return Err("this is no address of a push service");
        }
        let host = host_of(authority).ok_or("this is no address of a push service")?;
        let named_here = ["localhost", "local", "internal", "home.arpa"];
        let is_here = named_here.iter().any(|name| host == *name || host.ends_with(&format!(".{name}")));
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let is_private =
            is_here || !host.contains(['.', ':']) || address.as_ref().is_ok_and(|address| !is_public(*address));
        // Other ways of writing a number are no names.
        let is_odd =
            address.is_err() && host.rsplit('.').next().is_some_and(|last| last.bytes().any(|b| b.is_ascii_digit()));
        if (is_private || is_odd) && !private {
            return Err("this leads into a private network");
        }
        let origin = url[..url.len() - rest.len() + authority.len()].to_ascii_lowercase();
        Ok(Self { url: url.to_owned(), origin })
    }
}

/// The host of an authority, in lower case.
fn host_of(authority: &str) -> Option<String> {
    let end = if authority.starts_with('[') {
        authority.find(']')? + 1
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    let (host, port) = authority.split_at(end);
    let is_port = |port: &str| port.parse::<u16>().is_ok();
    let fits = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
    let host = host.trim_end_matches('.');
    (fits && !host.is_empty()).then(|| host.to_ascii_lowercase())
}

/// Whether an address is one of the whole internet.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => is_public_four(four),
        IpAddr::V6(six) => is_public_six(six),
    }
}

fn is_public_four(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    let is_shared = first == 100 && (64..128).contains(&second);
    let is_for_tests = (first == 198 && (18..20).contains(&second)) || address.is_documentation();
    let is_special = first == 0 || first >= 240 || (first == 192 && second == 0 && third == 0);
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || is_shared
        || is_for_tests
        || is_special)
}

fn is_public_six(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    // What stands for an address of the older sort is judged as that.
    let embedded = match segments {
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => Some((segments[6], segments[7])),
        [0x2002, high, low, ..] => Some((high, low)),
        _ => None,
    };
    if let Some((high, low)) = embedded {
        return is_public_four(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    }
    // Only this part is given to the internet.
    segments[0] & 0xe000 == 0x2000 && segments[..2] != [0x2001, 0xdb8]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_internet_over_tls_are_taken() {
        let taken = |url: &str| Endpoint::parse(url, false).map(|endpoint| endpoint.origin);
        assert_eq!(taken("https://fcm.googleapis.com/fcm/send/a:b").as_deref(), Ok("https://fcm.googleapis.com"));
        assert_eq!(taken("https://Push.Example.net:8443/x").as_deref(), Ok("https://push.example.net:8443"));
        assert!(taken("https://[2606:4700::1111]/x").is_ok() && taken("https://1.1.1.1/x").is_ok());
        for wrong in [
            "http://fcm.googleapis.com/x",
            "https://localhost/x",
            "https://push.localhost/x",
            "https://printer.local/x",
            "https://intranet/x",
            "https://127.0.0.1/x",
            "https://127.0.0.1./x",
            "https://127.1/x",
            "https://0x7f000001/x",
            "https://0x7f.0.0.0x1/x",
            "https://10.0.0.1/x",
            "https://192.168.1.1:443/x",
            "https://169.254.169.254/latest",
            "https://100.64.0.1/x",
            "https://[::1]/x",
            "https://[::ffff:10.0.0.1]/x",
            "https://[64:ff9b::a00:1]/x",
            "https://[2002:a00:1::]/x",
            "https://[fd00::1]/x",
            "https://[fe80::1]/x",
            "https://user@example.org/x",
            "https://example.org\\@127.0.0.1/x",
            "https://example.org:0x50/x",
            "https:///x",
            "ftp://example.org/x",
            "https://example.org/ x",
            "",
        ] {
            assert!(taken(wrong).is_err(), "{wrong}");
        }
        assert!(taken(&format!("https://example.org/{}", "x".repeat(3_000))).is_err());
        assert!(Endpoint::parse("http://127.0.0.1:8080/push", true).is_ok());
    }
}
