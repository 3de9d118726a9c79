//! The frames of the live stream: JSON, and the binary form, version 1 (see `docs/api/live.md`).

use bytes::{BufMut as _, Bytes, BytesMut};
use model::{Position, Record, Timestamp, Value};
use serde::Serialize;

/// The version of the binary form.
pub const VERSION: u8 = 1;

/// The sorts of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum FrameKind {
    /// The stream is open.
    Hello = 0,
    /// Records.
    Records = 1,
    /// Nothing new.
    Heartbeat = 2,
    /// Records were missed: fetch again what is shown. May carry records too.
    Gap = 3,
}

/// One frame.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// The sort.
    pub kind: FrameKind,
    /// The newest position that the client has now seen: where to resume.
    pub newest: Position,
    /// The server's clock.
    pub time: Timestamp,
    /// The records.
    pub records: &'a [Record],
}

impl Frame<'_> {
    /// The JSON form.
    pub fn to_json(self) -> String {
        #[derive(Serialize)]
        struct Json<'a> {
            r#type: FrameKind,
            newest: Position,
            time: Timestamp,
            records: Vec<JsonRecord<'a>>,
        }
        let Self { kind, newest, time, records } = self;
        let frame = Json { r#type: kind, newest, time, records: records.iter().map(JsonRecord::new).collect() };
        serde_json::to_string(&frame).expect("a frame is valid JSON")
    }

    /// The binary form, little endian.
    pub fn to_binary(self) -> Bytes {
        // A record of a number with usual names takes about 80 bytes.
        let mut out = BytesMut::with_capacity(32 + 96 * self.records.len());
        out.put_u8(VERSION);
        out.put_u8(self.kind as u8);
        out.put_u64_le(self.newest.0);
        out.put_i64_le(self.time.micros());
        out.put_u32_le(self.records.len() as u32);
        for record in self.records {
            put_record(&mut out, record);
        }
        out.freeze()
    }
}

/// A record as the API shows it, borrowed.
#[derive(Serialize)]
struct JsonRecord<'a> {
    position: Position,
    time: Timestamp,
    received: Timestamp,
    thing: &'a model::ThingId,
    kind: model::RecordKind,
    name: &'a model::Name,
    value: &'a Value,
    quality: model::Quality,
    cause: &'a model::Cause,
}

impl<'a> JsonRecord<'a> {
    fn new(record: &'a Record) -> Self {
        let Record { position, time, received, thing, kind, name, value, quality, cause } = record;
        let (position, time, received, kind, quality) = (*position, *time, *received, *kind, *quality);
        Self { position, time, received, thing, kind, name, value, quality, cause }
    }
}

fn put_record(out: &mut BytesMut, record: &Record) {
    out.put_u64_le(record.position.0);
    out.put_i64_le(record.time.micros());
    out.put_i64_le(record.received.micros());
    out.put_u8(record.kind as u8);
    out.put_u8(record.quality as u8);
    out.put_u8(record.cause.kind as u8);
    put_short(out, record.thing.as_str());
    put_short(out, record.name.as_str());
    put_short(out, &record.cause.id);
    match &record.value {
        Value::Null => out.put_u8(0),
        Value::Boolean(false) => out.put_u8(1),
        Value::Boolean(true) => out.put_u8(2),
        Value::Integer(integer) => {
            out.put_u8(3);
            out.put_i64_le(*integer);
        }
        Value::Float(float) => {
            out.put_u8(4);
            out.put_f64_le(*float);
        }
        Value::Text(text) => {
            out.put_u8(5);
            put_long(out, text.as_bytes());
        }
        Value::Json(json) => {
            out.put_u8(6);
            put_long(out, json.to_string().as_bytes());
        }
    }
}

/// A text of at most 65,535 bytes with its length; ids and names are far shorter, a cause's id is cut.
fn put_short(out: &mut BytesMut, text: &str) {
    let text = &text[..text.floor_char_boundary(usize::from(u16::MAX))];
    out.put_u16_le(text.len() as u16);
    out.put_slice(text.as_bytes());
}

fn put_long(out: &mut BytesMut, bytes: &[u8]) {
    out.put_u32_le(bytes.len() as u32);
    out.put_slice(bytes);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::{Cause, Name, Quality, RecordKind, ThingId};

    use super::*;

    fn record(value: Value) -> Record {
        Record {
            position: Position(7),
            time: Timestamp(-1),
            received: Timestamp(2),
            thing: ThingId::new("등").unwrap(),
            kind: RecordKind::Event,
            name: Name::new("on").unwrap(),
            value,
            quality: Quality::Uncertain,
            cause: Arc::new(Cause::new(model::CauseKind::Token, "t")),
        }
    }

    fn hexadecimal(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_binary_form_is_as_documented() {
        let records = [record(Value::Boolean(true))];
        let frame = Frame { kind: FrameKind::Gap, newest: Position(9), time: Timestamp(3), records: &records };
        insta::assert_snapshot!(hexadecimal(&frame.to_binary()), @"0103090000000000000003000000000000000100000007000000000000\
00ffffffffffffffff02000000000000000101060300eb93b102006f6e01007402");
        let value = |value: Value| {
            let mut out = BytesMut::new();
            put_record(&mut out, &record(value));
            hexadecimal(&out[39..])
        };
        assert_eq!(value(Value::Null), "00");
        assert_eq!(value(Value::Integer(-2)), "03feffffffffffffff");
        assert_eq!(value(Value::Float(1.0)), "04000000000000f03f");
        assert_eq!(value(Value::text("a")), "050100000061");
        assert_eq!(value(Value::from_json(serde_json::json!([1]))), "06030000005b315d");
    }

    #[test]
    fn the_json_form_is_as_documented() {
        let records = [record(Value::Integer(1))];
        let frame = Frame { kind: FrameKind::Records, newest: Position(9), time: Timestamp(3), records: &records };
        insta::assert_snapshot!(frame.to_json(), @r#"{"type":"records","newest":9,"time":3,"records":[{"position":7,"time":-1,"received":2,"thing":"등","kind":"event","name":"on","value":1,"quality":"uncertain","cause":{"kind":"token","id":"t"}}]}"#);
    }
}
