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

pub mod cli;
pub mod commands;
pub mod dev;
pub mod local;
pub mod render;
pub mod sample;
