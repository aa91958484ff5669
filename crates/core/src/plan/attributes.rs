//! The attributes that a change affects, with their values before and after.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Operation;
use crate::resource::declared::{DeclaredMember, find_undeclared_tags, is_recorded_member};
use crate::resource::members::{AnswerKind, UnmodeledMember};
use crate::resource::{PolicyDocument, SECRET_ARN_PLACEHOLDER, StringMap};

/// One attribute that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttributeChange {
    /// Its path, such as `environment.VENUE` or `policy.Statement[0].Resource`.
    pub path: String,
    /// The old value; `None` if it wasn't set.
    pub before: Option<Value>,
    /// The new value; `None` if it is removed.
    pub after: Option<Value>,
    /// Whether the new value is only known once another resource exists. `after` is `None` then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub known_after_apply: bool,
}

/// Collects differences, and the operations that fix them.
#[derive(Default)]
pub(super) struct Differences {
    attributes: Vec<AttributeChange>,
    operations: Vec<Operation>,
    /// How many of the attributes the operations already fix.
    settled: usize,
}

/// Replaces a value that isn't ours and may be a secret.
const NOT_SHOWN: &str = "(not shown)";
/// Members whose values may contain secrets: headers and parameters of a request.
const HIDDEN: [&str; 1] = ["HttpParameters"];

impl Differences {
    pub(super) fn into_parts(self) -> (Vec<AttributeChange>, Vec<Operation>) {
        (self.attributes, self.operations)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.attributes.is_empty()
    }

    /// Adds the operation that fixes the differences found since the last call, if there are any.
    pub(super) fn fix_with<O: Into<Operation>>(&mut self, operation: impl FnOnce() -> O) {
        if self.attributes.len() > self.settled {
            self.operations.push(operation().into());
            self.settled = self.attributes.len();
        }
    }

    /// Marks all differences so far as fixed by operations that the caller keeps.
    pub(super) fn mark_fixed(&mut self) {
        self.settled = self.attributes.len();
    }

    /// Adds an attribute of a new resource.
    pub(super) fn add_new(&mut self, path: &str, after: impl Into<Value>) {
        self.push(path, None, Some(after.into()));
    }

    /// Adds an attribute if it differs.
    pub(super) fn compare_value<T: Into<Value> + PartialEq>(&mut self, path: &str, before: T, after: T) {
        if before != after {
            self.push(path, Some(before.into()), Some(after.into()));
        }
    }

    /// Adds an attribute if it differs or is unset.
    pub(super) fn compare_optional<T: Into<Value> + PartialEq>(&mut self, path: &str, before: Option<T>, after: T) {
        if before.as_ref() != Some(&after) {
            self.push(path, before.map(Into::into), Some(after.into()));
        }
    }

    /// Adds an attribute that changes.
    pub(super) fn add_change(&mut self, path: &str, before: impl Into<Value>, after: impl Into<Value>) {
        self.push(path, Some(before.into()), Some(after.into()));
    }

    /// Adds an operation that fixes all differences so far.
    pub(super) fn add_fix(&mut self, operation: impl Into<Operation>) {
        self.operations.push(operation.into());
        self.mark_fixed();
    }

    /// Adds an attribute that is removed.
    pub(super) fn add_removed(&mut self, path: &str, before: impl Into<Value>) {
        self.push(path, Some(before.into()), None);
    }

