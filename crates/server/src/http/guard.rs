//! The one door of every route: who is it, was the request made on purpose, may they do this; and the audit entry of
//! what was done.

use std::net::IpAddr;

use axum::extract::{FromRequestParts, MatchedPath, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::{Cause, CauseKind, Decision, Principal, Resource, Right, ThingId, decide};

use super::rules::{self, Needs, On};
use super::{Peer, Problem};
use crate::access::{Access, Identity, Proof};
use crate::api::App;

/// The cookie of a session.
pub const SESSION_COOKIE: &str = "manmul_session";

/// The header that everything but GET needs when it comes with the cookie: a form on another site cannot send it.
pub const CSRF_HEADER: &str = "x-manmul-csrf";

/// Who calls, and from where.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who, and what they showed.
    pub identity: Identity,
    /// From where.
    pub peer: Peer,
}

impl Caller {
    /// The address.
    pub fn address(&self) -> IpAddr {
        self.peer.address.ip()
    }

    /// What the caller's doings are caused by.
    pub fn cause(&self) -> Cause {
        cause_of(&self.identity.principal)
    }
}

/// Put into an answer by routes that make something: what the audit entry is about.
#[derive(Debug, Clone)]
pub struct Made(pub String);

/// What a principal's doings are caused by.
pub fn cause_of(principal: &Principal) -> Cause {
    let kind = match principal {
        Principal::User { .. } => CauseKind::User,
        Principal::Token { .. } => CauseKind::Token,
        Principal::Thing { .. } => CauseKind::Device,
        Principal::System | Principal::Anonymous(_) => CauseKind::System,
    };
    Cause::new(kind, principal.id())
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| Problem::internal(&"a route without the guard asked for its caller"))
    }
}

/// Lets a request through to its route, or refuses it.
pub async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    match pass(&app, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn pass(app: &App, request: Request, next: Next) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let path = parts.extensions.get::<MatchedPath>().map(|path| path.as_str().to_owned()).unwrap_or_default();
    let Some(rule) = rules::find(&parts.method, &path) else {
        let methods = rules::methods(&path);
        if methods.is_empty() {
            return Err(Problem::internal(&format!("{path} has no row in the table of rules")));
        }
        return Ok(method_not_allowed(&parts.method, &methods));
    };
    let peer = *parts.extensions.get::<Peer>().ok_or_else(|| Problem::internal(&"a request without a peer"))?;
    let identity = identify(&app.access, &parts)?;
    let caller = Caller { identity, peer };
    let params =
        RawPathParams::from_request_parts(&mut parts, &()).await.map_err(|_| Problem::malformed("bad path"))?;
    let target = params.iter().map(|(_, value)| value).collect::<Vec<_>>().join("/");
    let thing = match params.iter().find(|(name, _)| *name == "thing") {
        Some((_, id)) => Some(ThingId::new(id).map_err(|error| Problem::malformed(error.to_string()).at("thing"))?),
        None => None,
    };
    drop(params);
    let allowed = authorise(rule.needs, &caller, thing.as_ref(), &parts.headers)
        .and_then(|()| on_purpose(&caller.identity, &parts.method, &parts.headers));
    if let (Err(_), Some(action)) = (&allowed, rule.audit)
        && !matches!(caller.identity.principal, Principal::Anonymous(_))
    {
        app.access.record(&caller.identity.principal, Some(caller.address()), action, &target, false).await;
    }
    allowed?;
    let (principal, address) = (caller.identity.principal.clone(), caller.address());
    parts.extensions.insert(caller);
    let response = next.run(Request::from_parts(parts, body)).await;
    if let Some(action) = rule.audit
        && response.status().is_success()
    {
        let target = response.extensions().get::<Made>().map_or(target, |made| made.0.clone());
        app.access.record(&principal, Some(address), action, &target, true).await;
    }
    Ok(response)
}

