//! Telling others of every change of an order: posted in order, signed, and tried again until it is taken. After a restart
//! they go on where they were; of several changes of an order that were not told by then, the last is.

use std::sync::Arc;
use std::time::Duration;

use fleet::desk::{Desk, Webhook};
use fleet::orders::Order;
use ring::hmac;
use tokio_util::sync::CancellationToken;

/// How often it is looked whether there is something to tell.
const LOOK: Duration = Duration::from_millis(200);
/// How long one attempt may take.
const ATTEMPT_WITHIN: Duration = Duration::from_secs(10);
/// How long is waited before the second attempt; twice as long before every further one.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest wait between two attempts.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// After so many attempts a change is left out, so that the others are told.
const ATTEMPTS_MAX: u32 = 15;
/// How many changes are taken up at a time. What waits longer is kept by the desk, up to its own limit.
const TAKEN_UP: usize = 100;

/// Tells every change until `closing`: first those that were not told when the program ended.
pub(super) async fn tell(desk: Arc<Desk>, closing: CancellationToken) {
    let mut next = 0;
    while tokio::time::timeout(LOOK, closing.cancelled()).await.is_err() {
        let Some(webhook) = desk.webhook().0 else {
            next = desk.changes(None, 0).next;
            continue;
        };
        let changes = desk.changes(Some(next), TAKEN_UP);
        if changes.skipped > 0 {
            desk.note_webhook(|figures| figures.skipped += changes.skipped);
        }
        next = changes.next - changes.orders.len() as u64;
        let mut told = None;
        for order in &changes.orders {
            if !deliver(&desk, &webhook, order, &closing).await {
                break;
            }
            (next, told) = (next + 1, Some(order.change));
        }
        // Whatever happens before this is written down, is told again.
        if let Some(told) = told
            && let Err(error) = tokio::task::block_in_place(|| desk.set_told(told))
        {
            tracing::warn!(%error, "changes of orders will be told again after a restart");
        }
    }
}

/// Posts a change until it is taken. False when it should be looked again where to: the address was changed, or we close.
async fn deliver(desk: &Arc<Desk>, webhook: &Webhook, order: &Order, closing: &CancellationToken) -> bool {
    let body = server::api::fleet_orders::order_json(order).to_string();
    let mut pause = PAUSE;
    for _ in 0..ATTEMPTS_MAX {
        let (asked, text) = (webhook.clone(), body.clone());
        let posted = tokio::task::spawn_blocking(move || post(&asked, &text)).await;
        match posted.unwrap_or_else(|error| Err(error.to_string())) {
            Ok(()) => {
                desk.note_webhook(|figures| (figures.delivered, figures.problem) = (figures.delivered + 1, None));
                return true;
            }
            Err(problem) => {
                desk.note_webhook(|figures| (figures.failed, figures.problem) = (figures.failed + 1, Some(problem)));
            }
        }
        if tokio::time::timeout(pause, closing.cancelled()).await.is_ok() || desk.webhook().0.as_ref() != Some(webhook)
        {
            return false;
        }
        pause = (pause * 2).min(PAUSE_MAX);
    }
    desk.note_webhook(|figures| figures.skipped += 1);
    true
}

fn post(webhook: &Webhook, body: &str) -> Result<(), String> {
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(ATTEMPT_WITHIN))
        .build()
        .new_agent();
    let mut request = agent.post(&webhook.url).content_type("application/json");
    if let Some(secret) = &webhook.secret {
        request = request.header("Manmul-Signature", signature(secret, body));
    }
    let answer = request.send(body).map_err(|error| error.to_string())?;
    let status = answer.status();
    if status.is_success() { Ok(()) } else { Err(format!("it answered {status}")) }
}

/// `sha256=` and the HMAC of a body, in hexadecimal digits.
fn signature(secret: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let digits =
        hmac::sign(&key, body.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("sha256={digits}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_standard() {
        // The second case of RFC 4231.
        assert_eq!(
            signature("Jefe", "what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
