//! Which identities may use a node, found by the patterns of their policies.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::arn::node_id;
use super::super::{AuditInventory, GrantedUse, IdentityGrant, Node, NodeKind};
use deployer_core::isolation::glob_matches;

/// An identity that may use a node, because a policy names it or a part of its kind.
pub(super) struct GrantedMatch<'a> {
    pub(super) grant: &'a IdentityGrant,
}

/// An identity that may use all of a kind.
pub(super) struct WideGrant<'a> {
    pub(super) grant: &'a IdentityGrant,
    /// Its policy allows all actions.
    pub(super) everything: bool,
}

struct Pattern {
    text: String,
    grant: usize,
}

/// Patterns with the same number of colons. A resource whose ARN has as many must match them part by part, so only those
/// are tried that start like it.
#[derive(Default)]
struct PatternGroup {
    patterns: Vec<Pattern>,
    /// By what is before the first wildcard in the last part.
    by_start: HashMap<String, Vec<usize>>,
    /// The lengths of these.
    lengths: BTreeSet<usize>,
}

/// All grants by kind and pattern.
pub(super) struct GrantIndex<'a> {
    grants: &'a [IdentityGrant],
    exact: HashMap<(NodeKind, String), Vec<usize>>,
    groups: BTreeMap<NodeKind, BTreeMap<usize, PatternGroup>>,
    wide: BTreeMap<NodeKind, BTreeMap<usize, bool>>,
    /// How many patterns were compared.
    compared: Cell<u64>,
}

impl<'a> GrantIndex<'a> {
    pub(super) fn new(inventory: &'a AuditInventory) -> Self {
        let mut index = Self {
            grants: &inventory.grants,
            exact: HashMap::new(),
            groups: BTreeMap::new(),
            wide: BTreeMap::new(),
            compared: Cell::new(0),
        };
        for (at, grant) in inventory.grants.iter().enumerate() {
            for permit in &grant.permits {
                index.add_permit(at, permit);
            }
        }
        index
    }

    fn add_permit(&mut self, grant: usize, permit: &GrantedUse) {
        let (kind, pattern) = (permit.kind, permit.pattern.as_str());
        if names_nothing(pattern) {
            // Everything only if each of its statements is about everything.
            let everything = self.wide.entry(kind).or_default().entry(grant).or_insert(permit.everything);
            *everything = *everything && permit.everything;
        } else if pattern.contains(['*', '?', '$']) || kind == NodeKind::Secret {
            for text in pattern_forms(pattern, kind) {
                let group = self.groups.entry(kind).or_default().entry(count_colons(&text)).or_default();
                let resource = resource_of(&text);
                let start = resource.split(['*', '?']).next().unwrap_or_default().to_owned();
                group.lengths.insert(start.len());
                group.by_start.entry(start).or_default().push(group.patterns.len());
                group.patterns.push(Pattern { text, grant });
            }
        } else {
            self.exact.entry((kind, node_id(pattern).0)).or_default().push(grant);
        }
    }

    /// The identities whose policies name a node, or a part of its kind that includes it, each once.
    pub(super) fn matches(&self, node: &Node) -> Vec<GrantedMatch<'a>> {
        let exact = self.exact.get(&(node.kind, node.id.clone()));
        let mut found: BTreeSet<usize> = exact.into_iter().flatten().copied().collect();
        let (colons, resource) = (count_colons(&node.id), resource_of(&node.id));
        for (pattern_colons, group) in self.groups.get(&node.kind).into_iter().flatten() {
            let mut try_pattern = |at: usize| {
                let pattern = &group.patterns[at];
                self.compared.set(self.compared.get() + 1);
                if glob_matches(&pattern.text, &node.id) {
                    found.insert(pattern.grant);
                }
            };
            if *pattern_colons == colons {
                let starts = group.lengths.iter().filter_map(|length| group.by_start.get(resource.get(..*length)?));
                starts.flatten().for_each(|at| try_pattern(*at));
            // A wildcard can stand for colons; nothing stands for one that isn't there.
            } else if *pattern_colons < colons {
                (0..group.patterns.len()).for_each(try_pattern);
            }
        }
        found.into_iter().map(|at| GrantedMatch { grant: &self.grants[at] }).collect()
    }

    /// The identities whose policies name all of a kind.
    pub(super) fn wide_grants(&self, kind: NodeKind) -> impl Iterator<Item = WideGrant<'a>> {
        let found = self.wide.get(&kind).into_iter().flatten();
        found.map(|(at, everything)| WideGrant { grant: &self.grants[*at], everything: *everything })
    }

    /// How many patterns were compared so far.
    pub(super) fn compared(&self) -> u64 {
        self.compared.get()
    }
}

fn count_colons(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b':').count()
}

/// The last part of an ARN.
fn resource_of(arn: &str) -> &str {
    arn.splitn(6, ':').nth(5).unwrap_or_default()
}

