//! Tags that a manifest declares: what every service that gets them accepts.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeString, DeValue};

use super::Flaw;
use super::report::ManifestProblem;
use super::shape::ManifestReading;
use crate::error::ErrorCode;
use crate::resource::StringMap;

/// How many tags a manifest may declare. AWS allows 50 on a resource; the deployer needs up to six itself, and others
/// may want some too. The record of what was declared has room for as many.
pub(super) const MAX_TAGS: usize = 40;
/// AWS's limit, in characters (IAM's `tagKeyType`).
const MAX_KEY: usize = 128;
/// AWS's limit, in characters (IAM's `tagValueType`).
const MAX_VALUE: usize = 256;
/// Prefixes of keys that belong to others: to the deployer itself, and to AWS.
const RESERVED: [&str; 2] = ["deployer:", "aws:"];

/// The characters that IAM, Lambda, EventBridge, CloudWatch Logs and Secrets Manager all accept: IAM's `tagKeyType`,
/// `[\p{L}\p{Z}\p{N}_.:/=+\-@]+`.
fn check_characters(text: &str, what: &str) -> Result<(), Flaw> {
    let fits = |sign: char| sign.is_alphanumeric() || sign == ' ' || "_.:/=+-@".contains(sign);
    match text.char_indices().find(|(_, sign)| !fits(*sign)) {
        None => Ok(()),
        Some((at, sign)) => {
            let message = format!("a tag's {what} can't have the character {sign:?}");
            let help = "AWS accepts letters, digits, spaces and _ . : / = + - @";
            Err(Flaw::new(message, help).at_span(at..at + sign.len_utf8()))
        }
    }
}

/// Checks the key of a tag.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check_tag_key(key: &str) -> Result<(), Flaw> {
    if key.trim() != key || key.is_empty() {
        return Err(Flaw::new(
            "a tag's key can't be empty, nor start or end with a space",
            "write it like CostCenter, or \"Cost Center\"",
        ));
    }
    let lower = key.to_lowercase();
    if let Some(prefix) = RESERVED.into_iter().find(|prefix| lower.starts_with(prefix)) {
        let whose = if prefix == "aws:" { "AWS" } else { "deployer" };
        return Err(Flaw::new(format!("keys that start with {prefix} belong to {whose}"), "use another key"));
    }
    let count = key.chars().count();
    if count > MAX_KEY {
        return Err(Flaw::new(format!("this key has {count} characters"), format!("AWS allows at most {MAX_KEY}")));
    }
    check_characters(key, "key")
}

/// Checks the value of a tag. It may be empty.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check_tag_value(value: &str) -> Result<(), Flaw> {
    let count = value.chars().count();
    if count > MAX_VALUE {
        return Err(Flaw::new(format!("this value has {count} characters"), format!("AWS allows at most {MAX_VALUE}")));
    }
    check_characters(value, "value")
}

/// An entry of a table of tags.
type TagEntry<'t, 's> = (&'t Spanned<DeString<'s>>, &'t Spanned<DeValue<'s>>);

/// Tags as they are.
pub(super) fn tag_map(entries: &[TagEntry<'_, '_>]) -> StringMap {
    let pair = |(key, value): &TagEntry<'_, '_>| {
        Some((key.get_ref().as_ref().to_owned(), value.get_ref().as_str()?.to_owned()))
    };
    entries.iter().filter_map(pair).collect()
}

/// The tags of a venue: the deployment's, and its own, which replace those with the same key. Reports keys that IAM
/// takes for one, because it ignores case, and more tags than fit.
pub(super) fn merge_tags(
    reading: &mut ManifestReading<'_>,
    deployment: &[TagEntry<'_, '_>],
    own: &[TagEntry<'_, '_>],
) -> StringMap {
    let mut tags = StringMap::new();
    let mut spelled: BTreeMap<String, String> = BTreeMap::new();
    for (key, value) in deployment.iter().chain(own) {
        let name = key.get_ref().as_ref();
        let first = spelled.entry(name.to_lowercase()).or_insert_with(|| name.to_owned());
        if first != name {
            let message = format!("IAM takes the tags `{first}` and `{name}` for one, because it ignores case");
            let problem = ManifestProblem::new(ErrorCode::Tag, key.span(), message, "the same key in another spelling");
            reading.push_problem(problem.with_help("spell it the same everywhere, or remove one of them"));
        }
        if let Some(value) = value.get_ref().as_str() {
            tags.insert(name.to_owned(), value.to_owned());
        }
    }
    if let Some((key, _)) = deployment.iter().chain(own).next_back().filter(|_| tags.len() > MAX_TAGS) {
        let message = format!("a venue's resources would get {} tags from the manifest", tags.len());
        let problem = ManifestProblem::new(ErrorCode::Tag, key.span(), message, "the last of them");
        reading.push_problem(problem.with_help(format!("declare at most {MAX_TAGS}: AWS allows 50 on a resource")));
    }
    tags
}
