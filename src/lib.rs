//! `deployer` converges AWS to a manifest of venues.
//!
//! The story, in the order in which it happens:
//!
//! 1. [`manifest`]: `venues.toml` is read and checked, every mistake with its place.
//! 2. [`artifact`]: the one shared function, `sync-lambda`, is built and zipped, the same bytes from the same source.
//! 3. [`desired`]: manifest and artifact become the resources that should exist ([`naming`] says what they are called).
//! 4. [`observe`]: what exists is read from AWS.
//! 5. [`plan`]: the difference, computed without any effect.
//! 6. [`cost`]: what both sides of a plan cost a month, from a dated table of prices.
//! 7. [`apply`]: the plan's operations, carried out in the order of their dependencies, under the [`lock`].
//! 8. [`render`]: plans, progress and results for people and programs.
//!
//! [`audit`] finds what in the account nobody needs any more.
//! [`decommission`] archives that, deletes it, and brings it back.
//! [`status`] says how the venues do, for people who run them and people who don't.
//! [`verify`] proves that a venue is live, [`isolation`] shows that no venue can reach another.
//! [`duplicates`] finds what earlier integrations left behind in a Tripleseat account.
//!
//! [`doctor`] asks whether every credential and connection is as it has to be.
//!
//! [`commands`] has one file for each verb of the command line; [`local`] is a cloud and two vendors on this machine.

pub mod cli;
pub mod commands;
pub mod dev;
pub mod local;
pub mod render;
pub mod sample;
