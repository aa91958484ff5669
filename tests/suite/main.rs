//! All integration tests in one binary, since each binary links the AWS clients once more.

mod artifact;
mod cloud;
mod conformance;
mod dev_page;
mod manifest;
mod planner;
mod sandbox;
mod scenarios;
mod sync;
mod world;
