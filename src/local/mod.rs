//! A cloud and two vendors on this machine, for `--local`, for `dev` and for the tests.

pub mod cloud;
pub mod runtime;
pub mod sandbox;
