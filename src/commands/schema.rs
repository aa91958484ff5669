//! `deployer schema`

use clap::Args;

use crate::terminal::print_document;
use deployer_core::error::Result;
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::manifest_schema;

/// Print the manifest's JSON Schema, for editors
#[derive(Debug, Args)]
pub struct SchemaArgs {}

pub(super) fn run_schema(_args: &SchemaArgs) -> Result<ExitCode> {
    print_document(&schema_text()).map(|()| ExitCode::Done)
}

/// The schema as a file has it.
pub(super) fn schema_text() -> String {
    format!("{:#}\n", manifest_schema())
}
