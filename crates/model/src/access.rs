//! Who may do what. One pure function, [`decide`], serves the broker, the API, the WebSocket and every tool alike.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{ThingId, topic};

/// What a person may do on the whole site; each role may do all that the ones after it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything, access included.
    Owner,
    /// Command things, accept and arrange them.
    Operator,
    /// Look.
    Viewer,
}

/// What a program's token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Look.
    Read,
    /// Command things.
    Command,
    /// Accept and arrange things.
    Configure,
    /// Bring in telemetry for things.
    Ingest,
}

/// Extra topics that a thing's credential opens: a gateway speaks for its own prefix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TopicGrant {
    /// An MQTT filter.
    pub filter: String,
    /// Whether it may publish there.
    #[serde(default)]
    pub publish: bool,
    /// Whether it may subscribe there.
    #[serde(default)]
    pub subscribe: bool,
}

/// Topics that nobody may use although a grant would open them; for anonymous access and gateways.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TopicRules {
    /// What is open.
    #[serde(default)]
    pub grants: Vec<TopicGrant>,
    /// Filters that stay shut for publishing, whatever the grants say.
    #[serde(default)]
    pub deny_publish: Vec<String>,
    /// Filters that stay shut for subscribing, whatever the grants say.
    #[serde(default)]
    pub deny_subscribe: Vec<String>,
}

/// Who is asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// Nobody that we know. The rules are what the site opens to anonymous MQTT clients; normally nothing.
    Anonymous(Arc<TopicRules>),
    /// A person who signed in.
    User {
        /// The user's id.
        id: Arc<str>,
        /// The user's role.
        role: Role,
    },
    /// A program with a token.
    Token {
        /// The token's id.
        id: Arc<str>,
        /// What it is good for.
        scopes: Arc<[Scope]>,
    },
    /// A thing with its own credential: it may speak only for itself, and on the topics it was granted.
    Thing {
        /// Which thing.
        id: ThingId,
        /// Extra topics, for gateways.
        rules: Arc<TopicRules>,
    },
    /// Manmul itself.
    System,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// See it.
    Read,
    /// Command it: invoke an action, write a property.
    Command,
    /// Arrange it: accept, name, place, correct the model.
    Configure,
    /// Users, tokens, credentials, audit.
    Administer,
    /// Bring in telemetry.
    Ingest,
    /// Publish an MQTT message.
    Publish,
    /// Subscribe to an MQTT filter.
    Subscribe,
    /// Get one message of a topic through a subscription that was allowed; see [`Principal::is_filtered`].
    Receive,
}

