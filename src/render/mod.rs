//! Renders plans, progress and results, for people and for programs. Nothing here makes decisions or calls.

mod audit;
mod cost;
mod decommission;
mod digest;
mod doctor;
mod duplicates;
mod escape;
mod flow;
mod html;
mod isolation;
mod json;
mod log;
mod manifests;
mod markdown;
mod page;
mod plan_fold;
mod progress;
mod report;
mod retry;
mod status;
mod text;
mod text_width;
mod venue_words;
mod waiting;
mod when;
mod words;

pub use audit::{AuditView, audit_html, audit_markdown, audit_summary, audit_text};
pub use cost::cost_line;
pub use decommission::{comparison_text, decommission_text, event_text, outcome_text, restore_text};
pub use digest::status_digest;
pub use doctor::{checks_text, verdict_counts};
pub use duplicates::duplicates_html;
pub use escape::one_line;
pub use html::{plan_html, plan_page};
pub use isolation::{isolation_text, print_isolation};
pub use json::{FORMAT_VERSION, JsonLines, name_manifest};
pub use log::log_line;
pub use manifests::{RunResult, heading_text, print_run_results, question_text, run_results_text};
pub use markdown::plan_markdown;
pub use page::{Page, join_pages};
pub use plan_fold::PlanDetail;
pub use progress::{ApplyProgress, start_spinner};
pub use report::{report_html, report_markdown, report_page};
pub use retry::RetryOutput;
pub use status::{
    ScreenKey, ScreenRequest, StatusLine, StatusLook, StatusScreen, Tone, status_lines, status_metrics, status_text,
};
pub use text::{action_word, pace_text, plan_text, result_text, summary_line};
pub use waiting::tell_what_is_waited_for;
