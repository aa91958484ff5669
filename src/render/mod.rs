//! Plans, progress and results, for people and for programs. Nothing here decides or calls anything.

mod json;
mod progress;
mod text;

pub use json::{FORMAT_VERSION, JsonLines};
pub use progress::Progress;
pub use text::{action_word, plan_text, result_text, summary_line};
