//! Benchmarks of Manmul beside its peers. One folder a subject; each gives the rows of one [`report::Report`].

#![expect(clippy::disallowed_methods, reason = "benchmarks take the time, read /proc and write their results")]

pub mod city;
pub mod fleet;
pub mod habits;
pub mod home;
pub mod inference;
pub mod learn;
mod link;
pub mod machine;
pub mod map;
pub mod mqtt;
pub mod nets;
pub mod pipeline;
pub mod report;
pub mod rules;
pub mod store;
