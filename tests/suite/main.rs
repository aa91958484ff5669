//! All integration tests in one binary, since each binary links the AWS clients once more.

mod artifact;
mod cloud;
mod clouds;
mod conformance;
mod manifest;
mod planner;
mod sandbox;
mod scenarios;
mod servers;
mod stories;
mod sync;
mod wire;
mod world;