/// What it is asked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource<'a> {
    /// The site as a whole: spaces, system, models, lists.
    Site,
    /// One thing.
    Thing(&'a ThingId),
    /// Users, tokens, credentials, audit.
    Access,
    /// An MQTT topic to publish to.
    Topic(&'a str),
    /// An MQTT filter to subscribe to.
    Filter(&'a str),
}

/// The verdict, with its reason when it is a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Allow,
    /// No, and why.
    Deny(&'static str),
}

impl Decision {
    /// True for [`Decision::Allow`].
    pub fn is_allowed(self) -> bool {
        self == Self::Allow
    }

    fn when(allowed: bool, reason: &'static str) -> Self {
        if allowed { Self::Allow } else { Self::Deny(reason) }
    }
}

impl Principal {
    /// Nobody, with nothing open.
    pub fn anonymous() -> Self {
        Self::Anonymous(Arc::default())
    }

    /// A thing without extra topics.
    pub fn thing(id: ThingId) -> Self {
        Self::Thing { id, rules: Arc::default() }
    }

    /// Whether single deliveries must be decided too ([`Right::Receive`]), because a wide filter that is open may
    /// cover topics that stay shut.
    pub fn is_filtered(&self) -> bool {
        match self {
            Self::Anonymous(rules) | Self::Thing { rules, .. } => !rules.deny_subscribe.is_empty(),
            Self::User { .. } | Self::Token { .. } | Self::System => false,
        }
    }

    /// What the audit log and causes call this principal.
    pub fn id(&self) -> &str {
        match self {
            Self::Anonymous(_) => "anonymous",
            Self::User { id, .. } | Self::Token { id, .. } => id,
            Self::Thing { id, .. } => id.as_str(),
            Self::System => "manmul",
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Anonymous(_) => return f.write_str("anonymous"),
            Self::User { .. } => "user",
            Self::Token { .. } => "token",
            Self::Thing { .. } => "thing",
            Self::System => return f.write_str("manmul"),
        };
        write!(f, "{kind} {}", self.id())
    }
}

/// Decides whether `principal` has `right` on `resource`. Default is no.
pub fn decide(principal: &Principal, right: Right, resource: Resource<'_>) -> Decision {
    match principal {
        Principal::System => Decision::Allow,
        Principal::Anonymous(rules) => rules.decide(right, resource, "sign in first"),
        Principal::User { role, .. } => decide_user(*role, right, resource),
        Principal::Token { scopes, .. } => decide_token(scopes, right, resource),
        Principal::Thing { id, rules } => decide_thing(id, rules, right, resource),
    }
}

fn decide_user(role: Role, right: Right, resource: Resource<'_>) -> Decision {
    let needed = match (right, resource) {
        (Right::Subscribe, Resource::Filter(filter)) => {
            // The broker's own counters name clients; everything else is what a viewer sees anyway.
            if filter.starts_with("$SYS") { Role::Owner } else { Role::Viewer }
        }
        (_, Resource::Access) | (Right::Administer, _) => Role::Owner,
        (Right::Publish | Right::Command | Right::Configure | Right::Ingest, _) => Role::Operator,
        (Right::Read | Right::Subscribe | Right::Receive, _) => Role::Viewer,
    };
    Decision::when(role <= needed, "your role does not include this")
}

fn decide_token(scopes: &[Scope], right: Right, resource: Resource<'_>) -> Decision {
    const REASON: &str = "the token's scopes do not include this";
    let needed = match (right, resource) {
        (_, Resource::Access) | (Right::Administer, _) => return Decision::Deny("tokens cannot manage access"),
        (Right::Subscribe, Resource::Filter(filter)) if filter.starts_with('$') => return Decision::Deny(REASON),
        (Right::Read | Right::Subscribe | Right::Receive, _) => Scope::Read,
        (Right::Command, _) => Scope::Command,
        (Right::Configure, _) => Scope::Configure,
        (Right::Ingest | Right::Publish, _) => Scope::Ingest,
    };
    Decision::when(scopes.contains(&needed), REASON)
}

fn decide_thing(id: &ThingId, rules: &TopicRules, right: Right, resource: Resource<'_>) -> Decision {
    const REASON: &str = "a thing may speak only for itself";
    let own = match (right, resource) {
        (Right::Ingest | Right::Read, Resource::Thing(thing)) => return Decision::when(thing == id, REASON),
        (Right::Publish, Resource::Topic(topic)) => own_levels(id, topic).is_some_and(|rest| {
            rest == "properties"
                || rest.starts_with("properties/")
                || rest.starts_with("events/")
                || rest == "presence"
                || rest == "model"
                || (rest.starts_with("actions/") && rest.ends_with("/status"))
        }),
        (Right::Subscribe, Resource::Filter(filter)) => own_levels(id, filter).is_some(),
        _ => false,
    };
    if own { Decision::Allow } else { rules.decide(right, resource, REASON) }
}

/// What follows `things/{id}/` in a topic or filter.
fn own_levels<'a>(id: &ThingId, topic: &'a str) -> Option<&'a str> {
    topic.strip_prefix("things/")?.strip_prefix(id.as_str())?.strip_prefix('/')
}

