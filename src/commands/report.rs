//! `deployer report`

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;

use super::status::{DigestSources, OverviewChoice, overview_exit_code, read_digest_sources, read_overview};
use crate::cli::{GlobalArgs, TimeWindow, parse_time_window};
use crate::manifests::{ManifestRun, RunDocument, join_documents};
use crate::render::{JsonLines, report_markdown, report_page, status_digest};
use crate::terminal::write_output_file;
use deployer_aws::FailureKind;
use deployer_core::alarms::alarm_topic_arn;
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;
use deployer_health::alarms::read_alarm_states;
use deployer_health::status::StatusZone;
use sync_config::digest::DigestMessage;

/// Write a status page for people who don't run the venues
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Write to a file instead of stdout; its extension sets the format: .html, .md, .json
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Output format (default: by the extension of --out, or html); --json is the same as --format json
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<ReportFormat>,
    /// How far back to look for runs: 24h, 7d
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = parse_time_window)]
    pub since: TimeWindow,
    /// Publish a digest to the topic of the deployment's alarms, for everybody who gets them
    #[arg(long, conflicts_with_all = ["out", "format"])]
    pub send: bool,
    /// With --send: print the digest instead
    #[arg(long, requires = "send")]
    pub dry_run: bool,
}

/// The output format of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// One self-contained page
    Html,
    /// For GitHub, with a diagram
    Markdown,
    /// One object per line, for programs
    Json,
}

impl ReportArgs {
    /// Whether it prints lines of JSON without `--json`.
    pub(super) fn prints_json(&self) -> bool {
        self.out.is_none() && self.format == Some(ReportFormat::Json)
    }
}

pub(super) async fn run_report(global: &GlobalArgs, args: &ReportArgs) -> Result<ExitCode> {
    if args.send {
        return send_digest(global, args).await;
    }
    let format = report_format(global.json, args)?;
    if format == ReportFormat::Html && args.out.is_none() && std::io::stdout().is_terminal() {
        return Err(Error::usage(ErrorCode::CommandLine, "a page on a terminal can't be read")
            .hint("`deployer report --out report.html` writes it to a file")
            .hint("`deployer status` shows the same here"));
    }
    let choice = OverviewChoice { venues: &[], since: &args.since, zone: StatusZone::Utc, drift: false };
    let overview = read_overview(global, &choice).await?;
    let document = match format {
        ReportFormat::Html => RunDocument::Page(report_page(&overview)),
        ReportFormat::Markdown => RunDocument::Text(report_markdown(&overview)),
        ReportFormat::Json => RunDocument::Text(JsonLines::status_lines(&overview)),
    };
    if let Some(run) = ManifestRun::current() {
        overview.unreadable_reasons().iter().for_each(|reason| errln!("unreadable: {reason}"));
        if format == ReportFormat::Json && args.out.is_none() {
            JsonLines::default().print_status(&overview);
        } else {
            run.keep_document(document);
        }
        return Ok(overview_exit_code(&overview));
    }
    let text = document.into_text();
    match &args.out {
        None => crate::terminal::print_document(&text)?,
        Some(path) => {
            write_report(path, &text)?;
            let path = path.display().to_string();
            if global.json {
                JsonLines::default()
                    .print_line("report", json!({ "path": path, "unreadable": overview.unreadable_reasons() }));
            } else {
                outln!("Wrote the report to {path}.");
                for reason in overview.unreadable_reasons() {
                    errln!("unreadable: {reason}");
                }
            }
        }
    }
    Ok(overview_exit_code(&overview))
}

