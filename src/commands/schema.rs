//! `deployer schema`

use clap::Args;

use crate::terminal::print_document;
use deployer_core::error::{Error, Result};
use deployer_core::exit_code::ExitCode;

/// Print the manifest's JSON Schema, for editors
#[derive(Debug, Args)]
pub struct SchemaArgs {}

pub(super) fn run_schema(_args: &SchemaArgs) -> Result<ExitCode> {
    let text = serde_json::to_string_pretty(&deployer_core::manifest::manifest_schema())
        .map_err(|error| Error::failed("could not print the schema").caused_by(&error))?;
    print_document(&format!("{text}\n")).map(|()| ExitCode::Done)
}
