//! Isolation as it is in AWS: what is deployed, and what IAM itself says of it.

pub mod live;
mod paths;
mod schedules;
pub mod simulation;
