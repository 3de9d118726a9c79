//! The embedded user interface.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::Problem;

#[derive(RustEmbed)]
#[folder = "../../ui/dist"]
#[allow_missing = true]
struct Files;

/// Shown when the user interface was not built into this program.
const MISSING: &str = "<!doctype html><meta charset=utf-8><title>Manmul</title><h1>The pages are not built in</h1>\
    <p>The API runs: see <a href=/openapi.json>/openapi.json</a>. To get the pages too, run:<pre>cargo xtask build</pre>";

/// Answers what no route matches: a file, the page, or a problem under `/api`.
pub(crate) async fn pages(request: Request) -> Response {
    let path = request.uri().path();
    if path == "/api" || path.starts_with("/api/") {
        return Problem::not_found("route", path).hint("/openapi.json lists every route").into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Problem::method_not_allowed("pages can only be read").into_response();
    }
    let name = path.trim_start_matches('/');
    match Files::get(name) {
        Some(file) => serve(name, &file, request.headers()),
        None if names_a_file(name) => Problem::not_found("file", path).into_response(),
        None => page(request.headers()),
    }
}

/// Whether a path can only mean a file. Deeper down it is the address of a page: ids have dots too.
fn names_a_file(name: &str) -> bool {
    name.starts_with("assets/") || (name.contains('.') && !name.contains('/'))
}

fn page(headers: &HeaderMap) -> Response {
    match Files::get("index.html") {
        Some(file) => serve("index.html", &file, headers),
        None => (StatusCode::OK, Html(MISSING)).into_response(),
    }
}

/// Serves a file, in the packed form that the browser takes when there is one.
fn serve(name: &str, file: &EmbeddedFile, headers: &HeaderMap) -> Response {
    let tag = format!("\"{}\"", hexadecimal(&file.metadata.sha256_hash()[..12]));
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let mut response =
        if known.is_some_and(|known| known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag)) {
            StatusCode::NOT_MODIFIED.into_response()
        } else if let Some((encoding, packed)) = packed(name, headers) {
            let mut response = Response::new(Body::from(packed.data));
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
            response
        } else {
            Response::new(Body::from(file.data.clone()))
        };
    let fields = response.headers_mut();
    let mut set = |name, value: &str| {
        fields.insert(name, HeaderValue::from_str(value).expect("names and digits are header values"));
    };
    set(header::CONTENT_TYPE, media_type(name));
    set(header::ETAG, &tag);
    set(header::VARY, "accept-encoding");
    // The build puts a hash of the content into the names under assets/, so those never change.
    let hashed = name.starts_with("assets/");
    set(header::CACHE_CONTROL, if hashed { "public, max-age=31536000, immutable" } else { "no-cache" });
    response
}

fn packed(name: &str, headers: &HeaderMap) -> Option<(&'static str, EmbeddedFile)> {
    let accepted = headers.get(header::ACCEPT_ENCODING)?.to_str().ok()?;
    [("br", "br"), ("gzip", "gz")].into_iter().find_map(|(encoding, extension)| {
        let takes = accepted.split(',').any(|part| part.split(';').next().is_some_and(|word| word.trim() == encoding));
        takes.then(|| Files::get(&format!("{name}.{extension}"))).flatten().map(|file| (encoding, file))
    })
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn get(path: &str) -> Response {
        pages(Request::builder().uri(path).body(Body::empty()).unwrap()).await
    }

    #[tokio::test]
    async fn addresses_of_pages_are_the_page_and_missing_files_are_not() {
        for path in ["/", "/things", "/things/lamp", "/things/a.b", "/things/plug.js?tab=settings", "/spaces/1.2"] {
            let response = get(path).await;
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            assert!(response.headers()[header::CONTENT_TYPE].to_str().unwrap().starts_with("text/html"), "{path}");
        }
        for path in ["/nothing.js", "/favicon.ico", "/assets/old-1234.js", "/assets/nothing"] {
            assert_eq!(get(path).await.status(), StatusCode::NOT_FOUND, "{path}");
        }
        let response = get("/api/v1/nothing").await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
    }
}
