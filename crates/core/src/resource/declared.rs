//! The record of what a manifest declares on a resource, kept on the resource itself.
//!
//! There is no state, so a tag that a manifest no longer declares can't be told from one that somebody else set, and
//! nor can a key or a boundary. So whatever is declared is also recorded, in the tag [`TAG_DECLARED`]: a fingerprint of
//! each. What is recorded and no longer declared is removed; everything else belongs to others.
//!
//! The record is written after what it records was set, and loses an entry only after that was removed. If an apply ends
//! in between, the next one completes it.

use sha2::{Digest, Sha256};

use super::StringMap;
use crate::naming::TAG_DECLARED;

/// Something that a manifest declares on a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeclaredItem<'i> {
    /// A tag, by its key. Its value may change.
    Tag(&'i str),
    /// A member of AWS's answer, by its path, with its value.
    Member(&'i str, &'i str),
}

/// Length of a fingerprint in the record, in characters. A tag's value has at most 256 characters, so 42 fit.
const LENGTH: usize = 6;
/// Each character stands for six bits. Every service accepts them in a tag's value.
const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl DeclaredItem<'_> {
    /// The first 36 bits of its SHA-256.
    fn fingerprint(&self) -> String {
        let text = match self {
            Self::Tag(key) => format!("tag\n{key}"),
            Self::Member(path, value) => format!("{path}\n{value}"),
        };
        let digest = Sha256::digest(text.as_bytes());
        let bits = digest.iter().take(8).fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
        (1..=LENGTH).map(|at| char::from(SIGNS[(bits >> (64 - 6 * at) & 63) as usize])).collect()
    }

    /// Whether a resource with these tags records it.
    pub fn is_recorded(&self, tags: &StringMap) -> bool {
        let record = tags.get(TAG_DECLARED).map_or("", String::as_str);
        let wanted = self.fingerprint();
        record.as_bytes().chunks(LENGTH).any(|fingerprint| fingerprint == wanted.as_bytes())
    }
}

/// Adds the record of what is declared to a resource's tags. Where nothing is declared, there is none.
pub fn record_declared<'i>(tags: &mut StringMap, items: impl IntoIterator<Item = DeclaredItem<'i>>) {
    let mut fingerprints: Vec<String> = items.into_iter().map(|item| item.fingerprint()).collect();
    fingerprints.sort_unstable();
    fingerprints.dedup();
    if !fingerprints.is_empty() {
        tags.insert(TAG_DECLARED.to_owned(), fingerprints.concat());
    }
}

/// The keys of those tags of a resource that a manifest declared, and that `wanted` no longer has.
pub fn find_undeclared_tags(live: &StringMap, wanted: &StringMap) -> Vec<String> {
    let undeclared = live.keys().filter(|key| !wanted.contains_key(*key) && may_remove_tag(key, live));
    undeclared.cloned().collect()
}

/// Whether removing this tag takes nothing from others: it is recorded, or it is the record itself.
pub fn may_remove_tag(key: &str, live: &StringMap) -> bool {
    key == TAG_DECLARED || (!key.starts_with("deployer:") && DeclaredItem::Tag(key).is_recorded(live))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_what_is_declared_and_nothing_else() {
        let mut tags = StringMap::from([("Team".to_owned(), "ops".to_owned())]);
        record_declared(&mut tags, [DeclaredItem::Tag("Team"), DeclaredItem::Member("kmsKeyId", "arn:a")]);
        assert!(DeclaredItem::Tag("Team").is_recorded(&tags));
        assert!(DeclaredItem::Member("kmsKeyId", "arn:a").is_recorded(&tags));
        assert!(!DeclaredItem::Member("kmsKeyId", "arn:b").is_recorded(&tags));
        assert!(!DeclaredItem::Tag("team").is_recorded(&tags));
        assert!(!DeclaredItem::Tag("kmsKeyId").is_recorded(&tags));
        let mut nothing = StringMap::new();
        record_declared(&mut nothing, []);
        assert_eq!(nothing, StringMap::new());
    }

    #[test]
    fn forty_two_entries_fit_into_a_tag() {
        let keys: Vec<String> = (0..42).map(|number| format!("key-{number}")).collect();
        let mut tags = StringMap::new();
        record_declared(&mut tags, keys.iter().map(|key| DeclaredItem::Tag(key)));
        assert_eq!(tags[TAG_DECLARED].len(), 252);
        assert!(keys.iter().all(|key| DeclaredItem::Tag(key).is_recorded(&tags)));
    }

    #[test]
    fn finds_only_recorded_tags_that_are_no_longer_wanted() {
        let mut live =
            StringMap::from(["Team", "Cost", "Theirs", "deployer:venue"].map(|key| (key.to_owned(), String::new())));
        record_declared(&mut live, ["Team", "Cost"].map(DeclaredItem::Tag));
        let wanted = StringMap::from([("Cost".to_owned(), "1".to_owned())]);
        assert_eq!(find_undeclared_tags(&live, &wanted), ["Team", TAG_DECLARED]);
        live.insert(TAG_DECLARED.to_owned(), "damaged".to_owned());
        assert_eq!(find_undeclared_tags(&live, &live.clone()), Vec::<String>::new());
        assert!(!may_remove_tag("Team", &live));
    }
}
