//! `deployer status`, `report`, `logs` and `invoke`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::duplicates::{TimeWindow, parse_time_window};

/// `deployer status`
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The venues (default: all)
    pub venue: Vec<String>,
    /// How far back to look for runs: 24h, 7d
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = parse_time_window)]
    pub since: TimeWindow,
}

/// `deployer report`
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

/// `deployer logs`
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// The venue
    pub venue: String,
    /// Keep showing new events until Ctrl-C
    #[arg(long, short = 'F')]
    pub follow: bool,
    /// How far back to look: 1h, 90m, 7d
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = parse_time_window)]
    pub since: TimeWindow,
}

/// `deployer invoke`
#[derive(Debug, Args)]
pub struct InvokeArgs {
    /// The venue
    pub venue: String,
    /// Check credentials, properties and destination, say what a run would do, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}
