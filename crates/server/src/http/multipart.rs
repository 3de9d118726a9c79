//! Forms with files (RFC 7578), read from a body that is whole already.

use bytes::Bytes;

use super::Problem;

/// The most parts of a form.
const PARTS_MAX: usize = 16;

/// A part of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// The name of its field.
    pub(crate) name: String,
    /// What is in it.
    pub(crate) bytes: Bytes,
}

/// The parts of a form; `content_type` is that of the body.
pub(crate) fn parts(content_type: &str, body: &Bytes) -> Result<Vec<Part>, Problem> {
    let boundary = boundary(content_type).ok_or_else(|| Problem::media_type("multipart/form-data with a boundary"))?;
    let (opening, between) = (format!("--{boundary}"), format!("\r\n--{boundary}"));
    let broken = |what: &str| Problem::malformed(format!("the form is broken: {what}"));
    let mut at = if body.starts_with(opening.as_bytes()) {
        opening.len()
    } else {
        find(body, between.as_bytes()).ok_or_else(|| broken("it does not begin"))? + between.len()
    };
    let mut parts = Vec::new();
    while !body[at..].starts_with(b"--") {
        if parts.len() >= PARTS_MAX {
            return Err(broken("it has too many parts"));
        }
        if !body[at..].starts_with(b"\r\n") {
            return Err(broken("a line goes on after a boundary"));
        }
        // The empty line that ends the headers may follow at once.
        let head = find(&body[at..], b"\r\n\r\n").ok_or_else(|| broken("the headers of a part do not end"))?;
        let headers = String::from_utf8_lossy(&body[at..at + head]).into_owned();
        let start = at + head + 4;
        let length = find(&body[start..], between.as_bytes()).ok_or_else(|| broken("a part does not end"))?;
        let name = field_name(&headers).ok_or_else(|| broken("a part has no name"))?;
        parts.push(Part { name, bytes: body.slice(start..start + length) });
        at = start + length + between.len();
    }
    Ok(parts)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, wanted)
}

fn boundary(content_type: &str) -> Option<String> {
    let (essence, parameters) = content_type.split_once(';')?;
    let is_form = essence.trim().eq_ignore_ascii_case("multipart/form-data");
    parameter(parameters, "boundary").filter(|boundary| is_form && (1..=70).contains(&boundary.len()))
}

fn field_name(headers: &str) -> Option<String> {
    let disposition = headers.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    parameter(disposition.split_once(';')?.1, "name")
}

/// A parameter of a header, in quotes or without.
fn parameter(parameters: &str, wanted: &str) -> Option<String> {
    parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim();
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        name.trim().eq_ignore_ascii_case(wanted).then(|| value.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=\"x-1\"";

    fn read(body: &'static str) -> Result<Vec<(String, String)>, u16> {
        let parts = parts(TYPE, &Bytes::from_static(body.as_bytes())).map_err(|problem| problem.status)?;
        Ok(parts.into_iter().map(|part| (part.name, String::from_utf8(part.bytes.to_vec()).unwrap())).collect())
    }

    #[test]
    fn parts_are_found_by_their_names() {
        let body = "--x-1\r\nContent-Disposition: form-data; name=\"manifest\"\r\n\r\n{}\r\n--x-1\r\n\
            content-disposition: form-data; filename=\"a;b.onnx\"; name=file\r\nContent-Type: application/octet-stream\r\n\r\n\
            a\r\n--x-\r\n--x-1--\r\n";
        assert_eq!(
            read(body),
            Ok(vec![("manifest".to_owned(), "{}".to_owned()), ("file".to_owned(), "a\r\n--x-".to_owned())])
        );
        assert_eq!(read("preamble\r\n--x-1--"), Ok(Vec::new()));
    }

    #[test]
    fn broken_forms_are_refused() {
        for body in
            ["", "--x-1", "--x-1\r\n", "--x-1\r\nname: x\r\n\r\n", "--x-1\r\nX: y\r\n\r\n\r\n--x-1--", "--x-1 a"]
        {
            assert_eq!(read(body), Err(400), "{body:?}");
        }
        for content_type in ["", "multipart/form-data", "text/plain; boundary=x", "multipart/form-data; boundary="] {
            assert_eq!(parts(content_type, &Bytes::new()).unwrap_err().status, 415, "{content_type}");
        }
    }
}