fn authorise(needs: Needs, caller: &Caller, thing: Option<&ThingId>, headers: &HeaderMap) -> Result<(), Problem> {
    let principal = &caller.identity.principal;
    let decision = match needs {
        Needs::Nothing => Decision::Allow,
        Needs::LookOrLocal if caller.address().to_canonical().is_loopback() && !came_through_a_proxy(headers) => {
            Decision::Allow
        }
        Needs::LookOrLocal => decide(principal, Right::Read, Resource::Site),
        Needs::Right(right, On::Site) => decide(principal, right, Resource::Site),
        Needs::Right(_, On::Named) if matches!(principal, Principal::Thing { .. }) => Decision::Allow,
        Needs::Right(right, On::Named) => decide(principal, right, Resource::Site),
        Needs::Right(right, On::Access) => decide(principal, right, Resource::Access),
        Needs::Right(right, On::Thing) => {
            let thing = thing.ok_or_else(|| Problem::internal(&"a rule about a thing on a path without one"))?;
            decide(principal, right, Resource::Thing(thing))
        }
    };
    match (decision, principal) {
        (Decision::Allow, _) => Ok(()),
        (Decision::Deny(reason), Principal::Anonymous(_)) => Err(Problem::unauthenticated(reason)),
        (Decision::Deny(reason), _) => Err(Problem::forbidden(reason)),
    }
}

/// Whether a caller may use a route, asked from within another one.
pub(crate) fn allows(caller: &Caller, method: &Method, path: &str, thing: Option<&ThingId>) -> Result<(), Problem> {
    let rule = rules::find(method, path)
        .ok_or_else(|| Problem::internal(&format!("{path} has no row in the table of rules")))?;
    authorise(rule.needs, caller, thing, &HeaderMap::new())
}

fn came_through_a_proxy(headers: &HeaderMap) -> bool {
    ["forwarded", "x-forwarded-for", "via"].iter().any(|name| headers.contains_key(*name))
}

/// Whether a request that shows the cookie was made by our own pages: a browser adds the cookie to anybody's.
fn on_purpose(identity: &Identity, method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    if !matches!(identity.proof, Proof::Cookie(_)) {
        return Ok(());
    }
    if headers.contains_key(header::UPGRADE) {
        return same_origin(headers);
    }
    let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    if reads || headers.get(CSRF_HEADER).is_some_and(|value| value == "1") {
        return Ok(());
    }
    Err(Problem::forbidden("the header X-Manmul-Csrf is missing")
        .hint("send X-Manmul-Csrf: 1 with everything but GET, or use a token instead of the cookie"))
}

/// Whether a browser says that the page that opens a WebSocket came from this very host and port.
pub(crate) fn same_origin(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let Some(origin) = text(header::ORIGIN) else { return Ok(()) };
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    if authority.is_some() && authority == text(header::HOST) {
        return Ok(());
    }
    Err(Problem::forbidden("this page came from another origin").at("origin"))
}

/// Who a request comes from. Credentials that are shown and wrong are an error even where none are needed.
fn identify(access: &Access, parts: &Parts) -> Result<Identity, Problem> {
    if let Some(value) = parts.headers.get(header::AUTHORIZATION) {
        let shown = value.to_str().ok().and_then(|value| by_authorization(access, value));
        return shown.ok_or_else(|| {
            Problem::unauthenticated("the Authorization header opens nothing")
                .hint("send Bearer mm_…, Token mm_…, or Basic with a thing's id and secret")
        });
    }
    if let Some(cookie) = session_cookie(&parts.headers)
        && let Some(identity) = access.by_cookie(&cookie)
    {
        return Ok(identity);
    }
    Ok(by_influx_query(access, parts).unwrap_or(Identity { principal: Principal::anonymous(), proof: Proof::None }))
}

fn by_authorization(access: &Access, value: &str) -> Option<Identity> {
    let (scheme, shown) = value.trim().split_once(' ')?;
    let shown = shown.trim();
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" => access.by_token(shown),
        // InfluxDB 2 clients say `Token`; those of 1.8 put name and secret behind it.
        "token" => access.by_token(shown).or_else(|| by_pair(access, shown)),
        "basic" => by_pair(access, &String::from_utf8(STANDARD.decode(shown).ok()?).ok()?),
        _ => None,
    }
}

/// `id:secret` of a thing, or any name with a token behind it.
fn by_pair(access: &Access, pair: &str) -> Option<Identity> {
    let (name, secret) = pair.split_once(':')?;
    access.by_credential(name, secret).or_else(|| access.by_token(secret))
}

/// `u` and `p` in the query, as InfluxDB 1 clients send them; nowhere else, because queries end up in logs.
fn by_influx_query(access: &Access, parts: &Parts) -> Option<Identity> {
    #[derive(serde::Deserialize)]
    struct Pair {
        u: String,
        p: String,
    }
    if parts.uri.path() != "/write" {
        return None;
    }
    let Pair { u, p } = axum::extract::Query::try_from_uri(&parts.uri).ok()?.0;
    access.by_credential(&u, &p).or_else(|| access.by_token(&p))
}

