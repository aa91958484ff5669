//! `deployer init`

mod pipeline;

use std::io::Write;
use std::path::Path;

use clap::Args;
use sync_config::config::HUBSPOT_BASE_URI;

use self::pipeline::PipelineHost;
use crate::cli::GlobalArgs;
use crate::commands::schema::schema_text;
use crate::commands::shared::session::load_manifest;
use crate::commands::shared::suggest::{print_suggestions, suggest_from_portal};
use crate::terminal::write_output_file;
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::{SecretRef, init_template};

/// Write a commented venues.toml to start from, and what belongs beside it
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Name of the deployment: prefix and owner tag of every managed resource
    #[arg(long, default_value = "venue-sync")]
    pub name: String,
    /// AWS region
    #[arg(long, default_value = "us-east-1", env = "AWS_REGION")]
    pub region: String,
    /// Overwrite what exists
    #[arg(long)]
    pub force: bool,
    /// Write a pipeline for the manifest: plan as a comment, apply on merge, drift every night (see docs/ci.md)
    #[arg(long, value_enum, value_name = "HOST")]
    pub ci: Option<PipelineHost>,
    /// Base URL of HubSpot's API, which is asked for properties if HUBSPOT_ADMIN_TOKEN is set
    #[arg(long, value_name = "URI", default_value = HUBSPOT_BASE_URI, hide = true)]
    pub hubspot_base_uri: String,
}

/// The variable that the template names for the deployer's own token.
const ADMIN_TOKEN: &str = "HUBSPOT_ADMIN_TOKEN";

pub(super) async fn run_init(global: &GlobalArgs, args: &InitArgs) -> Result<ExitCode> {
    let path = &global.manifest;
    if let Some(host) = args.ci {
        return write_pipeline(global, args, host);
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).truncate(args.force).create(args.force).create_new(!args.force);
    let text = format!("#:schema {SCHEMA_FILE}\n{}", init_template(&args.name, &args.region));
    let written = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    match written {
        Ok(()) => {
            errln!("Wrote {}. Next: edit it, then run `deployer validate` and `deployer plan`.", path.display());
            write_schema(&path.with_file_name(SCHEMA_FILE))?;
            ignore_private_files(&path.with_file_name(".gitignore"))?;
            if !global.local {
                let token = SecretRef::Env(ADMIN_TOKEN.to_owned());
                let suggestions = suggest_from_portal(&token, Path::new(""), &args.hubspot_base_uri, &[]).await;
                print_suggestions("venue-a", &suggestions);
            }
            Ok(ExitCode::Done)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(Error::usage(ErrorCode::FileExists, format!("{} already exists", path.display()))
                .hint("--force overwrites it; --manifest PATH writes another file"))
        }
        Err(error) => {
            Err(Error::failed(ErrorCode::FileUnwritable, format!("could not write {}", path.display()))
                .caused_by(&error))
        }
    }
}

/// Writes the pipeline of a manifest that is there already, below the current directory: the root of the repository.
fn write_pipeline(global: &GlobalArgs, args: &InitArgs, host: PipelineHost) -> Result<ExitCode> {
    let loaded = load_manifest(global)?;
    let file = host.file();
    let failed = |error: &std::io::Error| {
        Error::failed(ErrorCode::FileUnwritable, format!("could not write {}", file.display())).caused_by(error)
    };
    if file.exists() && !args.force {
        return Err(Error::usage(ErrorCode::FileExists, format!("{} already exists", file.display()))
            .hint("--force overwrites it; what you changed in it is lost then"));
    }
    if let Some(directory) = file.parent() {
        std::fs::create_dir_all(directory).map_err(|error| failed(&error))?;
    }
    let pipeline = host.pipeline_text(&global.manifest, &loaded.manifest);
    write_output_file(&file, pipeline.as_bytes()).map_err(|error| failed(&error))?;
    errln!("Wrote {}. What it needs, role by role and variable by variable, is in docs/ci.md.", file.display());
    Ok(ExitCode::Done)
}

/// What an editor reads to complete and check the manifest, beside it. The manifest's first line names it.
const SCHEMA_FILE: &str = "venues.schema.json";

fn write_schema(path: &Path) -> Result<()> {
    write_output_file(path, schema_text().as_bytes()).map_err(|error| {
        Error::failed(ErrorCode::FileUnwritable, format!("could not write {}", path.display())).caused_by(&error)
    })?;
    errln!("Wrote {}, with which editors complete and check it.", path.display());
    Ok(())
}

/// What must never be committed: the state of this machine, and files with values of secrets.
const PRIVATE_FILES: [&str; 2] = [".deployer/", ".env"];

/// Adds the lines that are missing.
fn ignore_private_files(path: &Path) -> Result<()> {
    let failed = |error: &std::io::Error| {
        Error::failed(ErrorCode::FileUnwritable, format!("could not write {}", path.display())).caused_by(error)
    };
    let before = match bounds::read_regular_text(path, bounds::MAX_TEXT_FILE) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(failed(&error)),
    };
    let is_ignored =
        |name: &str| before.lines().any(|line| line.trim().trim_matches('/') == name.trim_end_matches('/'));
    let missing: Vec<_> = PRIVATE_FILES.into_iter().filter(|name| !is_ignored(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let unended = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
    let added = format!("{unended}{}\n", missing.join("\n"));
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(added.as_bytes())).map_err(|error| failed(&error))?;
    errln!(
        "Added {} to {}: never commit them. Put values for `env:` references into .env.",
        missing.join(" and "),
        path.display()
    );
    Ok(())
}
