//! What each route asks of a caller: one row for each method and path. A route without a row is not served.

use axum::http::Method;
use model::Right;

/// On what a right is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// The site.
    Site,
    /// The thing in the path.
    Thing,
    /// Users, tokens, credentials, audit.
    Access,
    /// The things that the body names: the guard only asks who it is, the route decides for each thing.
    Named,
}

/// What a route asks of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: it is the way in, or says nothing about the site.
    Nothing,
    /// A right.
    Right(Right, On),
    /// The right to look at the site, or to be a program on this machine that came straight, not through a proxy:
    /// so Prometheus beside Manmul needs no token.
    LookOrLocal,
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The method; GET stands for HEAD too.
    pub method: &'static str,
    /// The path as the router matches it.
    pub path: &'static str,
    /// What it asks of a caller.
    pub needs: Needs,
    /// What the audit log calls it; `None` when it changes nothing, or writes its entry itself.
    pub audit: Option<&'static str>,
}

const fn open(method: &'static str, path: &'static str) -> Rule {
    Rule { method, path, needs: Needs::Nothing, audit: None }
}

const fn look(path: &'static str) -> Rule {
    Rule { method: "GET", path, needs: Needs::Right(Right::Read, On::Site), audit: None }
}

/// A question whose text is too long for a path: it changes nothing.
const fn question(path: &'static str) -> Rule {
    Rule { method: "POST", path, needs: Needs::Right(Right::Read, On::Site), audit: None }
}

const fn look_at_thing(path: &'static str) -> Rule {
    Rule { method: "GET", path, needs: Needs::Right(Right::Read, On::Thing), audit: None }
}

const fn change(method: &'static str, path: &'static str, right: Right, on: On, audit: &'static str) -> Rule {
    Rule { method, path, needs: Needs::Right(right, on), audit: Some(audit) }
}

const fn ingest(path: &'static str, on: On) -> Rule {
    Rule { method: "POST", path, needs: Needs::Right(Right::Ingest, on), audit: None }
}

/// A change whose route asks for the right itself, and writes its entry.
const fn named(method: &'static str, path: &'static str) -> Rule {
    Rule { method, path, needs: Needs::Right(Right::Configure, On::Named), audit: None }
}

/// What only those see who may change it.
const fn configure(path: &'static str) -> Rule {
    Rule { method: "GET", path, needs: Needs::Right(Right::Configure, On::Site), audit: None }
}

const fn administer(path: &'static str) -> Rule {
    Rule { method: "GET", path, needs: Needs::Right(Right::Administer, On::Access), audit: None }
}

