//! The tools: those that read, those that plan, and the one that applies a plan.

use axum::extract::{OriginalUri, State};
use axum::http::{Method, Uri};
use model::{Name, Position, SpaceId, ThingId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::protocol::Failure;
use crate::api::alerts::{AlarmFilter, AlarmsQuery};
use crate::api::mind::{ForecastQuery, InsightFilter, InsightsQuery};
use crate::api::rules::{self as rule_routes, AtQuery, PromoteRule, RulesQuery};
use crate::api::things::ThingsQuery;
use crate::api::{App, alerts, ask, history, mind, records, runs, spaces, suggestions, things};
use crate::http::{Caller, Json, Path, Problem, Query, guard, rules};
use site::rules::RuleState;

/// The most things, findings and runs that a tool gives at once.
const ITEMS_MAX: usize = 50;

/// How many buckets of history a tool gives.
const PIXELS: usize = 100;

/// The furthest that a tool looks back, in hours.
const HOURS_MAX: u32 = 24 * 366;

/// The most moments of a rule's past that a tool gives; the newest.
const MOMENTS_MAX: usize = 20;

/// What a tool may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    /// It looks.
    Read,
    /// It makes a plan, which does nothing.
    Plan,
    /// It carries a plan out.
    Apply,
}

/// A tool: its name, what it may do, and the route whose right it asks for.
struct Tool {
    name: &'static str,
    sort: Sort,
    route: (Method, &'static str),
    description: &'static str,
    /// The fields of its input, in JSON Schema, and which of them are needed.
    input: fn() -> (Value, &'static [&'static str]),
}

impl Tool {
    fn is_about_rules(&self) -> bool {
        let path = self.route.1.trim_start_matches("/api/v1/");
        ["rules", "alarms", "suggestions"].iter().any(|place| path.starts_with(place))
    }
}

