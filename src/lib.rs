//! `deployer` makes AWS match a manifest of venues.
//!
//! What happens, in order:
//!
//! 1. [`manifest`] reads and checks `venues.toml`; every mistake is reported with its location.
//! 2. [`artifact`] builds and zips the one shared function, `sync-lambda`: the same source gives the same bytes.
//! 3. [`desired`] turns manifest and artifact into the resources that should exist; [`naming`] names them.
//! 4. [`observe`] reads from AWS what exists.
//! 5. [`plan`] computes the difference, without any effect.
//! 6. [`cost`] estimates what a month costs before and after, from a dated table of prices.
//! 7. [`apply`] carries out the plan's operations in the order of their dependencies, under the [`lock`].
//! 8. [`render`] shows plans, progress and results to people and programs.
//!
//! [`audit`] finds what nobody in the account needs anymore.
//! [`decommission`] archives and deletes that, and restores it.
//! [`status`] reports on the venues, to people who run them and people who don't.
//! [`verify`] proves that a venue is live, [`isolation`] shows that no venue can reach another.
//! [`duplicates`] finds what earlier integrations left behind in a Tripleseat account.
//!
//! [`doctor`] checks every credential and connection.
//!
//! [`commands`] has one file per command; [`local`] is a cloud and two vendors on this machine.

pub mod apply;
pub mod artifact;
pub mod audit;
pub mod aws;
pub mod cli;
pub mod commands;
pub mod cost;
mod counted;
pub mod crm;
pub mod decommission;
pub mod desired;
pub mod doctor;
pub mod duplicates;
pub mod error;
pub mod exit_code;
pub mod isolation;
pub mod local;
pub mod lock;
pub mod manifest;
pub mod naming;
pub mod observe;
pub mod plan;
pub mod property;
pub mod render;
pub mod resource;
pub mod status;
pub mod verify;

use counted::counted;
