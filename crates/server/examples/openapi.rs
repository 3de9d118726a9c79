//! Prints the document.
fn main() {
    println!("{}", server::api::openapi().to_pretty_json().unwrap());
}
