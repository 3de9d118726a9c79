//! Numbers out of what was said: of a property, of a message on a topic, of a file.

use learn::inference::VALUES_MAX;
use model::Value;
use serde::{Deserialize, Serialize};

/// How the bytes of a message or a file are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// JSON: a number, true or false, or arrays of them.
    #[default]
    Json,
    /// Each byte is a number from 0 to 255.
    U8,
    /// Each two bytes are a whole number, the low byte first: sound as most sound cards give it.
    I16,
    /// Each four bytes are a real number, the low byte first.
    F32,
    /// A picture in PGM or PPM, of one byte a channel: its pixels row after row, the channels of a pixel together.
    Pnm,
}

/// The numbers of a value.
pub(crate) fn of_value(value: &Value) -> Result<Vec<f32>, String> {
    match (value.as_f64(), value) {
        (Some(number), _) => Ok(vec![number as f32]),
        (None, Value::Json(json)) => of_json(json, None),
        (None, _) => Err("it is no number".to_owned()),
    }
}

/// The numbers of some bytes; `field` points at them in JSON.
pub(crate) fn of_bytes(bytes: &[u8], format: Format, field: Option<&str>) -> Result<Vec<f32>, String> {
    let numbers = match format {
        Format::Json => {
            let json: serde_json::Value =
                serde_json::from_slice(bytes).map_err(|error| format!("it is no JSON: {error}"))?;
            of_json(&json, field)?
        }
        Format::U8 => bytes.iter().map(|byte| f32::from(*byte)).collect(),
        Format::I16 => bytes.chunks_exact(2).map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]]))).collect(),
        Format::F32 => {
            bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect()
        }
        Format::Pnm => of_picture(bytes).ok_or("it is no PGM or PPM picture of one byte a channel")?,
    };
    let is_good =
        !numbers.is_empty() && numbers.len() <= VALUES_MAX && numbers.iter().all(|number: &f32| number.is_finite());
    if is_good { Ok(numbers) } else { Err(format!("{} numbers, or some that are not finite", numbers.len())) }
}

fn of_json(json: &serde_json::Value, field: Option<&str>) -> Result<Vec<f32>, String> {
    let found = match field {
        Some(field) => json.pointer(field).ok_or_else(|| format!("there is nothing at {field}"))?,
        None => json,
    };
    let mut numbers = Vec::new();
    if gather(found, &mut numbers) && !numbers.is_empty() {
        Ok(numbers)
    } else {
        Err("it is neither a number nor an array of numbers".to_owned())
    }
}

fn gather(json: &serde_json::Value, numbers: &mut Vec<f32>) -> bool {
    match json {
        serde_json::Value::Array(items) => items.iter().all(|item| gather(item, numbers)),
        serde_json::Value::Bool(is_so) => {
            numbers.push(f32::from(u8::from(*is_so)));
            true
        }
        other => other.as_f64().is_some_and(|number| {
            numbers.push(number as f32);
            numbers.len() <= VALUES_MAX
        }),
    }
}

/// The pixels of a PGM (`P5`) or PPM (`P6`) picture.
fn of_picture(bytes: &[u8]) -> Option<Vec<f32>> {
    let channels = match bytes.get(..2)? {
        b"P5" => 1_usize,
        b"P6" => 3,
        _ => return None,
    };
    let mut rest = &bytes[2..];
    let mut sizes = [0_usize; 3];
    for size in &mut sizes {
        loop {
            rest = rest.trim_ascii_start();
            let Some(comment) = rest.strip_prefix(b"#") else { break };
            rest = &comment[comment.iter().position(|byte| *byte == b'\n')?..];
        }
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        *size = std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()?;
        rest = &rest[digits..];
    }
    let [width, height, most] = sizes;
    let length = width.checked_mul(height)?.checked_mul(channels)?;
    // One white space byte, and the pixels.
    let pixels = rest.get(1..)?.get(..length)?;
    (most == 255).then(|| pixels.iter().map(|byte| f32::from(*byte)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_every_format() {
        let read = |bytes: &[u8], format| of_bytes(bytes, format, None).map_err(|words| words.len() > 5);
        assert_eq!(read(b"[1, [2.5, true]]", Format::Json), Ok(vec![1.0, 2.5, 1.0]));
        assert_eq!(of_bytes(br#"{"a":{"b":7}}"#, Format::Json, Some("/a/b")), Ok(vec![7.0]));
        assert_eq!(read(&[1, 255], Format::U8), Ok(vec![1.0, 255.0]));
        assert_eq!(read(&[0, 1, 255, 255], Format::I16), Ok(vec![256.0, -1.0]));
        assert_eq!(read(&1.5_f32.to_le_bytes(), Format::F32), Ok(vec![1.5]));
        assert_eq!(read(b"P6\n# a camera\n1 2\n255\nabcdef", Format::Pnm), Ok((97..103).map(|it| it as f32).collect()));
        let bad: [(&[u8], Format); 8] = [
            (b"\"text\"", Format::Json),
            (b"{", Format::Json),
            (b"[]", Format::Json),
            (b"", Format::U8),
            (&[0, 0, 0xc0, 0x7f], Format::F32),
            (b"P6 1 2 255 abc", Format::Pnm),
            (b"P5 99999999999999 99999999999999 255 a", Format::Pnm),
            (b"P5 1 1 65535 aa", Format::Pnm),
        ];
        for (bytes, format) in bad {
            assert_eq!(read(bytes, format), Err(true), "{bytes:?}");
        }
    }
}
