//! Posting what browsers are told: a few at a time, each within a time, never into our own network unless that is meant.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use model::Clock;
use server::Application;
use server::push::{Parcel, Posted, is_public};
use tokio_util::sync::CancellationToken;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

/// How often it is looked whether there is something to tell.
const LOOK: Duration = Duration::from_millis(500);
/// How long one attempt may take.
const ATTEMPT_WITHIN: Duration = Duration::from_secs(10);
/// How many are posted at a time.
const AT_A_TIME: usize = 8;

/// Tells browsers until `closing`.
pub(crate) async fn tell(app: Arc<Application>, clock: Arc<dyn Clock>, closing: CancellationToken) {
    let agent = agent(app.push().allows_private());
    while tokio::time::timeout(LOOK, closing.cancelled()).await.is_err() {
        let parcels = match tokio::task::block_in_place(|| app.push_parcels(AT_A_TIME)) {
            Ok(parcels) => parcels,
            Err(error) => {
                tracing::warn!(%error, "what browsers are to be told was not written down; it is tried again");
                continue;
            }
        };
        let posts = parcels.into_iter().map(|parcel| {
            let agent = agent.clone();
            tokio::task::spawn_blocking(move || (post(&agent, &parcel), parcel))
        });
        for post in posts.collect::<Vec<_>>() {
            let Ok((posted, parcel)) = post.await else { continue };
            if let Err(error) = app.push().posted(parcel, posted, clock.now()) {
                tracing::warn!(%error, "a browser that is gone could not be forgotten; it is tried again");
            }
        }
    }
}

fn agent(private: bool) -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .timeout_global(Some(ATTEMPT_WITHIN))
        .build();
    let resolver = Guarded { inner: DefaultResolver::default(), private };
    ureq::Agent::with_parts(config, DefaultConnector::default(), resolver)
}

/// Finds addresses of the internet only: a name may lead anywhere.
#[derive(Debug)]
struct Guarded {
    inner: DefaultResolver,
    private: bool,
}

impl Resolver for Guarded {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.inner.resolve(uri, config, timeout)?;
        let is_fine = |address: &SocketAddr| self.private || is_public(address.ip());
        if found.iter().all(is_fine) { Ok(found) } else { Err(ureq::Error::HostNotFound) }
    }
}

fn post(agent: &ureq::Agent, parcel: &Parcel) -> Posted {
    let mut request = agent.post(&parcel.url);
    for (name, value) in &parcel.headers {
        request = request.header(*name, value);
    }
    match request.send(&parcel.body[..]) {
        Ok(answer) => Posted::Answered(answer.status().as_u16()),
        Err(error) => {
            tracing::debug!(%error, "a push service could not be reached");
            Posted::Unreachable
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_leads_home_leads_nowhere() {
        let request = |private| agent(private).post("http://localhost:9/").send(&b""[..]).unwrap_err();
        assert!(matches!(request(false), ureq::Error::HostNotFound));
        assert!(!matches!(request(true), ureq::Error::HostNotFound));
    }
}
