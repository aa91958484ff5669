//! `deployer status`, `report`, `logs` and `invoke`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::duplicates::{Window, window};

/// `deployer status`
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The venues; all when none is given
    pub venue: Vec<String>,
    /// How far back runs are looked for: 24h, 7d
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = window)]
    pub since: Window,
}

/// `deployer report`
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Write it to a file, in place of standard output; its ending gives the format: .html, .md, .json
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// How it is written (default: by the ending of --out, or html); --json is the same as --format json
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<ReportFormat>,
    /// How far back runs are looked for: 24h, 7d
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = window)]
    pub since: Window,
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// One page that needs nothing else
    Html,
    /// For GitHub, with a diagram
    Markdown,
    /// One object a line, for programs
    Json,
}

/// `deployer logs`
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// The venue
    pub venue: String,
    /// Go on, and show what comes (Ctrl-C ends it)
    #[arg(long, short = 'F')]
    pub follow: bool,
    /// How far back: 1h, 90m, 7d
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = window)]
    pub since: Window,
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
