//! The pages are built by `cargo xtask build`; this only makes cargo see when they have changed.

fn main() {
    println!("cargo::rerun-if-changed=../../ui/dist");
}
