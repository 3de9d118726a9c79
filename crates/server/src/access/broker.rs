//! Who an MQTT client is.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use model::{Principal, ThingId};
use mqtt::{Authenticate, Authentication, Credentials, ReasonCode};

use super::{Access, AccessError, certificate, secret};

/// The user name with which a program shows a token instead of a password.
pub(super) const TOKEN_USERNAME: &str = "token";

impl Authenticate for Access {
    fn authenticate<'a>(&'a self, credentials: &'a Credentials) -> Authentication<'a> {
        Box::pin(self.authenticate_client(credentials))
    }
}

impl Access {
    /// A client certificate speaks for the thing it names, unless a user name says otherwise. Then: a thing with its
    /// secret, `token` with a token, a person with their password. Nobody gets what is open to anonymous clients.
    async fn authenticate_client(&self, credentials: &Credentials) -> Result<Principal, ReasonCode> {
        let address = credentials.peer.address.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address| address.ip());
        let named = credentials.peer.certificate.as_deref().and_then(certificate::thing_of);
        let password = credentials.password.as_deref().map(|bytes| std::str::from_utf8(bytes));
        match (credentials.username.as_deref().filter(|name| !name.is_empty()), password, named) {
            (None, None, Some(thing)) => Ok(self.thing_by_certificate(thing)),
            (Some(username), None, Some(thing)) if username == thing.as_str() => Ok(self.thing_by_certificate(thing)),
            (None, None, None) if self.anonymous.grants.is_empty() => Err(ReasonCode::NotAuthorized),
            (None, None, None) => Ok(Principal::Anonymous(Arc::clone(&self.anonymous))),
            (Some(username), Some(Ok(password)), _) => self.by_name(username, password, address).await,
            _ => Err(ReasonCode::BadUserNameOrPassword),
        }
    }

    /// The authority that signed the certificate vouches for the thing; its topic rules are those of its credential.
    fn thing_by_certificate(&self, id: ThingId) -> Principal {
        let rules = self.credential(&id).map(|view| view.rules).unwrap_or_default();
        Principal::Thing { id, rules }
    }

    async fn by_name(&self, username: &str, password: &str, address: IpAddr) -> Result<Principal, ReasonCode> {
        let identity =
            if username == TOKEN_USERNAME { self.by_token(password) } else { self.by_credential(username, password) };
        if let Some(identity) = identity {
            return Ok(identity.principal);
        }
        // What has the shape of our secrets is no password: a thing with an outdated secret that reconnects every
        // second must cost nothing, and must not use up the attempts of a person.
        if username == TOKEN_USERNAME || secret::looks_like_a_secret(password) {
            self.refuse("mqtt.connect", username, address).await;
            return Err(ReasonCode::BadUserNameOrPassword);
        }
        match self.check_password(username, password.to_owned(), address).await {
            Ok(Some(user)) => Ok(Principal::User { id: user.id.into(), role: user.role }),
            Ok(None) => {
                self.refuse("mqtt.connect", username, address).await;
                Err(ReasonCode::BadUserNameOrPassword)
            }
            Err(AccessError::TooMany { .. }) => Err(ReasonCode::ConnectionRateExceeded),
            Err(AccessError::Busy) => Err(ReasonCode::ServerBusy),
            Err(error) => {
                tracing::error!(%error, "sign-in failed");
                Err(ReasonCode::ServerUnavailable)
            }
        }
    }
}
