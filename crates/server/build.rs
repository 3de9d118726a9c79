//! The pages are built by `cargo xtask build`; this only makes cargo see when they have changed.

#![expect(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]

fn main() {
    println!("cargo::rerun-if-changed=../../ui/dist");
}