fn text(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

fn whole(description: &str, minimum: u32, maximum: u32) -> Value {
    json!({"type": "integer", "description": description, "minimum": minimum, "maximum": maximum})
}

const TOOLS: &[Tool] = &[
    Tool {
        name: "find_things",
        sort: Sort::Read,
        route: (Method::GET, "/api/v1/things"),
        description: "Find things by words in their title, id, kind or tags, by space or by kind; with their most telling values.",
        input: || {
            let fields = json!({
                "search": text("Words, all of which appear"), "space": text("The id of a space"),
                "kind": text("light, thermostat, …"), "limit": whole("How many at most", 1, 50),
            });
            (fields, &[])
        },
    },
    Tool {
        name: "spaces",
        sort: Sort::Read,
        route: (Method::GET, "/api/v1/spaces"),
        description: "The tree of spaces: buildings, floors, rooms, with how many things stand in each.",
        input: || (json!({}), &[]),
    },
    Tool {
        name: "thing_state",
        sort: Sort::Read,
        route: (Method::GET, "/api/v1/things/{thing}"),
        description: "Everything that is known of one thing now: values, wishes, presence, and what it can do (its model).",
        input: || (json!({"thing": text("The id of the thing")}), &["thing"]),
    },
    Tool {
        name: "history",
        sort: Sort::Read,
        route: (Method::GET, "/api/v1/history"),
        description: "The past of one property, in at most a hundred buckets. Times are microseconds since 1970 UTC.",
        input: || {
            let fields = json!({
                "thing": text("The id of the thing"), "name": text("The property"),
                "hours": whole("How many hours back; 24 when not given", 1, HOURS_MAX),
            });
            (fields, &["thing", "name"])
        },
    },
    Tool {
        name: "why",
        sort: Sort::Read,
        route: (Method::GET, "/api/v1/entries/{position}"),
        description: "Why a property is what it is: the chain of causes behind its last value, back to who or what began it.",
        input: || (json!({"thing": text("The id of the thing"), "name": text("The property")}), &["thing", "name"]),
    },
    Tool {
        name: "insights",
        sort: Sort::Read,
        route: (Method::GET, "/api/v1/insights"),
        description: "What was found to be unusual or broken, the newest first.",
        input: || {
            let state = json!({"type": "string", "enum": ["open", "acknowledged", "over", "all"]});
            let fields =
                json!({"state": state, "thing": text("The id of a thing"), "limit": whole("How many at most", 1, 50)});
            (fields, &[])
        },
    },
    Tool {
        name: "forecasts",
        sort: Sort::Read,
        route: (Method::GET, "/api/v1/things/{thing}/forecast"),
        description: "What is to be expected of a property, with bands.",
        input: || {
            let fields = json!({
                "thing": text("The id of the thing"), "name": text("The property"), "hours": whole("How far", 1, 48),
            });
            (fields, &["thing", "name"])
        },
    },
    Tool {
        name: "runs",
        sort: Sort::Read,
        route: (Method::GET, "/api/v1/runs"),
        description: "Runs of policies in simulation and operation, the newest first, with their figures.",
        input: || (json!({"limit": whole("How many at most", 1, 50)}), &[]),
    },
    Tool {
        name: "plan_ask",
        sort: Sort::Plan,
        route: (Method::POST, "/api/v1/ask"),
        description: "Say in English or Korean what somebody wants or asks. A question is answered; a wish becomes a plan, a dry \
            run that lists exactly which commands would go out and does nothing. What is not understood comes back with choices.",
        input: || {
            let fields = json!({
                "text": text("The sentence"), "language": json!({"type": "string", "enum": ["en", "ko"]}),
                "space": text("The id of the space in which it is said"),
                "utc_offset_minutes": json!({"type": "integer", "minimum": -900, "maximum": 900}),
            });
            (fields, &["text"])
        },
    },
    Tool {
        name: "plan_commands",
        sort: Sort::Plan,
        route: (Method::POST, "/api/v1/ask/plans"),
        description: "Plan commands: properties to write and actions to invoke. A dry run: it says what would go out and what \
            models, guards and rights would refuse, and does nothing.",
        input: || {
            let command = json!({
                "type": "object", "required": ["thing", "name"], "additionalProperties": false,
                "properties": {
                    "thing": text("The id of the thing"), "name": text("The property, or the action"),
                    "write": json!({"type": "boolean", "description": "Whether it writes a property (true when left out)"}),
                    "input": json!({"description": "The value, or the input of the action"}),
                    "at": json!({"type": "integer", "description": "When, in microseconds since 1970 UTC; now when left out"}),
                },
            });
            (json!({"commands": {"type": "array", "items": command, "minItems": 1}}), &["commands"])
        },
    },
    Tool {
        name: "rules",
        sort: Sort::Read,
        route: (Method::GET, "/api/v1/rules"),
        description: "The rules that act by themselves, with where they stand: draft, shadow, live or off.",
        input: || {
            let state = json!({"type": "string", "enum": ["draft", "shadow", "live", "off"]});
            let fields = json!({
                "search": text("Words in the title or id"), "state": state,
                "thing": text("The id of a thing that they read or command"), "limit": whole("How many at most", 1, 50),
            });
            (fields, &[])
        },
    },
    Tool {
        name: "rule",
        sort: Sort::Read,
        route: (Method::GET, "/api/v1/rules/{id}"),
        description: "One rule in full: its text (YAML), what it says in words, its problems and how its tests went.",
        input: || (json!({"rule": text("The id of the rule")}), &["rule"]),
    },
    Tool {
        name: "check_rule",
        sort: Sort::Read,
        route: (Method::POST, "/api/v1/rules/check"),
        description: "What can be said of the text of a rule without keeping it: what is wrong, what it says in words, its tests.",
        input: || {
            let fields = json!({
                "text": text("The text of the rule (YAML)"), "id": text("The rule that it is a text of, if there is one"),
            });
            (fields, &["text"])
        },
    },
    Tool {
        name: "why_not",
        sort: Sort::Read,
        route: (Method::GET, "/api/v1/rules/{id}/why-not"),
        description: "Why a rule did not run: which trigger nearly fired, which condition was false and by how much.",
        input: || {
            let at =
                json!({"type": "integer", "description": "When, in microseconds since 1970 UTC; now when left out"});
            (json!({"rule": text("The id of the rule"), "at": at}), &["rule"])
        },
    },
    Tool {
        name: "alarms",
        sort: Sort::Read,
        route: (Method::GET, "/api/v1/alarms"),
        description: "Alarms that rules raised, the newest first.",
        input: || {
            let state = json!({"type": "string", "enum": ["active", "acknowledged", "shelved", "over", "all"]});
            (json!({"state": state}), &[])
        },
    },
    Tool {
        name: "suggestions",
        sort: Sort::Read,
        route: (Method::GET, "/api/v1/suggestions"),
        description: "What people do by hand again and again, as rules that they may take, with what speaks for each.",
        input: || (json!({"limit": whole("How many at most", 1, 50)}), &[]),
    },
    Tool {
        name: "plan_rule",
        sort: Sort::Plan,
        route: (Method::POST, "/api/v1/rules/{id}/backtest"),
        description: "Run a rule over the last thirty days: what it would have done, and how that differs from what happened. \
            Nothing goes live by it. Its run is the plan that apply_rule needs.",
        input: || (json!({"rule": text("The id of the rule")}), &["rule"]),
    },
    Tool {
        name: "apply_rule",
        sort: Sort::Apply,
        route: (Method::POST, "/api/v1/rules/{id}/promote"),
        description: "Take the newest version of a rule live, by the run of plan_rule that shows this version. Only after the \
            person you act for has seen what it would have done and agreed.",
        input: || {
            (
                json!({"rule": text("The id of the rule"), "plan": text("The run that plan_rule gave")}),
                &["rule", "plan"],
            )
        },
    },
    Tool {
        name: "apply_plan",
        sort: Sort::Apply,
        route: (Method::POST, "/api/v1/plans/{id}/apply"),
        description: "Carry out a plan that plan_ask or plan_commands made, once, by its id. Only after the person you act for has \
            seen what it lists and agreed.",
        input: || (json!({"plan": text("The id of the plan")}), &["plan"]),
    },
];

/// What can be called, as the protocol describes it.
pub(super) fn descriptions() -> Vec<Value> {
    let describe = |tool: &Tool| {
        let (properties, required) = (tool.input)();
        let schema =
            json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false});
        let applies = tool.sort == Sort::Apply;
        let annotations = json!({
            "readOnlyHint": !applies, "destructiveHint": applies, "idempotentHint": !applies, "openWorldHint": false,
        });
        json!({
            "name": tool.name, "description": tool.description, "inputSchema": schema, "annotations": annotations,
        })
    };
    TOOLS.iter().map(describe).collect()
}

