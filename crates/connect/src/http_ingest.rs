//! Telemetry that comes over HTTP as JSON, turned into the native messages that are put on the log.
//!
//! The bodies have the shapes of native payloads; this only finds out whom a body is about, and refuses what would
//! say nothing. Line protocol is checked by [`crate::influx::check`].

use std::collections::BTreeMap;

use bytes::Bytes;
use model::ThingId;
use serde_json::value::RawValue;

use crate::{Message, native};

/// The most things that one body may speak for.
pub const THINGS_PER_BODY_MAX: usize = 10_000;

/// Why a body is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IngestError {
    /// It is not JSON of the expected shape.
    #[error("the body is not {expected}: {problem}")]
    Shape {
        /// What was expected.
        expected: &'static str,
        /// What the parser says.
        problem: String,
    },
    /// It is too large.
    #[error("{what}: {count}, at most {limit} are accepted")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How much.
        count: usize,
        /// The limit.
        limit: usize,
    },
}

/// The message of a body about one thing: a report, or an array of reports (see [`crate::native::payload`]).
pub fn reports(thing: &ThingId, body: &Bytes) -> Result<Message, IngestError> {
    let payload = body.slice_ref(body.trim_ascii());
    let limit = native::PAYLOAD_BYTES_MAX;
    if payload.len() > limit {
        return Err(IngestError::TooMany { what: "bytes about one thing", count: payload.len(), limit });
    }
    if !matches!(payload.first(), Some(b'{' | b'[')) {
        let problem = "it begins with neither { nor [".to_owned();
        return Err(IngestError::Shape { expected: "an object of properties or an array of such objects", problem });
    }
    Ok(Message { topic: format!("things/{thing}/properties"), payload, qos: 1, retain: false })
}

/// The messages of a body about many things: an object of reports, or arrays of reports, by thing.
pub fn reports_by_thing(body: &Bytes) -> Result<Vec<(ThingId, Message)>, IngestError> {
    let by_thing: BTreeMap<ThingId, &RawValue> = serde_json::from_slice(body).map_err(|error| IngestError::Shape {
        expected: "an object of reports by thing",
        problem: error.to_string(),
    })?;
    if by_thing.len() > THINGS_PER_BODY_MAX {
        return Err(IngestError::TooMany { what: "things", count: by_thing.len(), limit: THINGS_PER_BODY_MAX });
    }
    by_thing
        .into_iter()
        .map(|(thing, report)| {
            let message = reports(&thing, &body.slice_ref(report.get().as_bytes()))?;
            Ok((thing, message))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{message_lines, thing};

    #[test]
    fn a_body_about_one_thing_is_its_report() {
        let message = reports(&thing("a"), &Bytes::from_static(b" {\"t\":NaN}\n")).unwrap();
        assert_eq!(message_lines(&[message]), "things/a/properties {\"t\":NaN} qos 1\n");
        let error = reports(&thing("a"), &Bytes::from_static(b"21")).unwrap_err();
        insta::assert_snapshot!(error, @"the body is not an object of properties or an array of such objects: it begins with neither { nor [");
        let error = reports(&thing("a"), &vec![b'['; native::PAYLOAD_BYTES_MAX + 1].into()).unwrap_err();
        insta::assert_snapshot!(error, @"bytes about one thing: 4194305, at most 4194304 are accepted");
    }

    #[test]
    fn a_body_about_many_things_is_taken_apart() {
        let messages =
            reports_by_thing(&Bytes::from_static(b"{\"b\":{\"t\":1},\"a\":[{\"t\":2,\"time\":1}]}")).unwrap();
        let messages: Vec<Message> = messages.into_iter().map(|(_, message)| message).collect();
        insta::assert_snapshot!(message_lines(&messages), @r#"
        things/a/properties [{"t":2,"time":1}] qos 1
        things/b/properties {"t":1} qos 1
        "#);
        let error = reports_by_thing(&Bytes::from_static(b"{\"a/b\":{}}")).unwrap_err();
        insta::assert_snapshot!(error, @"the body is not an object of reports by thing: an id must not contain '/' at line 1 column 6");
    }
}
