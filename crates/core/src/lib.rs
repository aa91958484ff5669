//! The pure part of `deployer`: from a manifest and what was observed to a plan, without a network, a clock or a client.

pub mod alarms;
pub mod arn;
pub mod call_error;
pub mod concurrency;
pub mod cost;
pub mod counted;
pub mod denial;
pub mod desired;
pub mod error;
pub mod exit_code;
mod forwarder;
pub mod isolation;
pub mod manifest;
pub mod naming;
pub mod permissions;
pub mod plan;
pub mod property;
pub mod resource;
pub mod rival;
pub mod role_owner;
mod role_policy;
pub mod run_origin;
pub mod scheduled_event;
pub mod scope;
pub mod snapshot;
pub mod tools;
pub mod wrap;