/// Calls a tool: what it gave, or the problem that it has.
pub(super) async fn call(
    app: &App,
    caller: &Caller,
    name: &str,
    arguments: Value,
) -> Result<Result<Value, Value>, Failure> {
    let tool = TOOLS.iter().find(|tool| tool.name == name);
    let tool = tool.ok_or_else(|| Failure::params("there is no tool of this name; tools/list lists them"))?;
    let target = ["rule", "plan"]
        .iter()
        .find_map(|field| arguments[field].as_str())
        .unwrap_or_default()
        .chars()
        .take(100)
        .collect::<String>();
    let done = run(app, caller, tool, arguments).await;
    let (method, path) = &tool.route;
    if let Some(action) = rules::find(method, path).and_then(|rule| rule.audit) {
        let allowed = done.as_ref().err().is_none_or(|problem| problem.status != 403);
        if done.is_ok() || !allowed {
            app.access.record(&caller.identity.principal, Some(caller.address()), action, &target, allowed).await;
        }
    }
    Ok(done.map_err(|problem| json!({"problem": problem})))
}

fn read<T: DeserializeOwned>(arguments: Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(arguments).map_err(|error| {
        let place = error.path().to_string();
        let problem = Problem::invalid(error.into_inner().to_string());
        if place == "." { problem } else { problem.at(place) }
    })
}

