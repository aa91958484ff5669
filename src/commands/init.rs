//! `deployer init`

use std::io::Write;
use std::path::Path;

use clap::Args;
use sync_config::config::HUBSPOT_BASE_URI;

use crate::cli::GlobalArgs;
use crate::commands::shared::suggest::{print_suggestions, suggest_from_portal};
use deployer_core::error::{Error, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::{SecretRef, init_template};

/// Write a commented venues.toml to start from
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Name of the deployment: prefix and owner tag of every managed resource
    #[arg(long, default_value = "venue-sync")]
    pub name: String,
    /// AWS region
    #[arg(long, default_value = "us-east-1", env = "AWS_REGION")]
    pub region: String,
    /// Overwrite an existing manifest
    #[arg(long)]
    pub force: bool,
    /// Base URL of HubSpot's API, which is asked for properties if HUBSPOT_ADMIN_TOKEN is set
    #[arg(long, value_name = "URI", default_value = HUBSPOT_BASE_URI, hide = true)]
    pub hubspot_base_uri: String,
}

/// The variable that the template names for the deployer's own token.
const ADMIN_TOKEN: &str = "HUBSPOT_ADMIN_TOKEN";

pub(super) async fn run_init(global: &GlobalArgs, args: &InitArgs) -> Result<ExitCode> {
    let path = &global.manifest;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).truncate(args.force).create(args.force).create_new(!args.force);
    let written =
        options.open(path).and_then(|mut file| file.write_all(init_template(&args.name, &args.region).as_bytes()));
    match written {
        Ok(()) => {
            errln!("Wrote {}. Next: edit it, then run `deployer validate` and `deployer plan`.", path.display());
            if !global.local {
                let token = SecretRef::Env(ADMIN_TOKEN.to_owned());
                let suggestions = suggest_from_portal(&token, Path::new(""), &args.hubspot_base_uri, &[]).await;
                print_suggestions("venue-a", &suggestions);
            }
            Ok(ExitCode::Done)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(Error::usage(format!("{} already exists", path.display()))
                .hint("--force overwrites it; --manifest PATH writes another file"))
        }
        Err(error) => Err(Error::failed(format!("could not write {}", path.display())).caused_by(&error)),
    }
}
