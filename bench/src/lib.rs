//! Benchmarks of Manmul beside its peers. One folder a subject; each gives the rows of one [`report::Report`].

pub mod machine;
pub mod report;