    /// Adds the members that no attribute models and that an apply removes or resets, and returns them.
    pub(super) fn add_unmodeled<'m>(
        &mut self,
        answer: AnswerKind,
        members: &'m [UnmodeledMember],
    ) -> Vec<&'m UnmodeledMember> {
        let removed = members.iter().filter(|member| member.is_put_back(answer)).collect::<Vec<_>>();
        for member in &removed {
            let value = if HIDDEN.contains(&member.path.as_str()) { NOT_SHOWN.into() } else { member.value.clone() };
            self.add_removed(&member.path, value);
        }
        removed
    }

    /// Compares what a manifest declares of members that other resources of ours don't have.
    pub(super) fn compare_declared(&mut self, declared: &[DeclaredMember], found: &[UnmodeledMember]) {
        for member in declared.iter().filter(|member| !member.is_met(found)) {
            let before = found.iter().find(|found| found.path == member.path).map(|found| found.value.clone());
            self.push(member.path, before, Some(member.value.clone()));
        }
    }

    /// Adds the members that a manifest declared, according to the record in `tags`, and no longer does. A member that
    /// isn't recorded was set by somebody else.
    pub(super) fn remove_undeclared(
        &mut self,
        declared: &[DeclaredMember],
        found: &[UnmodeledMember],
        tags: &StringMap,
    ) {
        let is_declared = |member: &UnmodeledMember| declared.iter().any(|declared| declared.path == member.path);
        for member in found.iter().filter(|member| !is_declared(member) && is_recorded_member(member, tags)) {
            self.add_removed(&member.path, member.value.clone());
        }
    }

    /// Adds an attribute whose new value is only known during the apply.
    pub(super) fn add_known_after_apply(&mut self, path: &str, before: Option<Value>) {
        self.attributes.push(AttributeChange { path: path.to_owned(), before, after: None, known_after_apply: true });
    }

    /// Adds the tags that a manifest declared and no longer does, and returns their keys. They are removed before the
    /// record of what is declared is written.
    pub(super) fn remove_tags(&mut self, before: &StringMap, after: &StringMap) -> Vec<String> {
        let keys = find_undeclared_tags(before, after);
        for key in &keys {
            self.add_removed(&format!("tags.{key}"), before[key].as_str());
        }
        keys
    }

    /// Compares our tags. Other people's tags are left alone.
    pub(super) fn compare_tags(&mut self, before: &StringMap, after: &StringMap) {
        for (key, value) in after.iter().filter(|(key, value)| before.get(*key) != Some(value)) {
            self.compare_optional(&format!("tags.{key}"), before.get(key).map(String::as_str), value.as_str());
        }
    }

    /// Compares environment variables. All are ours, so undeclared ones are removed; their values aren't shown.
    pub(super) fn compare_environment(&mut self, before: &StringMap, after: &StringMap) {
        for (key, value) in after {
            let old = before.get(key);
            if old == Some(value) {
                continue;
            }
            let path = format!("environment.{key}");
            if value == SECRET_ARN_PLACEHOLDER {
                self.add_known_after_apply(&path, old.map(|old| Value::from(old.as_str())));
                continue;
            }
            let parsed = |text: &str| serde_json::from_str::<Value>(text).ok().filter(Value::is_object);
            match (old.and_then(|old| parsed(old)), parsed(value)) {
                (Some(old), Some(new)) if old != new => self.compare_document(&path, &old, &new),
                _ => self.compare_optional(&path, old.map(String::as_str), value.as_str()),
            }
        }
        for key in before.keys().filter(|key| !after.contains_key(*key)) {
            self.add_removed(&format!("environment.{key}"), NOT_SHOWN);
        }
    }

    /// Compares JSON documents, down to the leaves that differ.
    pub(super) fn compare_document(&mut self, path: &str, before: &Value, after: &Value) {
        match (before, after) {
            // Before a path is made for each leaf.
            (before, after) if before == after => {}
            (Value::Object(old), Value::Object(new)) => {
                for (key, value) in new {
                    let path = format!("{path}.{key}");
                    match old.get(key) {
                        Some(old) => self.compare_document(&path, old, value),
                        None => self.push(&path, None, Some(value.clone())),
                    }
                }
                for (key, value) in old.iter().filter(|(key, _)| !new.contains_key(*key)) {
                    self.push(&format!("{path}.{key}"), Some(value.clone()), None);
                }
            }
            (Value::Array(old), Value::Array(new)) => {
                for index in 0..old.len().max(new.len()) {
                    let path = format!("{path}[{index}]");
                    match (old.get(index), new.get(index)) {
                        (Some(old), Some(new)) => self.compare_document(&path, old, new),
                        (old, new) => self.push(&path, old.cloned(), new.cloned()),
                    }
                }
            }
            (before, after) => self.push(path, Some(before.clone()), Some(after.clone())),
        }
    }

    /// Compares policy documents. IAM treats a string as a list of one, and the order of such a list has no meaning.
    pub(super) fn compare_policy(&mut self, path: &str, before: &Value, after: &Value) {
        if before == after {
            return;
        }
        let (before, after) = (normalize_policy(before), normalize_policy(after));
        self.compare_document(path, &before, &after);
    }

    /// As [`Differences::compare_policy`]. A role's documents are nearly always the same text.
    pub(super) fn compare_role_policy(&mut self, path: &str, before: &PolicyDocument, after: &PolicyDocument) {
        if before != after {
            self.compare_policy(path, &before.to_value(), &after.to_value());
        }
    }

    fn push(&mut self, path: &str, before: Option<Value>, after: Option<Value>) {
        self.attributes.push(AttributeChange { path: path.to_owned(), before, after, known_after_apply: false });
    }
}

/// Normalizes equivalent policy documents to one form: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>.
fn normalize_policy(policy: &Value) -> Value {
    match policy {
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(key, value)| {
                    let value = normalize_policy(value);
                    let value = match (key.as_str(), value) {
                        ("Statement", statement @ Value::Object(_)) => Value::Array(vec![statement]),
                        (_, Value::Array(mut values)) if values.iter().all(Value::is_string) => {
                            values.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
                            if values.len() == 1 { values.remove(0) } else { Value::Array(values) }
                        }
                        (_, value) => value,
                    };
                    (key.clone(), value)
                })
                .collect(),
        ),
        Value::Array(values) => Value::Array(values.iter().map(normalize_policy).collect()),
        value => value.clone(),
    }
}
