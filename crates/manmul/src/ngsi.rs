//! Telling subscribers of NGSI-LD what changed: a few at a time, each within a time. What could not be told is counted with
//! its subscription; the next change is told again.

use std::sync::Arc;
use std::time::Duration;

use model::{Clock, RecordKind};
use server::Application;
use server::ngsi::Notification;
use site::{Filter, Site};
use tokio_util::sync::CancellationToken;

/// How often it is looked whether there is something to tell.
const LOOK: Duration = Duration::from_millis(100);
/// How long one attempt may take.
const ATTEMPT_WITHIN: Duration = Duration::from_secs(10);
/// How many are posted at a time.
const AT_A_TIME: usize = 8;

/// Tells subscribers until `closing`.
pub(crate) async fn tell(app: Arc<Application>, site: Arc<Site>, clock: Arc<dyn Clock>, closing: CancellationToken) {
    let filter = Filter { kinds: Some(vec![RecordKind::Property]), ..Filter::default() };
    let mut live = site.subscribe(filter, None);
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            () = closing.cancelled() => return,
            batch = live.next() => app.ngsi().hear(&batch.records, clock.now()),
            _ = looks.tick() => {
                let due = app.ngsi().due(&site, clock.now());
                for some in due.chunks(AT_A_TIME) {
                    post_all(&app, some).await;
                }
            }
        }
    }
}

async fn post_all(app: &Application, notifications: &[Notification]) {
    let posts = notifications.iter().map(|one| {
        let (url, media_type, body) = (one.url.clone(), one.media_type, one.body.clone());
        tokio::task::spawn_blocking(move || post(&url, media_type, &body))
    });
    let posts: Vec<_> = posts.collect();
    for (one, post) in notifications.iter().zip(posts) {
        let outcome = post.await.unwrap_or_else(|error| Err(error.to_string()));
        app.ngsi().told(&one.subscription, outcome);
    }
}

fn post(url: &str, media_type: &str, body: &str) -> Result<(), String> {
    let config = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0);
    let agent = config.timeout_global(Some(ATTEMPT_WITHIN)).build().new_agent();
    let answer = agent.post(url).content_type(media_type).send(body).map_err(|error| error.to_string())?;
    let status = answer.status();
    if status.is_success() { Ok(()) } else { Err(format!("it answered {status}")) }
}
