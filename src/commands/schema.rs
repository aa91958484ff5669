//! `deployer schema`

use clap::Args;

use super::shared::stdout::write_to_stdout;
use deployer_core::error::{Error, Result};
use deployer_core::exit_code::ExitCode;

/// Print the manifest's JSON Schema, for editors
#[derive(Debug, Args)]
pub struct SchemaArgs {}

pub(super) fn run_schema(_args: &SchemaArgs) -> Result<ExitCode> {
    let text = serde_json::to_string_pretty(&deployer_core::manifest::manifest_schema())
        .map_err(|error| Error::failed("could not print the schema").caused_by(&error))?;
    write_to_stdout(format!("{text}\n").as_bytes())
}
