//! Errors as a client sees them: RFC 9457 problem documents, for every refusal of every route.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use site::run::Complaint;
use utoipa::ToSchema;

/// An RFC 9457 problem document.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Problem {
    /// Which sort of problem: `urn:manmul:problem:` and a stable word.
    #[serde(rename = "type", serialize_with = "as_type")]
    #[schema(value_type = String)]
    pub word: &'static str,
    /// The sort of problem in a few words, always the same for one `type`.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong this time.
    pub detail: Box<str>,
    /// What the reader can do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<Box<str>>,
    /// Where in the request: a field path, a parameter, a line.
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub place: Option<Box<str>>,
    /// Everything that is wrong, where it is more than one thing.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub errors: Box<[Complaint]>,
    /// After how many seconds it is worth trying again; sent as `Retry-After`.
    #[serde(skip)]
    pub retry_after_s: Option<u32>,
}

fn as_type<S: serde::Serializer>(word: &&'static str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("urn:manmul:problem:{word}"))
}

impl Problem {
    fn new(status: StatusCode, word: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self {
            word,
            title,
            status: status.as_u16(),
            detail: detail.into().into(),
            hint: None,
            place: None,
            errors: Box::default(),
            retry_after_s: None,
        }
    }

    /// 400: the request cannot be understood.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", "The request cannot be understood", detail)
    }

    /// 401: nobody is signed in.
    pub fn unauthenticated(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "Sign in first", detail)
    }

    /// 403: somebody is signed in, but may not do this.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "Not allowed", detail)
    }

    /// 404: there is no such thing, space, command, route.
    pub fn not_found(what: &str, id: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", format!("there is no {what} {id}"))
    }

    /// 404: the fleet has nothing to drive on yet.
    pub fn no_floor() -> Self {
        Self::new(StatusCode::NOT_FOUND, "no_floor", "There is no floor", "the fleet has no floor yet")
            .hint("put one with PUT /api/v1/fleet/floor, or draw it on the page")
    }

    /// 404: too little was seen of something to say what comes.
    pub fn not_yet(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_yet", "Too little was seen yet", detail)
    }

    /// 405: the route knows other methods.
    pub fn method_not_allowed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed", detail)
    }

    /// 409: it collides with what is there.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", "It collides with what is there", detail)
    }

    /// 410: it was there, and retention removed it.
    pub fn gone(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, "gone", "No longer kept", detail)
    }

    /// 412: somebody else changed it in between.
    pub fn changed_meanwhile(what: &str, id: impl std::fmt::Display) -> Self {
        Self::new(
            StatusCode::PRECONDITION_FAILED,
            "changed-meanwhile",
            "It was changed meanwhile",
            format!("{what} {id} has another revision than If-Match says"),
        )
        .hint("get it again, look at what changed, and repeat the change")
    }

    /// 413: the body is larger than the route accepts.
    pub fn too_large(bytes_max: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            "Too large",
            format!("this route accepts at most {bytes_max} bytes"),
        )
    }

    /// 415: the body has another type than the route accepts.
    pub fn media_type(expected: &str) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "media-type",
            "Unsupported media type",
            format!("send the body as {expected}"),
        )
    }

    /// 422: it is understood, but breaks a rule.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "The request breaks a rule", detail)
    }

    /// 422: everything that is wrong with what was given; the first of it stands in front.
    pub fn complaints(complaints: Vec<Complaint>) -> Self {
        let lines: Vec<String> = complaints.iter().map(|one| format!("{}: {}", one.place, one.problem)).collect();
        let problem = Self::invalid(lines.join("\n"));
        let Some(first) = complaints.first() else { return problem };
        let problem = problem.at(first.place.as_str());
        let problem = if first.hint.is_empty() { problem } else { problem.hint(first.hint.as_str()) };
        Self { errors: complaints.into(), ..problem }
    }

    /// 429: too many attempts.
    pub fn too_many(detail: impl Into<String>, retry_after_s: u64) -> Self {
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many", "Too many attempts", detail);
        Self { retry_after_s: u32::try_from(retry_after_s).ok(), ..problem }
    }

    /// 500: our fault. The cause is logged, and the client gets only a reference to it.
    pub fn internal(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something failed inside",
            "the server's log says more",
        )
        .hint("the x-request-id header of this answer finds it in the log")
    }

    /// 503: it cannot be done now.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not possible now", detail);
        Self { retry_after_s: Some(1), ..problem }
    }

    /// 504: it took too long.
    pub fn timed_out(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, "timed-out", "It took too long", detail)
    }

    /// Adds what the reader can do about it.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into().into()), ..self }
    }

    /// Adds where in the request it is.
    pub fn at(self, place: impl Into<String>) -> Self {
        Self { place: Some(place.into().into()), ..self }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).expect("statuses come from StatusCode");
        let body = serde_json::to_vec(&self).expect("a problem is valid JSON");
        let mut response =
            (status, [(header::CONTENT_TYPE, "application/problem+json"), (header::CACHE_CONTROL, "no-store")], body)
                .into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"manmul\""));
        }
        response
    }
}

impl From<store::state::StateError> for Problem {
    fn from(error: store::state::StateError) -> Self {
        match &error {
            store::state::StateError::Conflict { .. } => Self::conflict(error.to_string()),
            _ => Self::internal(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_says_what_where_and_what_to_do() {
        let problem = Problem::invalid("99 is outside 5 to 30").at("target").hint("choose a value inside");
        insta::assert_snapshot!(serde_json::to_string_pretty(&problem).unwrap(), @r#"
        {
          "type": "urn:manmul:problem:invalid",
          "title": "The request breaks a rule",
          "status": 422,
          "detail": "99 is outside 5 to 30",
          "hint": "choose a value inside",
          "where": "target"
        }
        "#);
        let wrong = |place: &str| Complaint { place: place.into(), problem: "is wrong".into(), hint: String::new() };
        let both = serde_json::to_value(Problem::complaints(vec![wrong("/a"), wrong("/b")])).unwrap();
        assert_eq!((&both["where"], &both["errors"][1]["place"]), (&"/a".into(), &"/b".into()));
        let response = Problem::too_many("later", 7).into_response();
        assert_eq!(response.headers()[header::RETRY_AFTER], "7");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
    }
}
