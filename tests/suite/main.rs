//! All integration tests in one binary, since each binary links the AWS clients once more.

mod artifact;
mod cloud;
mod clouds;
mod conformance;
mod dev;
mod dev_page;
mod drift;
mod manifest;
mod planner;
mod real_cloud;
mod refresh;
mod runtime;
mod sandbox;
mod scenarios;
mod servers;
mod stories;
mod sync;
mod unreadable;
mod wire;
mod world;
