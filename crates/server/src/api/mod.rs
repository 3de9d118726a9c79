//! The API under `/api/v1`: routes and their document.

pub mod access;
pub mod alerts;
pub mod ask;
pub mod commands;
pub(crate) mod convert;
pub mod export;
pub mod fleet;
pub mod fleet_hands;
pub mod fleet_orders;
pub mod fleet_watch;
pub mod frame;
pub mod history;
pub mod home;
pub mod inference;
pub mod ingest;
pub mod live;
pub mod map;
pub mod mind;
pub mod page;
pub mod place;
pub mod push;
pub mod records;
pub mod rules;
pub mod runs;
pub mod session;
pub mod spaces;
pub mod suggestions;
pub mod system;
pub mod things;
pub mod types;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::decompression::RequestDecompressionLayer;
use utoipa::OpenApi;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Ref, RefOr, SecurityRequirement};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::application::Application;
use crate::http::guard::guard;
use crate::http::observe::observe;
use crate::http::{Problem, health, mqtt, pages};
use crate::{mcp, ngsi, sensorthings};

/// What every handler stands on.
pub type App = Arc<Application>;

#[derive(OpenApi)]
#[openapi(
    info(title = "Manmul", description = "The API of an operating system for things. Times are integer \
        microseconds since 1970 UTC. Errors are RFC 9457 problems. People sign in and get the cookie \
        `manmul_session`, and send `X-Manmul-Csrf: 1` with everything but GET; programs send \
        `Authorization: Bearer mm_…`.", license(name = "Apache-2.0", identifier = "Apache-2.0")),
    components(schemas(Problem)),
    tags(
        (name = "session", description = "Setting up the owner, signing in and out"),
        (name = "things", description = "Things, their models and credentials, the inbox"),
        (name = "commands", description = "Writing properties and invoking actions"),
        (name = "records", description = "What was said and what was made of it"),
        (name = "spaces", description = "Places and the overview"),
        (name = "map", description = "Where things are: tiles, questions about places, sums by space, import"),
        (name = "history", description = "Series, points, time travel, export"),
        (name = "runs", description = "Runs of policies: simulate, plan, compare, take live"),
        (name = "fleet", description = "Robots in operation: orders, floor, robots"),
        (name = "home", description = "The energy of a home: flows, plan, days, settings"),
        (name = "mind", description = "What is unusual, what comes next, what was learned"),
        (name = "rules", description = "What happens by itself: rules, scenes, alarms, notifications"),
        (name = "ask", description = "Sentences, plans of commands, and commands that wait for their time"),
        (name = "ingest", description = "Telemetry by HTTP"),
        (name = "live", description = "Records as they happen"),
        (name = "access", description = "Users, tokens, audit"),
        (name = "system", description = "The installation"),
    )
)]
struct Document;

