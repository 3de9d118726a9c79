//! The home as a whole.

mod group;
mod homes;
mod out_of_model;
mod program;
