//! Which identities may use a node, found by the patterns of their policies.

use std::collections::{BTreeMap, HashMap};

use super::super::arn::node_id;
use super::super::{AuditInventory, IdentityGrant, Node, NodeKind};
use deployer_core::isolation::glob_matches;

/// An identity that may use a node.
pub(super) struct GrantedMatch<'a> {
    pub(super) grant: &'a IdentityGrant,
    /// Its policy names no particular resource.
    pub(super) wide: bool,
    /// Its policy allows all actions.
    pub(super) everything: bool,
}

struct Pattern<'a> {
    text: &'a str,
    wide: bool,
    everything: bool,
    grant: usize,
}

/// All grants by kind and pattern.
pub(super) struct GrantIndex<'a> {
    grants: &'a [IdentityGrant],
    exact: HashMap<(NodeKind, String), Vec<(usize, bool)>>,
    open: BTreeMap<NodeKind, Vec<Pattern<'a>>>,
}

impl<'a> GrantIndex<'a> {
    pub(super) fn new(inventory: &'a AuditInventory) -> Self {
        let (mut exact, mut open) = (HashMap::<_, Vec<_>>::new(), BTreeMap::<NodeKind, Vec<Pattern<'a>>>::new());
        for (at, grant) in inventory.grants.iter().enumerate() {
            for permit in &grant.permits {
                let pattern = permit.pattern.as_str();
                if pattern.contains(['*', '?', '$']) || permit.kind == NodeKind::Secret {
                    let wide = names_nothing(pattern);
                    let everything = permit.everything;
                    open.entry(permit.kind).or_default().push(Pattern { text: pattern, wide, everything, grant: at });
                } else {
                    exact.entry((permit.kind, node_id(pattern).0)).or_default().push((at, permit.everything));
                }
            }
        }
        Self { grants: &inventory.grants, exact, open }
    }

    /// The identities that may use a node, each once.
    pub(super) fn matches(&self, node: &Node) -> Vec<GrantedMatch<'a>> {
        let mut found: BTreeMap<usize, (bool, bool)> = BTreeMap::new();
        let mut add = |grant: usize, wide: bool, everything: bool| {
            let known = found.entry(grant).or_insert((wide, everything));
            // A statement that names it counts more than one that names everything.
            *known = (known.0 && wide, known.1 && everything);
        };
        for (grant, everything) in self.exact.get(&(node.kind, node.id.clone())).into_iter().flatten() {
            add(*grant, false, *everything);
        }
        for pattern in self.open.get(&node.kind).into_iter().flatten() {
            if pattern.wide || pattern_matches(pattern.text, node) {
                add(pattern.grant, pattern.wide, pattern.everything);
            }
        }
        let found = found.into_iter();
        found.map(|(at, (wide, everything))| GrantedMatch { grant: &self.grants[at], wide, everything }).collect()
    }
}

fn pattern_matches(pattern: &str, node: &Node) -> bool {
    // A variable may be anything.
    let mut pattern = pattern.to_owned();
    while let Some((before, rest)) = pattern.split_once("${") {
        let after = rest.split_once('}').map_or("", |(_, after)| after);
        pattern = format!("{before}*{after}");
    }
    let without_version = pattern.strip_suffix(":*").is_some_and(|stem| glob_matches(stem, &node.id));
    // A secret's ARN may lack the six characters at the end.
    let secret = node.kind == NodeKind::Secret && glob_matches(&format!("{pattern}-??????"), &node.id);
    without_version || secret || glob_matches(&pattern, &node.id)
}

/// Whether a pattern is `*`, or names a type and no resource: `arn:aws:lambda:*:*:function:*`.
fn names_nothing(pattern: &str) -> bool {
    let resource = pattern.splitn(6, ':').nth(5).unwrap_or(if pattern.contains(':') { "*" } else { pattern });
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
        for narrow in ["arn:aws:lambda:us-east-1:1:function:push", "arn:aws:sqs:*:*:jobs-*", "jobs"] {
            assert!(!names_nothing(narrow), "{narrow}");
        }
    }

    #[test]
    fn matches_versions_secrets_and_variables() {
        let node = |kind, id: &str| Node::new(kind, id, "x");
        let function = node(NodeKind::Function, "arn:aws:lambda:us-east-1:1:function:push");
        assert!(pattern_matches("arn:aws:lambda:us-east-1:1:function:push:*", &function));
        assert!(pattern_matches("arn:aws:lambda:${aws:region}:1:function:pu*", &function));
        assert!(!pattern_matches("arn:aws:lambda:us-east-1:1:function:pull*", &function));
        let secret = node(NodeKind::Secret, "arn:aws:secretsmanager:us-east-1:1:secret:key-a1b2c3");
        assert!(pattern_matches("arn:aws:secretsmanager:us-east-1:1:secret:key", &secret));
        assert!(pattern_matches("arn:aws:secretsmanager:us-east-1:1:secret:key-??????", &secret));
    }
}
