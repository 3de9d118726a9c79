//! The order book of the fleet: create, cancel, hurry, import, and tell others of every change.

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use fleet::desk::{Desk, Webhook};
use fleet::orders::{Order, OrderState, RowError, Wanted};
use model::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::fleet::{at_desk, text};
use super::page::limit;
use crate::http::extract::body;
use crate::http::{Caller, Json, Made, Path, Problem, Query};

/// The largest table of orders, in bytes.
const CSV_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The longest address of a webhook.
const URL_BYTES_MAX: usize = 2_000;

/// An order. Times are RFC 3339.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OrderOut {
    /// Its id.
    id: String,
    /// Where the load is taken.
    from: String,
    /// Where it is brought.
    to: String,
    /// How urgent it is, 0 to 9.
    priority: u8,
    /// When the load must be there.
    #[schema(required)]
    due: Option<String>,
    /// It is not begun before this.
    #[schema(required)]
    not_before: Option<String>,
    /// Where it stands.
    state: OrderState,
    /// The number of the robot that has it, or had it last.
    #[schema(required)]
    robot: Option<u32>,
    /// When it came.
    created: String,
    /// When it changed last.
    changed: String,
    /// When it was over.
    #[schema(required)]
    done: Option<String>,
    /// Why it failed, was called off, or went back.
    #[schema(required)]
    why: Option<String>,
    /// Whether it was called off and its load is still to be put down.
    called_off: bool,
    /// Who asked for it.
    by: String,
}

impl From<&Order> for OrderOut {
    fn from(order: &Order) -> Self {
        Self {
            id: order.id.clone(),
            from: order.wanted.from.clone(),
            to: order.wanted.to.clone(),
            priority: order.priority,
            due: order.wanted.due.map(text),
            not_before: order.wanted.not_before.map(text),
            state: order.state,
            robot: order.robot,
            created: text(order.created),
            changed: text(order.changed),
            done: order.done.map(text),
            why: order.why.clone(),
            called_off: order.called_off.is_some() && !order.state.is_over(),
            by: order.by.clone(),
        }
    }
}

/// What is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderIn {
    /// Its id; made when left out. The same id with the same content is the same order.
    #[serde(default)]
    id: Option<String>,
    /// The station or storage where the load is taken.
    from: String,
    /// The station or storage to which it is brought.
    to: String,
    /// How urgent it is, 0 to 9.
    #[serde(default)]
    priority: u8,
    /// When the load must be there, as RFC 3339.
    #[serde(default)]
    due: Option<String>,
    /// It is not begun before this, as RFC 3339.
    #[serde(default)]
    not_before: Option<String>,
}

/// Which orders.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OrderQuery {
    /// Only those in this state.
    #[param(inline)]
    state: Option<OrderState>,
    /// `next` of the page before.
    after: Option<String>,
    /// The most items to return, at most 500.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

/// A page of orders, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrdersOut {
    /// The orders.
    items: Vec<OrderOut>,
    /// What to send as `after` for the next page; null on the last.
    #[schema(required)]
    next: Option<String>,
}

/// How urgent an order is from now on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PriorityIn {
    /// 0 to 9.
    priority: u8,
}

/// How an order is called off.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CancelQuery {
    /// The station or storage to which a load is brought that is on the robot; where it came from when left out.
    to: Option<String>,
}

/// How a table is taken.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportQuery {
    /// Whether rows that are fine are taken though others are wrong.
    partly: Option<bool>,
}

/// What became of a table.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportOut {
    /// Orders that were taken.
    accepted: usize,
    /// What is wrong with the others.
    errors: Vec<RowError>,
}

/// Where changes of orders are told.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookIn {
    /// Where they are posted, http or https.
    url: String,
    /// What they are signed with.
    #[serde(default)]
    secret: Option<String>,
}

