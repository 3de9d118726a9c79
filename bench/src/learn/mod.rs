//! What is learnt from streams, beside what others learn.

pub mod forecast;
