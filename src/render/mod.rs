//! Plans, progress and results, for people and for programs. Nothing here decides or calls anything.

mod cost;
mod doctor;
mod duplicates;
mod escape;
mod html;
mod json;
mod markdown;
mod page;
mod progress;
mod text;
mod words;

pub use cost::cost_line;
pub use doctor::{checks_text, verdict_counts};
pub use duplicates::duplicates_html;
pub use html::plan_html;
pub use json::{FORMAT_VERSION, JsonLines};
pub use markdown::plan_markdown;
pub use progress::Progress;
pub use text::{action_word, plan_text, result_text, summary_line};