/// Where changes of orders are told, and how that does. The secret is never shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookOut {
    /// Where they are posted; null when nowhere.
    #[schema(required)]
    url: Option<String>,
    /// Whether they are signed.
    signed: bool,
    /// Changes that were taken.
    delivered: u64,
    /// Attempts that failed.
    failed: u64,
    /// Changes that were left out because too many waited.
    skipped: u64,
    /// Why the last attempt failed, if it did.
    #[schema(required)]
    problem: Option<String>,
}

fn moment(place: &str, given: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    let parse = |given: &str| {
        Timestamp::parse(given).ok_or_else(|| {
            Problem::invalid(format!("{given:?} is no time")).at(place).hint("write it like 2026-01-31T08:30:00Z")
        })
    };
    given.map(parse).transpose()
}

fn by(caller: &Caller) -> String {
    caller.identity.principal.id().to_owned()
}

/// Takes an order. It is on disk when this answers; asking again with the same id and content gives the same order.
#[utoipa::path(post, path = "/fleet/orders", tag = "fleet",
    responses((status = 201, body = OrderOut), (status = 200, body = OrderOut)))]
pub async fn create_order(
    State(app): State<App>,
    caller: Caller,
    Json(order): Json<OrderIn>,
) -> Result<(StatusCode, Extension<Made>, Json<OrderOut>), Problem> {
    let wanted = Wanted {
        due: moment("due", order.due.as_deref())?,
        not_before: moment("not_before", order.not_before.as_deref())?,
        from: order.from,
        to: order.to,
        priority: order.priority,
    };
    let by = by(&caller);
    let created = at_desk(&app, move |desk| desk.create(order.id.as_deref(), wanted, &by)).await?;
    let status = if created.is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Extension(Made(created.order.id.clone())), Json((&created.order).into())))
}

/// Orders, the newest first. Of those that are over the newest 20,000 are kept.
#[utoipa::path(get, path = "/fleet/orders", tag = "fleet", params(OrderQuery),
    responses((status = 200, body = OrdersOut)))]
pub async fn list_orders(State(app): State<App>, Query(query): Query<OrderQuery>) -> Result<Json<OrdersOut>, Problem> {
    let before = match query.after.as_deref().map(str::parse) {
        None => None,
        Some(Ok(number)) => Some(number),
        Some(Err(_)) => return Err(Problem::malformed("after is no `next` of a page").at("after")),
    };
    let limit = limit(query.limit);
    let (orders, is_more) = at_desk(&app, move |desk| desk.orders(query.state, before, limit)).await?;
    let next = orders.last().filter(|_| is_more).map(|order| order.number.to_string());
    Ok(Json(OrdersOut { items: orders.iter().map(OrderOut::from).collect(), next }))
}

/// An order.
#[utoipa::path(get, path = "/fleet/orders/{id}", tag = "fleet", params(("id" = String, Path)),
    responses((status = 200, body = OrderOut)))]
pub async fn get_order(State(app): State<App>, Path(id): Path<String>) -> Result<Json<OrderOut>, Problem> {
    let order = at_desk(&app, move |desk| desk.order(&id)).await?;
    Ok(Json((&order).into()))
}

/// Calls an order off. A load that is on its robot is brought back first: until it is down the order stays as it is, with
/// `called_off`, and then it is cancelled. A robot that cannot put it down is set aside, and the order has failed.
#[utoipa::path(post, path = "/fleet/orders/{id}/cancel", tag = "fleet", params(("id" = String, Path), CancelQuery),
    responses((status = 200, body = OrderOut)))]
pub async fn cancel_order(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<CancelQuery>,
) -> Result<Json<OrderOut>, Problem> {
    let by = by(&caller);
    let order = at_desk(&app, move |desk| desk.cancel(&id, query.to.as_deref(), &by)).await?;
    Ok(Json((&order).into()))
}

/// Changes how urgent an order is.
#[utoipa::path(post, path = "/fleet/orders/{id}/priority", tag = "fleet", params(("id" = String, Path)),
    responses((status = 200, body = OrderOut)))]
