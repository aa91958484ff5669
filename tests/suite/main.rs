//! All integration tests in one binary, since each binary links the AWS clients once more.

mod artifact;
mod cloud;
mod clouds;
mod conformance;
mod cost;
mod dev;
mod dev_page;
mod drift;
mod duplicates;
mod formats;
mod lock;
mod manifest;
mod planner;
mod processes;
mod runtime;
mod sandbox;
mod saved_plans;
mod scenarios;
mod secret_commands;
mod servers;
mod stories;
mod sync;
mod venues;
mod versions;
mod wire;
mod world;