/// Every route.
pub const RULES: &[Rule] = &[
    open("GET", "/healthz"),
    open("GET", "/readyz"),
    Rule { method: "GET", path: "/metrics", needs: Needs::LookOrLocal, audit: None },
    open("GET", "/openapi.json"),
    open("GET", "/ping"),
    // The broker asks for credentials itself.
    open("GET", "/mqtt"),
    // Each tool asks for the right of the route that it stands on.
    question("/mcp"),
    Rule { method: "DELETE", path: "/mcp", needs: Needs::Right(Right::Read, On::Site), audit: None },
    look("/ngsi-ld/v1/{*path}"),
    ingest("/ngsi-ld/v1/{*path}", On::Named),
    named("PATCH", "/ngsi-ld/v1/{*path}"),
    named("PUT", "/ngsi-ld/v1/{*path}"),
    named("DELETE", "/ngsi-ld/v1/{*path}"),
    look("/sensorthings/v1.1"),
    look("/sensorthings/v1.1/{*path}"),
    // Observations are told, the rest is configured: each entity asks for the right that it needs, and writes its entry.
    ingest("/sensorthings/v1.1/{*path}", On::Named),
    named("PATCH", "/sensorthings/v1.1/{*path}"),
    named("PUT", "/sensorthings/v1.1/{*path}"),
    named("DELETE", "/sensorthings/v1.1/{*path}"),
    ingest("/write", On::Named),
    ingest("/api/v2/write", On::Named),
    open("GET", "/api/v1/session"),
    open("POST", "/api/v1/session"),
    open("DELETE", "/api/v1/session"),
    open("POST", "/api/v1/setup"),
    look("/api/v1/things"),
    change("POST", "/api/v1/things", Right::Configure, On::Site, "thing.create"),
    look_at_thing("/api/v1/things/{thing}"),
    change("PATCH", "/api/v1/things/{thing}", Right::Configure, On::Thing, "thing.change"),
    change("DELETE", "/api/v1/things/{thing}", Right::Configure, On::Thing, "thing.delete"),
    look_at_thing("/api/v1/things/{thing}/model"),
    change("PUT", "/api/v1/things/{thing}/model", Right::Configure, On::Thing, "thing.model"),
    change("POST", "/api/v1/things/{thing}/credential", Right::Administer, On::Thing, "credential.rotate"),
    change("DELETE", "/api/v1/things/{thing}/credential", Right::Administer, On::Thing, "credential.delete"),
    change("PATCH", "/api/v1/things/{thing}/desired", Right::Command, On::Thing, "thing.write"),
    change("POST", "/api/v1/things/{thing}/actions/{action}", Right::Command, On::Thing, "thing.invoke"),
    look_at_thing("/api/v1/things/{thing}/commands"),
    look_at_thing("/api/v1/things/{thing}/records"),
    look_at_thing("/api/v1/things/{thing}/messages"),
    look("/api/v1/commands/{id}"),
    look("/api/v1/entries/{position}"),
    change("POST", "/api/v1/inbox/accept", Right::Configure, On::Site, "inbox.accept"),
    change("POST", "/api/v1/inbox/ignore", Right::Configure, On::Site, "inbox.ignore"),
    change("POST", "/api/v1/virtual-things", Right::Configure, On::Site, "virtual.create"),
    change("POST", "/api/v1/virtual-things/{thing}/faults", Right::Configure, On::Thing, "virtual.break"),
    look("/api/v1/models"),
    look("/api/v1/spaces"),
    change("POST", "/api/v1/spaces", Right::Configure, On::Site, "space.create"),
    look("/api/v1/spaces/{id}"),
    look("/api/v1/map"),
    look("/api/v1/map/tiles/{level}/{column}/{row}"),
    look("/api/v1/map/spaces"),
    look("/api/v1/map/things"),
    look("/api/v1/map/roll-up"),
    change("POST", "/api/v1/map/import", Right::Configure, On::Site, "map.import"),
    change("PATCH", "/api/v1/spaces/{id}", Right::Configure, On::Site, "space.change"),
    change("DELETE", "/api/v1/spaces/{id}", Right::Configure, On::Site, "space.delete"),
    look("/api/v1/overview"),
    look("/api/v1/history"),
    look("/api/v1/history/series"),
    look("/api/v1/history/state"),
    look("/api/v1/history/export"),
    ingest("/api/v1/ingest/things/{thing}", On::Thing),
    ingest("/api/v1/ingest/influx", On::Named),
    look("/api/v1/live"),
    look("/api/v1/domains"),
    look("/api/v1/domains/{domain}/operations"),
    question("/api/v1/domains/{domain}/operations/{operation}"),
    look("/api/v1/domains/{domain}/live"),
    change("PUT", "/api/v1/domains/{domain}/live", Right::Administer, On::Access, "policy.force"),
    change("DELETE", "/api/v1/domains/{domain}/live", Right::Configure, On::Site, "policy.withdraw"),
    change("POST", "/api/v1/domains/{domain}/live/roll-back", Right::Configure, On::Site, "policy.roll-back"),
    look("/api/v1/runs"),
    change("POST", "/api/v1/runs", Right::Configure, On::Site, "run.simulate"),
    look("/api/v1/runs/{id}"),
    change("DELETE", "/api/v1/runs/{id}", Right::Configure, On::Site, "run.delete"),
    change("POST", "/api/v1/runs/{id}/cancel", Right::Configure, On::Site, "run.cancel"),
    change("POST", "/api/v1/runs/{id}/repeat", Right::Configure, On::Site, "run.repeat"),
    change("POST", "/api/v1/runs/{id}/promote", Right::Configure, On::Site, "policy.promote"),
    look("/api/v1/runs/{id}/frames"),
    look("/api/v1/comparison"),
    look("/api/v1/plans"),
    change("POST", "/api/v1/plans", Right::Configure, On::Site, "plan.search"),
    look("/api/v1/plans/{id}"),
    change("DELETE", "/api/v1/plans/{id}", Right::Configure, On::Site, "plan.delete"),
    question("/api/v1/ask"),
    look("/api/v1/ask/plans"),
    question("/api/v1/ask/plans"),
    look("/api/v1/ask/plans/{id}"),
    change("POST", "/api/v1/plans/{id}/apply", Right::Command, On::Site, "plan.apply"),
    look("/api/v1/ask/timed"),
    change("DELETE", "/api/v1/ask/timed/{id}", Right::Command, On::Site, "plan.cancel"),
    look("/api/v1/fleet"),
    look("/api/v1/fleet/floor"),
    change("PUT", "/api/v1/fleet/floor", Right::Configure, On::Site, "fleet.floor"),
    look("/api/v1/fleet/robots"),
    change("POST", "/api/v1/fleet/robots", Right::Configure, On::Site, "fleet.robot.add"),
    change("DELETE", "/api/v1/fleet/robots/{number}", Right::Configure, On::Site, "fleet.robot.remove"),
    change("POST", "/api/v1/fleet/robots/{number}/hand", Right::Command, On::Site, "fleet.robot.hand"),
    look("/api/v1/fleet/closed"),
    change("PUT", "/api/v1/fleet/closed", Right::Command, On::Site, "fleet.closed"),
    look("/api/v1/fleet/orders"),
    change("POST", "/api/v1/fleet/orders", Right::Command, On::Site, "order.create"),
    change("POST", "/api/v1/fleet/orders/import", Right::Command, On::Site, "order.import"),
    look("/api/v1/fleet/orders/{id}"),
    change("POST", "/api/v1/fleet/orders/{id}/cancel", Right::Command, On::Site, "order.cancel"),
    change("POST", "/api/v1/fleet/orders/{id}/priority", Right::Command, On::Site, "order.priority"),
    configure("/api/v1/fleet/webhook"),
    change("PUT", "/api/v1/fleet/webhook", Right::Configure, On::Site, "fleet.webhook"),
    change("DELETE", "/api/v1/fleet/webhook", Right::Configure, On::Site, "fleet.webhook.delete"),
    look("/api/v1/fleet/watch"),
    look("/api/v1/home/settings"),
    change("PUT", "/api/v1/home/settings", Right::Configure, On::Site, "home.settings"),
    look("/api/v1/home/now"),
    look("/api/v1/home/plan"),
    look("/api/v1/home/days"),
    look("/api/v1/home/savings"),
    look("/api/v1/home/scenario"),
    question("/api/v1/home/what-if"),
    question("/api/v1/home/backtest"),
    // The route asks for an owner when it is forced.
    change("POST", "/api/v1/home/mode", Right::Configure, On::Site, "home.mode"),
    look("/api/v1/insights"),
    look("/api/v1/insights/{id}"),
    change("POST", "/api/v1/insights/{id}/acknowledge", Right::Command, On::Site, "insight.acknowledge"),
    change("POST", "/api/v1/insights/{id}/normal", Right::Command, On::Site, "insight.normal"),
    look_at_thing("/api/v1/things/{thing}/health"),
    look_at_thing("/api/v1/things/{thing}/forecast"),
    look("/api/v1/model-cards"),
    look("/api/v1/model-cards/{id}"),
    look("/api/v1/settings/mind"),
    change("PUT", "/api/v1/settings/mind", Right::Configure, On::Site, "settings.mind"),
    look("/api/v1/settings/place"),
    change("PUT", "/api/v1/settings/place", Right::Configure, On::Site, "settings.place"),
    look("/api/v1/inference/models"),
    change("POST", "/api/v1/inference/models", Right::Configure, On::Site, "model.install"),
    look("/api/v1/inference/models/{id}"),
    change("DELETE", "/api/v1/inference/models/{id}", Right::Configure, On::Site, "model.delete"),
    question("/api/v1/inference/models/{id}/try"),
    look("/api/v1/inference/bindings"),
    change("POST", "/api/v1/inference/bindings", Right::Configure, On::Site, "binding.create"),
    look("/api/v1/inference/bindings/{id}"),
    change("PUT", "/api/v1/inference/bindings/{id}", Right::Configure, On::Site, "binding.change"),
    change("DELETE", "/api/v1/inference/bindings/{id}", Right::Configure, On::Site, "binding.delete"),
    look("/api/v1/rules"),
    change("POST", "/api/v1/rules", Right::Configure, On::Site, "rule.create"),
    question("/api/v1/rules/check"),
    look("/api/v1/rules/conflicts"),
    change("POST", "/api/v1/rules/import", Right::Configure, On::Site, "rule.import"),
    look("/api/v1/rules/traces/{id}"),
    look("/api/v1/rules/{id}"),
    change("PUT", "/api/v1/rules/{id}", Right::Configure, On::Site, "rule.change"),
    change("DELETE", "/api/v1/rules/{id}", Right::Configure, On::Site, "rule.delete"),
    change("POST", "/api/v1/rules/{id}/backtest", Right::Configure, On::Site, "rule.backtest"),
    look("/api/v1/rules/{id}/backtests"),
    change("POST", "/api/v1/rules/{id}/shadow", Right::Configure, On::Site, "rule.shadow"),
    // The route asks for an owner when it is forced.
    change("POST", "/api/v1/rules/{id}/promote", Right::Configure, On::Site, "rule.promote"),
    change("POST", "/api/v1/rules/{id}/off", Right::Configure, On::Site, "rule.off"),
    change("POST", "/api/v1/rules/{id}/revert", Right::Configure, On::Site, "rule.revert"),
    look("/api/v1/rules/{id}/versions"),
    look("/api/v1/rules/{id}/would-have"),
    look("/api/v1/rules/{id}/traces"),
    look("/api/v1/rules/{id}/why-not"),
    change("POST", "/api/v1/hooks/{name}", Right::Command, On::Site, "hook.call"),
    look("/api/v1/scenes"),
    change("POST", "/api/v1/scenes", Right::Configure, On::Site, "scene.create"),
    change("PUT", "/api/v1/scenes/{id}", Right::Configure, On::Site, "scene.change"),
    change("DELETE", "/api/v1/scenes/{id}", Right::Configure, On::Site, "scene.delete"),
    change("POST", "/api/v1/scenes/{id}/apply", Right::Command, On::Site, "scene.apply"),
    look("/api/v1/alarms"),
    change("POST", "/api/v1/alarms/{id}/acknowledge", Right::Command, On::Site, "alarm.acknowledge"),
    change("POST", "/api/v1/alarms/{id}/shelve", Right::Command, On::Site, "alarm.shelve"),
    change("POST", "/api/v1/alarms/{id}/unshelve", Right::Command, On::Site, "alarm.unshelve"),
    look("/api/v1/notifications"),
    // Everybody who reads may say so; it changes nothing for anybody else.
    question("/api/v1/notifications/read"),
    look("/api/v1/suggestions"),
    change("POST", "/api/v1/suggestions/look", Right::Configure, On::Site, "suggestion.look"),
    change("POST", "/api/v1/suggestions/{id}/shadow", Right::Configure, On::Site, "suggestion.shadow"),
    change("POST", "/api/v1/suggestions/{id}/accept", Right::Configure, On::Site, "suggestion.accept"),
    change("POST", "/api/v1/suggestions/{id}/dismiss", Right::Configure, On::Site, "suggestion.dismiss"),
    look("/api/v1/push/key"),
    // Everybody who reads may have their own browsers told; it changes nothing for anybody else.
    question("/api/v1/push/subscriptions"),
    Rule {
        method: "DELETE",
        path: "/api/v1/push/subscriptions/{id}",
        needs: Needs::Right(Right::Read, On::Site),
        audit: None,
    },
    look("/api/v1/system"),
    look("/api/v1/actors"),
    administer("/api/v1/users"),
    change("POST", "/api/v1/users", Right::Administer, On::Access, "user.create"),
    change("PATCH", "/api/v1/users/{id}", Right::Administer, On::Access, "user.change"),
    change("DELETE", "/api/v1/users/{id}", Right::Administer, On::Access, "user.delete"),
    administer("/api/v1/tokens"),
    change("POST", "/api/v1/tokens", Right::Administer, On::Access, "token.create"),
    change("DELETE", "/api/v1/tokens/{id}", Right::Administer, On::Access, "token.delete"),
    administer("/api/v1/audit"),
];