/// Writes one report of several deployments. In lines of JSON, each says whose it is.
///
/// # Errors
/// It can't be written.
pub(super) fn write_joined_report(args: &ReportArgs, json: bool, documents: Vec<(String, RunDocument)>) -> Result<()> {
    let text = match report_format(json, args)? {
        ReportFormat::Html | ReportFormat::Markdown => join_documents("Venues", documents),
        ReportFormat::Json => documents
            .into_iter()
            .map(|(manifest, document)| {
                let text = document.into_text();
                text.lines().map(|line| crate::render::name_manifest(line, &manifest) + "\n").collect::<String>()
            })
            .collect(),
    };
    let Some(path) = &args.out else { return crate::terminal::print_document(&text) };
    write_report(path, &text)?;
    let path = path.display().to_string();
    match json {
        true => JsonLines::default().print_line("report", json!({ "path": path, "unreadable": [] })),
        false => outln!("Wrote the report to {path}."),
    }
    Ok(())
}

/// Publishes the digest to the topic, or prints it.
async fn send_digest(global: &GlobalArgs, args: &ReportArgs) -> Result<ExitCode> {
    let DigestSources { overview, session } = read_digest_sources(global, &args.since).await?;
    let manifest = session.manifest();
    let alarms = read_alarm_states(&session.aws.signed, &manifest.deployment.name).await;
    let digest = status_digest(&overview, alarms.as_ref().ok());
    // What is sent is passed on, so nothing in it may be secret.
    let DigestMessage { subject, body } = digest.render();
    let (subject, body) = (secrets::redact_secrets(&subject), secrets::redact_secrets(&body));
    let topic = alarm_topic_arn(manifest, &session.scope);
    let json = global.json.then(JsonLines::default);
    let sent = match args.dry_run {
        true => None,
        false => {
            let message = json!({ "TopicArn": topic, "Subject": subject, "Message": body });
            let answer = session.aws.signed.call("sns:Publish", message).await;
            let answer = answer.map_err(|error| {
                let missing = error.kind == FailureKind::NotFound;
                let failed = Error::failed(ErrorCode::AwsCall, format!("could not send the digest to {topic}"));
                let failed = failed.caused_by(&error);
                if missing { failed.hint("`deployer apply` creates the topic") } else { failed }
            })?;
            Some(answer["MessageId"].as_str().unwrap_or_default().to_owned())
        }
    };
    match json {
        Some(lines) => lines.print_line(
            "digest",
            json!({ "topic": topic, "message_id": sent, "subject": subject, "body": body, "unreadable": overview.unreadable_reasons() }),
        ),
        None => {
            if sent.is_none() {
                outln!("To {topic}\nSubject: {subject}\n\n{body}");
            } else {
                outln!("Sent the digest to {topic}: {subject}");
            }
            for reason in overview.unreadable_reasons() {
                errln!("unreadable: {reason}");
            }
        }
    }
    Ok(overview_exit_code(&overview))
}

/// The format of the report. `--json` means `--format json`; with `--out`, it only affects what is printed.
fn report_format(json: bool, args: &ReportArgs) -> Result<ReportFormat> {
    let ending = args.out.as_deref().and_then(Path::extension).and_then(|ending| ending.to_str());
    match (args.format, ending) {
        (Some(ReportFormat::Html | ReportFormat::Markdown), _) if json && args.out.is_none() => {
            Err(Error::usage(ErrorCode::CommandLine, "--json and --format contradict each other")
                .hint("leave out --json"))
        }
        (Some(format), _) => Ok(format),
        (None, None) if json && args.out.is_none() => Ok(ReportFormat::Json),
        (None, Some("md" | "markdown")) => Ok(ReportFormat::Markdown),
        (None, Some("json" | "jsonl" | "ndjson")) => Ok(ReportFormat::Json),
        (None, _) => Ok(ReportFormat::Html),
    }
}

fn write_report(path: &Path, text: &str) -> Result<()> {
    // A report is made to be passed on, so nothing in it may be secret.
    write_output_file(path, secrets::redact_secrets(text).as_bytes()).map_err(|error| {
        Error::failed(ErrorCode::FileUnwritable, format!("could not write the report to {}", path.display()))
            .caused_by(&error)
    })
}
