//! All integration tests in one binary, since each binary links the AWS clients once more.

mod artifact;
mod cloud;
mod clouds;
mod conformance;
mod cost;
mod dev;
mod dev_page;
mod formats;
mod manifest;
mod planner;
mod runtime;
mod sandbox;
mod scenarios;
mod servers;
mod stories;
mod sync;
mod wire;
mod world;