/// Every documented route under `/api/v1`.
pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(session::get_session, session::sign_in, session::sign_out))
        .routes(routes!(session::set_up))
        .routes(routes!(things::list_things, things::make_thing))
        .routes(routes!(things::get_thing, things::change_thing, things::delete_thing))
        .routes(routes!(things::get_model, things::correct_model))
        .routes(routes!(things::rotate_credential, things::delete_credential))
        .routes(routes!(things::accept_inbox))
        .routes(routes!(things::ignore_inbox))
        .routes(routes!(things::make_virtual_thing))
        .routes(routes!(things::break_virtual_thing))
        .routes(routes!(things::list_models))
        .routes(routes!(commands::write_properties))
        .routes(routes!(commands::invoke_action))
        .routes(routes!(commands::list_commands))
        .routes(routes!(commands::get_command))
        .routes(routes!(records::list_records))
        .routes(routes!(records::list_messages))
        .routes(routes!(records::get_entry))
        .routes(routes!(spaces::list_spaces, spaces::make_space))
        .routes(routes!(spaces::get_space, spaces::change_space, spaces::delete_space))
        .routes(routes!(spaces::overview))
        .routes(routes!(map::map_summary))
        .routes(routes!(map::map_tile))
        .routes(routes!(map::map_spaces))
        .routes(routes!(map::map_things))
        .routes(routes!(map::map_roll_up))
        .routes(routes!(map::import_map))
        .routes(routes!(history::list_series))
        .routes(routes!(history::points))
        .routes(routes!(history::state_at))
        .routes(routes!(export::export))
        .routes(routes!(ingest::ingest_thing))
        .routes(routes!(ingest::ingest_influx))
        .routes(routes!(live::live))
        .routes(routes!(runs::list_domains))
        .routes(routes!(runs::list_operations))
        .routes(routes!(runs::operate))
        .routes(routes!(runs::get_live, runs::force_live, runs::withdraw_live))
        .routes(routes!(runs::roll_back_live))
        .routes(routes!(runs::list_runs, runs::simulate))
        .routes(routes!(runs::get_run, runs::delete_run))
        .routes(routes!(runs::cancel_run))
        .routes(routes!(runs::repeat_run))
        .routes(routes!(runs::promote_run))
        .routes(routes!(runs::get_frames))
        .routes(routes!(runs::compare_runs))
        .routes(routes!(runs::list_plans, runs::plan))
        .routes(routes!(runs::get_plan, runs::delete_plan))
        .routes(routes!(fleet::get_fleet))
        .routes(routes!(fleet::get_floor, fleet::put_floor))
        .routes(routes!(fleet::list_robots, fleet::add_robot))
        .routes(routes!(fleet::remove_robot))
        .routes(routes!(fleet_hands::take_robot_in_hand))
        .routes(routes!(fleet_hands::get_closed, fleet_hands::put_closed))
        .routes(routes!(fleet_orders::list_orders, fleet_orders::create_order))
        .routes(routes!(fleet_orders::import_orders))
        .routes(routes!(fleet_orders::get_order))
        .routes(routes!(fleet_orders::cancel_order))
        .routes(routes!(fleet_orders::set_order_priority))
        .routes(routes!(fleet_orders::get_webhook, fleet_orders::put_webhook, fleet_orders::delete_webhook))
        .routes(routes!(fleet_watch::watch_fleet))
        .routes(routes!(home::get_home_settings, home::put_home_settings))
        .routes(routes!(home::get_home_now))
        .routes(routes!(home::get_home_plan))
        .routes(routes!(home::get_home_days))
        .routes(routes!(home::get_home_savings))
        .routes(routes!(home::get_home_scenario))
        .routes(routes!(home::ask_what_if))
        .routes(routes!(home::backtest_home))
        .routes(routes!(home::set_home_mode))
        .routes(routes!(mind::list_insights))
        .routes(routes!(mind::get_insight))
        .routes(routes!(mind::acknowledge_insight))
        .routes(routes!(mind::call_insight_normal))
        .routes(routes!(mind::get_health))
        .routes(routes!(mind::get_forecast))
        .routes(routes!(mind::list_model_cards))
        .routes(routes!(mind::get_model_card))
        .routes(routes!(mind::get_mind_settings, mind::put_mind_settings))
        .routes(routes!(inference::list_inference_models, inference::install_inference_model))
        .routes(routes!(inference::get_inference_model, inference::delete_inference_model))
        .routes(routes!(inference::try_inference_model))
        .routes(routes!(inference::list_bindings, inference::make_binding))
        .routes(routes!(inference::get_binding, inference::change_binding, inference::delete_binding))
        .routes(routes!(rules::list_rules, rules::add_rule))
        .routes(routes!(rules::check_rule))
        .routes(routes!(rules::list_conflicts))
        .routes(routes!(rules::import_rules))
        .routes(routes!(rules::get_trace))
        .routes(routes!(rules::get_rule, rules::change_rule, rules::delete_rule))
        .routes(routes!(rules::backtest_rule))
        .routes(routes!(rules::list_backtests))
        .routes(routes!(rules::shadow_rule))
        .routes(routes!(rules::promote_rule))
        .routes(routes!(rules::switch_off_rule))
        .routes(routes!(rules::revert_rule))
        .routes(routes!(rules::list_rule_versions))
        .routes(routes!(rules::would_have))
        .routes(routes!(rules::list_traces))
        .routes(routes!(rules::why_not))
        .routes(routes!(rules::call_webhook))
        .routes(routes!(place::get_place, place::put_place))
        .routes(routes!(alerts::list_scenes, alerts::add_scene))
        .routes(routes!(alerts::change_scene, alerts::delete_scene))
        .routes(routes!(alerts::apply_scene))
        .routes(routes!(alerts::list_alarms))
        .routes(routes!(alerts::acknowledge_alarm))
        .routes(routes!(alerts::shelve_alarm))
        .routes(routes!(alerts::unshelve_alarm))
        .routes(routes!(alerts::list_notifications))
        .routes(routes!(alerts::read_notifications))
        .routes(routes!(suggestions::list_suggestions))
        .routes(routes!(suggestions::look_for_habits))
        .routes(routes!(suggestions::shadow_suggestion))
        .routes(routes!(suggestions::accept_suggestion))
        .routes(routes!(suggestions::dismiss_suggestion))
        .routes(routes!(push::get_push_key))
        .routes(routes!(push::subscribe))
        .routes(routes!(push::unsubscribe))
        .routes(routes!(ask::ask))
        .routes(routes!(ask::list_command_plans, ask::plan_commands))
        .routes(routes!(ask::get_command_plan))
        .routes(routes!(ask::apply_plan))
        .routes(routes!(ask::list_timed))
        .routes(routes!(ask::cancel_timed))
        .routes(routes!(access::list_users, access::make_user))
        .routes(routes!(access::change_user, access::delete_user))
        .routes(routes!(access::list_tokens, access::make_token))
        .routes(routes!(access::delete_token))
        .routes(routes!(access::list_audit))
        .routes(routes!(access::list_actors))
        .routes(routes!(system::system))
}

