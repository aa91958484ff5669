//! Keeps finite what others decide about: how long a named file is, and how many pages a list has.
//!
//! Answers over the network are bounded where they are read: `sync_lambda::http` and `deployer_aws`.

mod files;
mod pages;

pub use files::{MAX_INPUT_FILE, MAX_TEXT_FILE, read_at_most, read_regular_file, read_regular_text};
pub use pages::{PageTokens, RepeatedPage};