fn json_of<T: Serialize>(value: T) -> Result<Value, Problem> {
    serde_json::to_value(value).map_err(|error| Problem::internal(&error))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Find {
    search: Option<String>,
    space: Option<SpaceId>,
    kind: Option<String>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfThing {
    thing: ThingId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfProperty {
    thing: ThingId,
    name: Name,
    hours: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Findings {
    state: Option<InsightFilter>,
    thing: Option<ThingId>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Newest {
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfPlan {
    plan: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FindRules {
    state: Option<RuleState>,
    thing: Option<ThingId>,
    search: Option<String>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfRule {
    rule: String,
    at: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleByPlan {
    rule: String,
    plan: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raised {
    state: Option<AlarmFilter>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

fn few(limit: Option<usize>) -> usize {
    limit.unwrap_or(ITEMS_MAX).clamp(1, ITEMS_MAX)
}

async fn run(app: &App, caller: &Caller, tool: &Tool, arguments: Value) -> Result<Value, Problem> {
    let (method, path) = &tool.route;
    let allow = |thing: Option<&ThingId>| guard::allows(caller, method, path, thing);
    // Routes about a thing are asked with it, once it is known.
    if !path.contains("{thing}") {
        allow(None)?;
    }
    let state = || State(app.clone());
    if tool.is_about_rules() {
        return of_rules(app, caller, tool.name, arguments).await;
    }
    match tool.name {
        "find_things" => {
            let Find { search, space, kind, limit } = read(arguments)?;
            let query = ThingsQuery { search, space, kind, limit: Some(few(limit)), ..ThingsQuery::default() };
            json_of(things::list_things(state(), Query(query)).await?.0)
        }
        "spaces" => {
            let Nothing {} = read(arguments)?;
            json_of(spaces::list_spaces(state()).await?.0)
        }
        "thing_state" => {
            let OfThing { thing } = read(arguments)?;
            allow(Some(&thing))?;
            json_of(things::get_thing(state(), Path(thing)).await?.1)
        }
        "history" => {
            let OfProperty { thing, name, hours } = read(arguments)?;
            json_of(history::points(state(), OriginalUri(history_of(app, &thing, &name, hours))).await?.0)
        }
        "why" => {
            let OfProperty { thing, name, .. } = read(arguments)?;
            json_of(why(app, &thing, &name).await?)
        }
        "insights" => {
            let Findings { state: standing, thing, limit } = read(arguments)?;
            let query = InsightsQuery { state: standing, thing, limit: Some(few(limit)), ..InsightsQuery::default() };
            json_of(mind::list_insights(state(), Query(query)).await.0)
        }
        "forecasts" => {
            let OfProperty { thing, name, hours } = read(arguments)?;
            allow(Some(&thing))?;
            let query = ForecastQuery { name, hours: hours.map(|hours| hours.min(48)), at: None };
            json_of(mind::get_forecast(state(), Path(thing), Query(query)).await?.0)
        }
        "runs" => {
            let Newest { limit } = read(arguments)?;
            let runs = runs::list_runs(state()).await?.0;
            json_of(runs.into_iter().take(few(limit)).collect::<Vec<_>>())
        }
        "plan_ask" => json_of(ask::understood(app, caller, read(arguments)?).await?),
        "plan_commands" => json_of(ask::planned(app, caller, read(arguments)?).await?),
        "apply_plan" => {
            let OfPlan { plan } = read(arguments).map_err(|problem: Problem| {
                problem.hint("make a plan with plan_ask or plan_commands first, and give its id")
            })?;
            json_of(ask::applied(app, caller, plan).await?)
        }
        name => Err(Problem::internal(&format!("the tool {name} does nothing"))),
    }
}

async fn of_rules(app: &App, caller: &Caller, tool: &str, arguments: Value) -> Result<Value, Problem> {
    let state = || State(app.clone());
    match tool {
        "rules" => {
            let FindRules { state: standing, thing, search, limit } = read(arguments)?;
            let query = RulesQuery { state: standing, thing, search, limit: Some(few(limit)), after: None };
            json_of(rule_routes::list_rules(state(), Query(query)).await.0)
        }
        "rule" => {
            let OfRule { rule, .. } = read(arguments)?;
            json_of(rule_routes::get_rule(state(), Path(rule)).await?.0)
        }
        "check_rule" => json_of(rule_routes::check_rule(state(), Json(read(arguments)?)).await?.0),
        "why_not" => {
            let OfRule { rule, at } = read(arguments)?;
            json_of(rule_routes::why_not(state(), Path(rule), Query(AtQuery { at })).await?.0)
        }
        "alarms" => {
            let Raised { state: standing } = read(arguments)?;
            json_of(alerts::list_alarms(state(), Query(AlarmsQuery { state: standing })).await.0)
        }
        "suggestions" => {
            let Newest { limit } = read(arguments)?;
            let mut found = suggestions::list_suggestions(state()).await.0;
            found.items.truncate(few(limit));
            json_of(found)
        }
        "plan_rule" => {
            let OfRule { rule, .. } = read(arguments)?;
            let mut card = rule_routes::backtest_rule(state(), Path(rule), None).await?.0;
            let older = card.timeline.len().saturating_sub(MOMENTS_MAX);
            card.timeline.drain(..older);
            card.left_out += older as u64;
            json_of(card)
        }
        "apply_rule" => {
            let RuleByPlan { rule, plan } = read(arguments).map_err(|problem: Problem| {
                problem.hint("run the rule over the past with plan_rule first, and give its run as the plan")
            })?;
            let promotion = PromoteRule { run: Some(plan), ..PromoteRule::default() };
            json_of(rule_routes::promote_rule(state(), Path(rule), caller.clone(), Some(Json(promotion))).await?.1.0)
        }
        name => Err(Problem::internal(&format!("the tool {name} does nothing"))),
    }
}

fn history_of(app: &App, thing: &ThingId, name: &Name, hours: Option<u32>) -> Uri {
    let back = std::time::Duration::from_secs(u64::from(hours.unwrap_or(24).clamp(1, HOURS_MAX)) * 3_600);
    let from = (app.clock.now() - back).micros().to_string();
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("thing", thing.as_str())
        .append_pair("name", name.as_str())
        .append_pair("from", &from)
        .append_pair("pixels", &PIXELS.to_string())
        .finish();
    Uri::builder().path_and_query(format!("/?{query}")).build().expect("an encoded query is part of an address")
}

async fn why(app: &App, thing: &ThingId, name: &Name) -> Result<records::EntryWithChain, Problem> {
    let detail = app.site.thing(thing).ok_or_else(|| Problem::not_found("thing", thing))?;
    let known = detail.properties.into_iter().find(|(reported, _)| reported.name == *name);
    let Position(position) =
        known.ok_or_else(|| Problem::not_found("value", format!("of {name} of {thing}")))?.0.position;
    records::get_entry(State(app.clone()), Path(position)).await.map(|found| found.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_stands_on_a_route_and_only_one_applies() {
        for tool in TOOLS {
            let (method, path) = &tool.route;
            let rule = rules::find(method, path).unwrap_or_else(|| panic!("{} has no route", tool.name));
            let is_noted = rule.audit.is_some();
            assert!(is_noted || tool.sort != Sort::Apply, "{} is not noted", tool.name);
            assert!(!is_noted || tool.sort != Sort::Read, "{} changes something", tool.name);
        }
        let applying: Vec<&str> = TOOLS.iter().filter(|tool| tool.sort == Sort::Apply).map(|tool| tool.name).collect();
        assert_eq!(applying, ["apply_rule", "apply_plan"]);
        for description in descriptions() {
            let (reads, destroys) =
                (&description["annotations"]["readOnlyHint"], &description["annotations"]["destructiveHint"]);
            assert_ne!(reads, destroys, "{description}");
            assert_eq!(description["inputSchema"]["additionalProperties"], false);
        }
    }
}