/// The row of a request.
pub fn find(method: &Method, path: &str) -> Option<&'static Rule> {
    let method = if method == Method::HEAD { "GET" } else { method.as_str() };
    RULES.iter().find(|rule| rule.method == method && rule.path == path)
}

/// The methods that a path knows.
pub fn methods(path: &str) -> Vec<&'static str> {
    RULES.iter().filter(|rule| rule.path == path).map(|rule| rule.method).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_documented_route_has_one_row_and_every_row_under_the_api_a_route() {
        let document = serde_json::to_value(crate::api::openapi()).unwrap();
        let mut documented = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys() {
                documented.insert((method.to_uppercase(), path.clone()));
            }
        }
        let ruled: Vec<(String, String)> = RULES
            .iter()
            .filter(|rule| rule.path.starts_with("/api/v1/"))
            .map(|rule| (rule.method.to_owned(), rule.path.to_owned()))
            .collect();
        let unique: BTreeSet<_> = ruled.iter().cloned().collect();
        assert_eq!(unique.len(), ruled.len(), "a route has two rows");
        assert_eq!(unique, documented);
    }

    #[test]
    fn what_changes_something_is_audited_or_says_so_itself() {
        let own: BTreeSet<&str> =
            ["/api/v1/session", "/api/v1/setup", "/sensorthings/v1.1/{*path}", "/ngsi-ld/v1/{*path}"].into();
        for rule in RULES.iter().filter(|rule| rule.method != "GET" && !own.contains(rule.path)) {
            let changes_nothing = matches!(rule.needs, Needs::Right(Right::Ingest | Right::Read, _));
            assert_eq!(rule.audit.is_none(), changes_nothing, "{} {}", rule.method, rule.path);
        }
    }
}
