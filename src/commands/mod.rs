//! The commands, one file each: its flags and help (`XArgs`), and its body (`run_x`). A new command is a new file, its
//! `mod`, a variant of [`Command`], and the arm that the compiler then asks for.

mod adopt;
mod apply;
mod audit;
mod completions;
mod connect;
mod decommission;
mod destroy;
mod dev;
mod doctor;
mod duplicates;
mod explain;
mod fmt;
mod iam_policy;
mod init;
mod invoke;
mod logs;
mod man;
mod migrate_flag;
mod r#move;
mod package;
mod plan;
mod report;
mod restore;
mod retry;
mod rollback;
mod schema;
mod secret;
mod status;
mod unlock;
mod validate;
mod venue;
mod verify;

mod shared;

pub(crate) use shared::reconcile::wait_for_signal;

use std::path::Path;

use clap::Subcommand;

use crate::cli::{GlobalArgs, PlanFormat};
use crate::manifests::{ManifestComparison, ManifestUse, RunDocument};
use deployer_core::error::Result;
use deployer_core::exit_code::ExitCode;
use deployer_core::permissions::PolicyCommand;

/// The commands, in the order of the help. The help of each is on its arguments. Aliases are what other tools call it.
#[derive(Debug, Subcommand)]
pub enum Command {
    Init(init::InitArgs),
    #[command(aliases = ["lint", "check"])]
    Validate(validate::ValidateArgs),
    Fmt(fmt::FmtArgs),
    Schema(schema::SchemaArgs),
    #[command(aliases = ["preview", "diff"])]
    Plan(plan::PlanArgs),
    #[command(aliases = ["deploy", "up"])]
    Apply(apply::ApplyArgs),
    Destroy(destroy::DestroyArgs),
    Move(r#move::MoveArgs),
    #[command(aliases = ["import"])]
    Adopt(adopt::AdoptArgs),
    Rollback(rollback::RollbackArgs),
    Package(package::PackageArgs),
    #[command(subcommand)]
    Secret(secret::SecretCommand),
    Connect(connect::ConnectArgs),
    Status(status::StatusArgs),
    Report(report::ReportArgs),
    Logs(logs::LogsArgs),
    Invoke(invoke::InvokeArgs),
    Retry(retry::RetryArgs),
    Unlock(unlock::UnlockArgs),
    Dev(dev::DevArgs),
    #[command(subcommand)]
    Venue(venue::VenueCommand),
    Doctor(doctor::DoctorArgs),
    IamPolicy(iam_policy::IamPolicyArgs),
    Duplicates(duplicates::DuplicatesArgs),
    MigrateFlag(migrate_flag::MigrateFlagArgs),
    Audit(audit::AuditArgs),
    Decommission(decommission::DecommissionArgs),
    Restore(restore::RestoreArgs),
    Verify(verify::VerifyArgs),
    Explain(explain::ExplainArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

impl Command {
    /// The artifact that was given instead of building one.
    pub fn artifact_path(&self) -> Option<&Path> {
        match self {
            Self::Plan(args) => args.inputs.artifact.as_deref(),
            Self::Apply(args) => args.inputs.artifact.as_deref(),
            Self::Move(args) => args.artifact.as_deref(),
            Self::Dev(args) => args.artifact.as_deref(),
            Self::Package(args) => args.artifact.as_deref(),
            _ => None,
        }
    }

    /// What it does with several manifests.
    pub fn manifest_use(&self) -> ManifestUse {
        use ManifestComparison::{Deployments, Everything, Nothing};
        match self {
            Self::Validate(_) => ManifestUse::Each(Everything),
            Self::Fmt(_) => ManifestUse::Each(Nothing),
            Self::Plan(args) if args.out.is_some() => ManifestUse::One("a saved plan is of one"),
            Self::Plan(_) => ManifestUse::Each(Everything),
            Self::Apply(args) if args.plan.is_some() => ManifestUse::One("a saved plan is of one"),
            Self::Apply(_) => ManifestUse::Each(Everything),
            Self::Status(args) if args.watch => ManifestUse::One("a screen shows one"),
            Self::Status(args) if args.format == Some(status::StatusFormat::Prometheus) => {
                ManifestUse::One("a file of metrics is of one")
            }
            Self::Destroy(_) | Self::Status(_) | Self::Report(_) | Self::Doctor(_) | Self::IamPolicy(_) => {
                ManifestUse::Each(Deployments)
            }
            Self::Secret(secret::SecretCommand::Status(_)) | Self::Venue(venue::VenueCommand::List(_)) => {
                ManifestUse::Each(Deployments)
            }
            Self::Verify(args) if args.isolation => ManifestUse::Each(Deployments),
            Self::Secret(_) | Self::Connect(_) => ManifestUse::One("a credential is of one venue"),
            Self::Venue(_) => ManifestUse::One("it edits the file"),
            Self::Verify(_) | Self::Logs(_) | Self::Invoke(_) | Self::Retry(_) | Self::Duplicates(_) => {
                ManifestUse::One("it is about one venue")
            }
            Self::MigrateFlag(_) | Self::Adopt(_) | Self::Rollback(_) => ManifestUse::One("it is about one venue"),
            Self::Move(_) => ManifestUse::One("one deployment moves at a time"),
            Self::Unlock(_) => ManifestUse::One("a lock is of one deployment"),
            Self::Dev(_) => ManifestUse::One("it has one deployment on this machine"),
            Self::Audit(_) | Self::Decommission(_) | Self::Restore(_) => {
                ManifestUse::One("it is about one account and region")
            }
            Self::Init(_) => ManifestUse::One("it writes one file"),
            Self::Package(_) | Self::Schema(_) => ManifestUse::Nothing,
            Self::Explain(_) | Self::Completions(_) | Self::Man(_) => ManifestUse::Nothing,
        }
    }

    /// Whether its own format is lines of JSON.
    pub fn asks_for_json(&self) -> bool {
        match self {
            Self::Plan(args) => args.format == Some(PlanFormat::Json),
            Self::Status(args) => args.format == Some(status::StatusFormat::Json),
            Self::Report(args) => args.prints_json(),
            _ => false,
        }
    }

    /// Whether stdout gets a document, which nothing else may come into.
    pub fn prints_document(&self) -> bool {
        match self {
            Self::Plan(args) => matches!(args.format, Some(PlanFormat::Markdown | PlanFormat::Html)),
            Self::Report(args) => args.out.is_none() && !args.send,
            Self::IamPolicy(_) => true,
            _ => false,
        }
    }

    /// The command by which the table of permissions knows what it does in AWS; none if it calls no AWS.
    pub fn policy_command(&self) -> Option<PolicyCommand> {
        match self {
            Self::Plan(_) => Some(PolicyCommand::Plan),
            Self::Apply(_) => Some(PolicyCommand::Apply),
            Self::Move(_) => Some(PolicyCommand::Move),
            Self::Destroy(_) => Some(PolicyCommand::Destroy),
            Self::Adopt(_) => Some(PolicyCommand::Adopt),
            Self::Rollback(_) => Some(PolicyCommand::Rollback),
            Self::Secret(_) => Some(PolicyCommand::Secret),
            Self::Connect(_) => Some(PolicyCommand::Connect),
            Self::Status(_) => Some(PolicyCommand::Status),
            Self::Report(_) => Some(PolicyCommand::Report),
            Self::Logs(_) => Some(PolicyCommand::Logs),
            Self::Invoke(_) => Some(PolicyCommand::Invoke),
            Self::Retry(_) => Some(PolicyCommand::Retry),
            Self::Unlock(_) => Some(PolicyCommand::Unlock),
            Self::Doctor(_) => Some(PolicyCommand::Doctor),
            Self::Duplicates(_) => Some(PolicyCommand::Duplicates),
            Self::Audit(_) => Some(PolicyCommand::Audit),
            Self::Decommission(_) => Some(PolicyCommand::Decommission),
            Self::Restore(_) => Some(PolicyCommand::Restore),
            Self::Verify(_) => Some(PolicyCommand::Verify),
            // They work on this machine, or with HubSpot alone.
            Self::Init(_)
            | Self::Validate(_)
            | Self::Fmt(_)
            | Self::Package(_)
            | Self::Schema(_)
            | Self::Dev(_)
            | Self::Venue(_)
            | Self::IamPolicy(_)
            | Self::Explain(_)
            | Self::MigrateFlag(_)
            | Self::Completions(_)
            | Self::Man(_) => None,
        }
    }
}

/// Runs a command and returns the exit code of the process.
///
/// # Errors
/// Why the command failed; the error has not been shown yet.
pub async fn run_command(command: &Command, global: &GlobalArgs) -> Result<ExitCode> {
    match command {
        Command::Init(args) => init::run_init(global, args).await,
        Command::Validate(args) => validate::run_validate(global, args),
        Command::Fmt(args) => fmt::run_fmt(global, args),
        Command::Schema(args) => schema::run_schema(args),
        Command::Plan(args) => plan::run_plan(global, args).await,
        Command::Apply(args) => apply::run_apply(global, args).await,
        Command::Destroy(args) => destroy::run_destroy(global, args).await,
        Command::Move(args) => r#move::run_move(global, args).await,
        Command::Adopt(args) => adopt::run_adopt(global, args).await,
        Command::Rollback(args) => rollback::run_rollback(global, args).await,
        Command::Package(args) => package::run_package(global, args).await,
        Command::Secret(command) => secret::run_secret(global, command).await,
        Command::Connect(args) => connect::run_connect(global, args).await,
        Command::Status(args) => status::run_status(global, args).await,
        Command::Report(args) => report::run_report(global, args).await,
        Command::Logs(args) => logs::run_logs(global, args).await,
        Command::Invoke(args) => invoke::run_invoke(global, args).await,
        Command::Retry(args) => retry::run_retry(global, args).await,
        Command::Unlock(args) => unlock::run_unlock(global, args).await,
        Command::Dev(args) => dev::run_dev(global, args).await,
        Command::Venue(command) => venue::run_venue(global, command).await,
        Command::Doctor(args) => doctor::run_doctor(global, args).await,
        Command::IamPolicy(args) => iam_policy::run_iam_policy(global, args),
        Command::Duplicates(args) => duplicates::run_duplicates(global, args).await,
        Command::MigrateFlag(args) => migrate_flag::run_migrate_flag(global, args).await,
        Command::Audit(args) => audit::run_audit(global, args).await,
        Command::Decommission(args) => decommission::run_decommission(global, args).await,
        Command::Restore(args) => restore::run_restore(global, args).await,
        Command::Verify(args) => verify::run_verify(global, args).await,
        Command::Explain(args) => explain::run_explain(global, args),
        Command::Completions(args) => completions::run_completions(args),
        Command::Man(args) => man::run_man(args),
    }
}

/// Writes the document of a run of several manifests, made of what each of them left for it.
///
/// # Errors
/// It can't be written.
pub fn finish_documents(command: &Command, json: bool, documents: Vec<(String, RunDocument)>) -> Result<()> {
    match command {
        _ if documents.is_empty() => Ok(()),
        Command::Report(args) => report::write_joined_report(args, json, documents),
        _ => crate::terminal::print_document(&crate::manifests::join_documents("Plans", documents)),
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests read what they wrote")]
mod tests {
    use std::path::PathBuf;

    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    fn snake_name(command: &clap::Command) -> String {
        command.get_name().replace('-', "_")
    }

    fn source_files(directory: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(directory).expect("the directory of the commands is readable");
        let paths = entries.map(|entry| entry.expect("its entries are readable").path());
        paths.flat_map(|path| if path.is_dir() { source_files(&path) } else { vec![path] }).collect()
    }

    /// The files that the commands below `parent` should have, each with the start of the command's functions and types.
    fn expected_files(parent: &clap::Command, directory: &Path, prefix: &str) -> Vec<(PathBuf, String)> {
        let mut files = Vec::new();
        for command in parent.get_subcommands() {
            let name = snake_name(command);
            let folder = directory.join(&name);
            let file = if folder.is_dir() { folder.join("mod.rs") } else { directory.join(format!("{name}.rs")) };
            files.push((file, format!("{prefix}{name}")));
            files.extend(expected_files(command, &folder, &format!("{prefix}{name}_")));
        }
        files
    }

    #[test]
    fn every_command_has_its_own_file_with_arguments_help_and_body() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/commands");
        let expected = expected_files(&Cli::command(), &directory, "");
        for (file, name) in &expected {
            let shown = file.display();
            let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{shown}: {error}"));
            let camel: String = name.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect();
            let has_type = |suffix: &str, keyword: &str| text.contains(&format!("pub {keyword} {camel}{suffix} {{"));
            assert!(has_type("Args", "struct") || has_type("Command", "enum"), "{shown} declares no {camel}Args");
            assert!(text.contains(&format!("fn run_{name}(")), "{shown} has no function run_{name}");
        }
        // The other way around: no file of a command that nobody can call.
        for file in source_files(&directory) {
            let text = std::fs::read_to_string(&file).expect("the file is readable");
            let is_command = text.lines().any(|line| line.starts_with("pub struct ") && line.ends_with("Args {"));
            let known = expected.iter().any(|(path, _)| *path == file);
            assert!(known || !is_command, "{} is not in the command line", file.display());
        }
    }

    #[test]
    fn every_command_and_every_flag_has_help() {
        fn check_help(command: &clap::Command, path: &str) {
            for sub in command.get_subcommands() {
                let path = format!("{path} {}", sub.get_name());
                assert!(sub.get_about().is_some(), "{path} has no help");
                for flag in sub.get_arguments() {
                    assert!(flag.get_help().is_some(), "{path} {} has no help", flag.get_id());
                }
                check_help(sub, &path);
            }
        }
        Cli::command().debug_assert();
        check_help(&Cli::command(), "deployer");
    }
}