/// What a pattern of a policy matches, without variables.
fn pattern_forms(pattern: &str, kind: NodeKind) -> Vec<String> {
    // A variable may be anything.
    let mut pattern = pattern.to_owned();
    while let Some((before, rest)) = pattern.split_once("${") {
        let after = rest.split_once('}').map_or("", |(_, after)| after);
        pattern = format!("{before}*{after}");
    }
    let mut forms = vec![pattern.clone()];
    // Versions and aliases of a function.
    forms.extend(pattern.strip_suffix(":*").map(ToOwned::to_owned));
    // A secret's ARN may lack the six characters at the end.
    if kind == NodeKind::Secret {
        forms.push(format!("{pattern}-??????"));
    }
    forms
}

/// Whether a pattern is `*`, or names a type and no resource: `arn:aws:lambda:*:*:function:*`.
fn names_nothing(pattern: &str) -> bool {
    // With fewer parts, a wildcard stands for several: the last one is the resource's end.
    let resource = pattern.splitn(6, ':').nth(5).or_else(|| pattern.rsplit(':').next()).unwrap_or(pattern);
    let types = ["function:", "stateMachine:", "secret:", "rule/", "role/", "schedule/"];
    let resource = types.iter().find_map(|prefix| resource.strip_prefix(prefix)).unwrap_or(resource);
    resource.chars().all(|letter| "*?/:".contains(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_names_from_wildcards() {
        for wide in ["*", "arn:aws:lambda:*:*:function:*", "arn:aws:sqs:us-east-1:1:*", "arn:aws:lambda:*"] {
            assert!(names_nothing(wide), "{wide}");
        }
        for narrow in
            ["arn:aws:lambda:us-east-1:1:function:push", "arn:aws:sqs:*:*:jobs-*", "arn:aws:lambda:*:push", "jobs"]
        {
            assert!(!names_nothing(narrow), "{narrow}");
        }
    }

    fn account_granting(permits: &[(NodeKind, &str)]) -> AuditInventory {
        let permit = |(kind, pattern): &(NodeKind, &str)| GrantedUse {
            kind: *kind,
            pattern: (*pattern).to_owned(),
            everything: false,
        };
        AuditInventory {
            account: "1".to_owned(),
            region: "us-east-1".to_owned(),
            taken_at: jiff::Timestamp::UNIX_EPOCH,
            days: 90,
            nodes: Vec::new(),
            edges: Vec::new(),
            grants: permits
                .iter()
                .map(|found| IdentityGrant {
                    holder: "role".to_owned(),
                    trusted: Vec::new(),
                    created_at: None,
                    last_used: None,
                    permits: vec![permit(found)],
                })
                .collect(),
            unread: Vec::new(),
            calls: BTreeMap::new(),
        }
    }

    fn pattern_matches(pattern: &str, node: &Node) -> bool {
        let account = account_granting(&[(node.kind, pattern)]);
        !GrantIndex::new(&account).matches(node).is_empty()
    }

    #[test]
    fn matches_versions_secrets_and_variables() {
        let node = |kind, id: &str| Node::new(kind, id, "x");
        let function = node(NodeKind::Function, "arn:aws:lambda:us-east-1:1:function:push");
        for pattern in [
            "arn:aws:lambda:us-east-1:1:function:push:*",
            "arn:aws:lambda:${aws:region}:1:function:pu*",
            "arn:aws:lambda:us-east-1:1:function:push",
            // A wildcard can stand for several parts.
            "arn:aws:lambda:*:function:push",
            "arn:aws:lambda:*:push",
            "arn:aws:lambda:*:*:*sh",
        ] {
            assert!(pattern_matches(pattern, &function), "{pattern}");
        }
        for pattern in ["arn:aws:lambda:us-east-1:1:function:pull*", "arn:aws:lambda:*:1:function:other:push*"] {
            assert!(!pattern_matches(pattern, &function), "{pattern}");
        }
        let secret = node(NodeKind::Secret, "arn:aws:secretsmanager:us-east-1:1:secret:key-a1b2c3");
        assert!(pattern_matches("arn:aws:secretsmanager:us-east-1:1:secret:key", &secret));
        assert!(pattern_matches("arn:aws:secretsmanager:us-east-1:1:secret:key-??????", &secret));
    }

    #[test]
    fn only_patterns_that_start_alike_are_compared() {
        let patterns: Vec<String> = (0..100).map(|number| format!("arn:aws:sqs:*:*:team-{number:02}-*")).collect();
        let permits: Vec<_> = patterns.iter().map(|pattern| (NodeKind::Queue, pattern.as_str())).collect();
        let account = account_granting(&permits);
        let index = GrantIndex::new(&account);
        let queue = Node::new(NodeKind::Queue, "arn:aws:sqs:us-east-1:1:team-07-jobs", "x");
        assert_eq!((index.matches(&queue).len(), index.compared()), (1, 1));
    }
}
