//! Amazon Resource Names. The function parses the ARN of its secret, so the code is in the crate that both share.

pub use sync_config::arn::{Arn, InvalidArn};