impl TopicRules {
    fn decide(&self, right: Right, resource: Resource<'_>, reason: &'static str) -> Decision {
        let (asked, denied, publish) = match (right, resource) {
            (Right::Publish, Resource::Topic(topic)) => (topic, &self.deny_publish, true),
            (Right::Subscribe, Resource::Filter(filter)) => (filter, &self.deny_subscribe, false),
            (Right::Receive, Resource::Topic(topic)) => {
                return Decision::when(!self.deny_subscribe.iter().any(|rule| topic::matches(rule, topic)), reason);
            }
            _ => return Decision::Deny(reason),
        };
        let shut = denied.iter().any(|rule| topic::covers(rule, asked));
        let open = self.grants.iter().any(|grant| {
            let granted = if publish { grant.publish } else { grant.subscribe };
            granted && topic::covers(&grant.filter, asked)
        });
        Decision::when(open && !shut, reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thing(id: &str) -> Principal {
        Principal::thing(ThingId::new(id).unwrap())
    }

    #[test]
    fn a_thing_speaks_only_for_itself() {
        let lamp = thing("lamp");
        let publish = |topic: &str| decide(&lamp, Right::Publish, Resource::Topic(topic)).is_allowed();
        assert!(publish("things/lamp/properties/on") && publish("things/lamp/actions/fade/status"));
        assert!(!publish("things/lamp2/properties/on") && !publish("things/lamp/actions/fade"));
        assert!(!publish("things/lamp/desired") && !publish("other"));
        assert!(!publish("things/lamp/decisions/on") && !publish("things/lamp/insights/on"));
        let subscribe = |filter: &str| decide(&lamp, Right::Subscribe, Resource::Filter(filter)).is_allowed();
        assert!(subscribe("things/lamp/actions/+") && subscribe("things/lamp/#"));
        assert!(!subscribe("things/+/desired") && !subscribe("#") && !subscribe("things/#"));
    }

    #[test]
    fn grants_open_and_denials_shut() {
        let grant = |filter: &str| TopicGrant { filter: filter.into(), publish: true, subscribe: true };
        let rules = TopicRules {
            grants: vec![grant("linux/#")],
            deny_subscribe: vec!["linux/secret".into()],
            ..TopicRules::default()
        };
        let gateway = Principal::Thing { id: ThingId::new("gateway").unwrap(), rules: Arc::new(rules) };
        assert!(decide(&gateway, Right::Publish, Resource::Topic("linux/host/cpu")).is_allowed());
        assert!(decide(&gateway, Right::Subscribe, Resource::Filter("linux/+")).is_allowed());
        assert!(!decide(&gateway, Right::Subscribe, Resource::Filter("linux/secret")).is_allowed());
        assert!(!decide(&gateway, Right::Subscribe, Resource::Filter("#")).is_allowed());
        assert!(decide(&gateway, Right::Subscribe, Resource::Filter("linux/#")).is_allowed() && gateway.is_filtered());
        assert!(!decide(&gateway, Right::Receive, Resource::Topic("linux/secret")).is_allowed());
        assert!(decide(&gateway, Right::Receive, Resource::Topic("linux/host/cpu")).is_allowed());
    }

    #[test]
    fn nobody_gets_nothing() {
        let nobody = Principal::anonymous();
        for right in [Right::Read, Right::Command, Right::Configure, Right::Administer, Right::Ingest] {
            assert_eq!(decide(&nobody, right, Resource::Site), Decision::Deny("sign in first"));
        }
        assert!(!decide(&nobody, Right::Publish, Resource::Topic("a")).is_allowed());
    }

    #[test]
    fn roles_stand_in_line() {
        let user = |role| Principal::User { id: "kim".into(), role };
        let may = |role, right, resource| decide(&user(role), right, resource).is_allowed();
        assert!(may(Role::Viewer, Right::Read, Resource::Site) && !may(Role::Viewer, Right::Command, Resource::Site));
        assert!(may(Role::Operator, Right::Configure, Resource::Site));
        assert!(!may(Role::Operator, Right::Administer, Resource::Access));
        assert!(may(Role::Owner, Right::Administer, Resource::Access));
        assert!(!may(Role::Operator, Right::Read, Resource::Access));
    }

    #[test]
    fn tokens_have_their_scopes_and_never_manage_access() {
        let token = Principal::Token { id: "t".into(), scopes: Arc::from([Scope::Read]) };
        assert!(decide(&token, Right::Read, Resource::Site).is_allowed());
        assert!(!decide(&token, Right::Command, Resource::Site).is_allowed());
        assert!(!decide(&token, Right::Read, Resource::Access).is_allowed());
    }
}