/// Everything that is served over HTTP.
pub fn service(app: App) -> Router {
    let (api, _) = OpenApiRouter::new().nest("/api/v1", router()).split_for_parts();
    let document = openapi().to_json().expect("the document is valid JSON");
    let document = move || {
        let document = document.clone();
        async move { ([(header::CONTENT_TYPE, "application/json")], document) }
    };
    api.route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics))
        .route("/openapi.json", get(document))
        .route("/ping", get(ingest::ping))
        .route("/write", post(ingest::ingest_influx))
        .route("/api/v2/write", post(ingest::ingest_influx))
        .route(mqtt::MQTT_PATH, get(mqtt::upgrade))
        .route(mcp::MCP_PATH, post(mcp::post).delete(mcp::delete))
        .route(
            &format!("{}/{{*path}}", ngsi::PATH),
            get(ngsi::get).post(ngsi::post).patch(ngsi::change).put(ngsi::change).delete(ngsi::remove),
        )
        .route(sensorthings::PATH, get(sensorthings::root))
        .route(
            &format!("{}/{{*path}}", sensorthings::PATH),
            get(sensorthings::read)
                .post(sensorthings::create)
                .patch(sensorthings::change)
                .put(sensorthings::change)
                .delete(sensorthings::remove),
        )
        // Bodies have the limits of their routes, which say so in a problem.
        .layer(DefaultBodyLimit::disable())
        .layer(RequestDecompressionLayer::new().pass_through_unaccepted(true))
        .route_layer(from_fn_with_state(Arc::clone(&app), guard))
        .fallback(pages)
        .layer(CompressionLayer::new())
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(Arc::clone(&app), observe))
        .with_state(app)
}

async fn metrics(State(app): State<App>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, crate::metrics::CONTENT_TYPE)], crate::metrics::render(&app))
}

/// A panic ends its request and nothing else.
fn panicked(panic: Box<dyn std::any::Any + Send + 'static>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    Problem::internal(&text.unwrap_or("a handler panicked")).into_response()
}

/// The OpenAPI 3.1 document of the API, as it is committed in `openapi.json`.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let (_, mut document) =
        OpenApiRouter::<App>::with_openapi(Document::openapi()).nest("/api/v1", router()).split_for_parts();
    let components = document.components.get_or_insert_default();
    components
        .security_schemes
        .insert("session".into(), SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("manmul_session"))).into());
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    components.security_schemes.insert("token".into(), SecurityScheme::Http(bearer).into());
    document.security = Some(
        ["session", "token"].map(|scheme| SecurityRequirement::new(scheme, std::iter::empty::<String>())).to_vec(),
    );
    for path in document.paths.paths.values_mut() {
        let operations: [&mut Option<Operation>; 5] =
            [&mut path.get, &mut path.post, &mut path.put, &mut path.patch, &mut path.delete];
        for operation in operations.into_iter().flatten() {
            let problem = ResponseBuilder::new()
                .description("a problem")
                .content(
                    "application/problem+json",
                    ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build(),
                )
                .build();
            for response in operation.responses.responses.values_mut() {
                if let RefOr::T(response) = response
                    && response.description.is_empty()
                {
                    response.description = "as asked".into();
                }
            }
            operation.responses.responses.insert("default".into(), problem.into());
        }
    }
    document
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_committed_document_is_current() {
        let committed = include_str!("../../../../openapi.json");
        let current = super::openapi().to_pretty_json().unwrap() + "\n";
        assert!(committed == current, "openapi.json is stale\nhint: cargo run -p manmul -- openapi > openapi.json");
    }
}