pub async fn set_order_priority(
    State(app): State<App>,
    Path(id): Path<String>,
    Json(priority): Json<PriorityIn>,
) -> Result<Json<OrderOut>, Problem> {
    let order = at_desk(&app, move |desk| desk.set_priority(&id, priority.priority)).await?;
    Ok(Json((&order).into()))
}

/// Takes a table of orders: `time,from,to,priority,due`, or columns in any order with their names in the first row; `id`
/// too. Nothing is taken when a row is wrong, unless `partly` is true.
#[utoipa::path(post, path = "/fleet/orders/import", tag = "fleet", params(ImportQuery),
    request_body(content = String, content_type = "text/csv"), responses((status = 200, body = ImportOut)))]
pub async fn import_orders(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ImportQuery>,
    request: Request,
) -> Result<Json<ImportOut>, Problem> {
    let says_csv = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !says_csv.is_some_and(|value| value.trim_start().to_ascii_lowercase().starts_with("text/csv")) {
        return Err(Problem::media_type("text/csv"));
    }
    let bytes = body(request, CSV_BYTES_MAX).await?;
    let table = String::from_utf8(bytes.to_vec())
        .map_err(|_| Problem::malformed("the table is not UTF-8").hint("export it as UTF-8"))?;
    let by = by(&caller);
    let imported = at_desk(&app, move |desk| desk.import(&table, query.partly.unwrap_or(false), &by)).await?;
    Ok(Json(ImportOut { accepted: imported.accepted, errors: imported.errors }))
}

fn webhook_out(desk: &Desk) -> WebhookOut {
    let (webhook, figures) = desk.webhook();
    WebhookOut {
        signed: webhook.as_ref().is_some_and(|webhook| webhook.secret.is_some()),
        url: webhook.map(|webhook| webhook.url),
        delivered: figures.delivered,
        failed: figures.failed,
        skipped: figures.skipped,
        problem: figures.problem,
    }
}

/// Where changes of orders are told.
#[utoipa::path(get, path = "/fleet/webhook", tag = "fleet", responses((status = 200, body = WebhookOut)))]
pub async fn get_webhook(State(app): State<App>) -> Json<WebhookOut> {
    Json(webhook_out(&app.fleet))
}

/// Has every change of an order posted to an address, as the order in JSON, with the header `Manmul-Signature:
/// sha256=` and the HMAC of the body when there is a secret. What is not taken is tried again, in order, and after a
/// restart too; of several changes of an order that were not told by then, the last is. At most 5,000 changes wait, more
/// are `skipped`. A change may be told twice when the program was cut off.
#[utoipa::path(put, path = "/fleet/webhook", tag = "fleet", responses((status = 200, body = WebhookOut)))]
pub async fn put_webhook(State(app): State<App>, Json(asked): Json<WebhookIn>) -> Result<Json<WebhookOut>, Problem> {
    let is_http = asked.url.parse::<axum::http::Uri>().is_ok_and(|url| {
        matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some_and(|host| !host.is_empty())
    });
    if !is_http || asked.url.len() > URL_BYTES_MAX {
        return Err(Problem::invalid("this is no address").at("url").hint("write it like https://wms.example/orders"));
    }
    let secret = asked.secret.filter(|secret| !secret.is_empty());
    let webhook = Webhook { url: asked.url, secret };
    at_desk(&app, move |desk| desk.set_webhook(Some(webhook))).await?;
    Ok(Json(webhook_out(&app.fleet)))
}

/// Changes of orders are told nowhere any more.
#[utoipa::path(delete, path = "/fleet/webhook", tag = "fleet", responses((status = 204)))]
pub async fn delete_webhook(State(app): State<App>) -> Result<StatusCode, Problem> {
    at_desk(&app, |desk| desk.set_webhook(None)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// An order as it is told to others.
pub fn order_json(order: &Order) -> serde_json::Value {
    serde_json::to_value(OrderOut::from(order)).expect("an order has text keys")
}