/// The value of the session cookie.
pub fn session_cookie(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(SESSION_COOKIE)?.strip_prefix('=').map(str::to_owned))
}

fn method_not_allowed(method: &Method, methods: &[&str]) -> Response {
    let allow = methods.join(", ");
    let problem = Problem::method_not_allowed(format!("{method} is not one of the methods of this path: {allow}"));
    let mut response = problem.into_response();
    if let Ok(value) = HeaderValue::from_str(&allow) {
        response.headers_mut().insert(header::ALLOW, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (header::HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        assert_eq!(session_cookie(&headers(&[("cookie", "a=1; manmul_session=mm_x; b=2")])).as_deref(), Some("mm_x"));
        assert_eq!(session_cookie(&headers(&[("cookie", "manmul_sessions=mm_x")])), None);
    }

    #[test]
    fn a_cookie_needs_the_header_to_change_something() {
        let identity = Identity {
            principal: Principal::anonymous(),
            proof: Proof::Cookie(crate::access::secret::SecretHash::of("x")),
        };
        let pass = |method: Method, pairs: &[(&'static str, &'static str)]| {
            on_purpose(&identity, &method, &headers(pairs)).is_ok()
        };
        assert!(pass(Method::GET, &[]) && !pass(Method::POST, &[]) && !pass(Method::DELETE, &[(CSRF_HEADER, "0")]));
        assert!(pass(Method::POST, &[(CSRF_HEADER, "1")]));
        let upgrade = |origin| [("upgrade", "websocket"), ("host", "home:7700"), ("origin", origin)];
        assert!(pass(Method::GET, &upgrade("http://home:7700")));
        assert!(!pass(Method::GET, &upgrade("http://evil.example")) && !pass(Method::GET, &upgrade("null")));
        let token = Identity { proof: Proof::None, ..identity };
        assert!(on_purpose(&token, &Method::POST, &headers(&[])).is_ok());
    }

    /// Every route and every sort of caller. A change of this table is a change of who may do what.
    #[test]
    fn routes_and_roles() {
        use model::Role;
        use model::access::Scope;

        let lamp = ThingId::new("lamp").unwrap();
        let user = |role| Principal::User { id: "u".into(), role };
        let token = |scope| Principal::Token { id: "t".into(), scopes: [scope].into() };
        let callers = [
            Principal::anonymous(),
            user(Role::Viewer),
            user(Role::Operator),
            user(Role::Owner),
            token(Scope::Read),
            token(Scope::Command),
            token(Scope::Configure),
            token(Scope::Ingest),
            Principal::thing(lamp.clone()),
            Principal::thing(ThingId::new("other").unwrap()),
        ];
        let far = Peer { address: "192.0.2.1:1".parse().unwrap(), secure: false };
        let mut table = String::from(
            "A V O W r c g i t x  anonymous, viewer, operator, owner; tokens: read, command, \
            configure, ingest; the thing, another thing\n",
        );
        for rule in rules::RULES {
            for principal in &callers {
                let identity = Identity { principal: principal.clone(), proof: Proof::None };
                let caller = Caller { identity, peer: far };
                let passes = authorise(rule.needs, &caller, Some(&lamp), &HeaderMap::new()).is_ok();
                table.push_str(if passes { "+ " } else { ". " });
            }
            table.push_str(&format!(" {} {}\n", rule.method, rule.path));
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn figures_are_open_to_this_machine_but_not_through_a_proxy() {
        let identity = Identity { principal: Principal::anonymous(), proof: Proof::None };
        let reads = |address: &str, pairs: &[(&'static str, &'static str)]| {
            let peer = Peer { address: address.parse().unwrap(), secure: false };
            let caller = Caller { identity: identity.clone(), peer };
            authorise(Needs::LookOrLocal, &caller, None, &headers(pairs)).is_ok()
        };
        assert!(reads("127.0.0.1:1", &[]) && reads("[::1]:1", &[]) && reads("[::ffff:127.0.0.1]:1", &[]));
        assert!(!reads("192.0.2.1:1", &[]) && !reads("127.0.0.1:1", &[("x-forwarded-for", "192.0.2.1")]));
    }
}
