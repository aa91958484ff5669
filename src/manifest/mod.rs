//! `venues.toml`: read with spans, checked as a whole, every mistake with its place and its remedy.

mod model;

pub use model::*;
