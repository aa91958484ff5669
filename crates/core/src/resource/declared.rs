//! The record of what a manifest declares on a resource, kept on the resource itself.
//!
//! There is no state, so a tag that a manifest no longer declares can't be told from one that somebody else set, and
//! nor can a key or a boundary. So whatever is declared is also recorded, in the tag [`TAG_DECLARED`]: a fingerprint of
//! each. What is recorded and no longer declared is removed; everything else belongs to others.
//!
//! The record is written after what it records was set, and loses an entry only after that was removed. If an apply ends
//! in between, the next one completes it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::members::{AnswerKind, MemberRemedy, UnmodeledMember};
use super::{DesiredStack, LiveStack, Observed, ResourceKind, StringMap};
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
        (1..=LENGTH).map(|at| char::from(SIGNS[((bits >> (64 - 6 * at)) & 63) as usize])).collect()
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

/// Settings of a function that a manifest can declare. Where it doesn't, they have Lambda's defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclaredSettings {
    /// ARN of the key that encrypts the environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
    /// The network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<VpcSettings>,
    /// Whether runs are traced with X-Ray.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub active_tracing: bool,
    /// ARN of the queue or topic that gets the events of failed runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter: Option<String>,
}

/// The network of a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VpcSettings {
    pub subnet_ids: Vec<String>,
    pub security_group_ids: Vec<String>,
}

/// A member of AWS's answer about a resource, with the value that a manifest declares for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredMember {
    /// Which answer has it.
    pub answer: AnswerKind,
    /// Its path in AWS's names.
    pub path: &'static str,
    /// What the manifest declares.
    pub value: Value,
}

impl DeclaredSettings {
    /// Whether the manifest declares none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The members of `FunctionConfiguration` that they are.
    pub fn list_members(&self) -> Vec<DeclaredMember> {
        let Self { kms_key, vpc, active_tracing, dead_letter } = self;
        let vpc =
            vpc.as_ref().map(|vpc| json!({ "SubnetIds": vpc.subnet_ids, "SecurityGroupIds": vpc.security_group_ids }));
        let members = [
            ("KMSKeyArn", kms_key.as_ref().map(|key| json!(key))),
            ("VpcConfig", vpc),
            ("TracingConfig.Mode", active_tracing.then(|| json!("Active"))),
            ("DeadLetterConfig", dead_letter.as_ref().map(|arn| json!({ "TargetArn": arn }))),
        ];
        let answer = AnswerKind::Configuration;
        members.into_iter().filter_map(|(path, value)| Some(DeclaredMember { answer, path, value: value? })).collect()
    }
}

impl DeclaredMember {
    /// A member that holds an ARN; `None` if the manifest declares none.
    pub fn of_arn(answer: AnswerKind, path: &'static str, arn: Option<&String>) -> Option<Self> {
        arn.map(|arn| Self { answer, path, value: json!(arn) })
    }

    /// Whether the member was found as it is declared.
    pub fn is_met(&self, found: &[UnmodeledMember]) -> bool {
        let found = found.iter().find(|member| member.path == self.path);
        found.is_some_and(|found| comparable_value(&found.value) == comparable_value(&self.value))
    }

    /// What is recorded of it on its resource, if that is needed to remove it again: what an apply would put back anyway
    /// needs no record.
    pub fn record_item(&self) -> Option<DeclaredItem<'_>> {
        let is_reported = |row: &&super::members::MemberRow| matches!(row.remedy, MemberRemedy::Report(_));
        self.answer.rows().iter().find(|row| row.path == self.path).filter(is_reported)?;
        Some(DeclaredItem::Member(self.path, self.value.as_str()?))
    }
}

/// A value without what AWS adds to it. The order of a list has no meaning.
fn comparable_value(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            // Lambda derives the network from its subnets.
            .filter(|(name, value)| *name != "VpcId" && **value != Value::Bool(false) && !value.is_null())
            .map(|(name, value)| (name.clone(), comparable_value(value)))
            .collect(),
        Value::Array(values) => {
            let mut values = values.clone();
            values.sort_by_key(Value::to_string);
            Value::Array(values)
        }
        value => value.clone(),
    }
}

/// Whether a manifest declared this member with this very value, according to the record on the resource.
pub fn is_recorded_member(member: &UnmodeledMember, tags: &StringMap) -> bool {
    member.value.as_str().is_some_and(|value| DeclaredItem::Member(&member.path, value).is_recorded(tags))
}

impl DesiredStack {
    /// The members that the manifest declares of an answer.
    pub fn declared_members(&self, answer: AnswerKind) -> Vec<DeclaredMember> {
        let Self { role, secret, log_group, function, .. } = self;
        match answer {
            AnswerKind::Role => role.declared_members(),
            AnswerKind::Secret => secret.as_ref().map(super::SecretSpec::declared_members).unwrap_or_default(),
            AnswerKind::LogGroup => log_group.declared_members(),
            AnswerKind::Configuration => function.configuration.declared.list_members(),
            AnswerKind::Function
            | AnswerKind::Alias
            | AnswerKind::Rule
            | AnswerKind::Target
            | AnswerKind::Schedule
            | AnswerKind::Alarm => Vec::new(),
        }
    }

    /// Whether an apply sets or removes this member of a live resource, because the manifest declares it, or did.
    pub fn settles_member(&self, answer: AnswerKind, member: &UnmodeledMember, live: &LiveStack) -> bool {
        self.declared_members(answer).iter().any(|declared| declared.path == member.path)
            || live.find_tags(answer.resource_kind()).is_some_and(|tags| is_recorded_member(member, tags))
    }
}

impl LiveStack {
    /// The tags of an existing resource that has tags of its own.
    pub fn find_tags(&self, kind: ResourceKind) -> Option<&StringMap> {
        fn tags_of<T>(live: &Observed<T>, tags: impl Fn(&T) -> &StringMap) -> Option<&StringMap> {
            match live {
                Observed::Present(live) | Observed::PendingDeletion(live) => Some(tags(live)),
                Observed::Absent | Observed::Unreadable(_) => None,
            }
        }
        match kind {
            ResourceKind::Role => tags_of(&self.role, |role| &role.tags),
            ResourceKind::Secret => tags_of(&self.secret, |secret| &secret.tags),
            ResourceKind::LogGroup => tags_of(&self.log_group, |group| &group.tags),
            ResourceKind::Function => tags_of(&self.function, |function| &function.tags),
            ResourceKind::Rule => tags_of(&self.rule, |rule| &rule.tags),
            ResourceKind::FormerRole
            | ResourceKind::Alias
            | ResourceKind::Permission
            | ResourceKind::Target
            | ResourceKind::Schedule
            | ResourceKind::ScheduleGroup
            | ResourceKind::AlarmTopic
            | ResourceKind::Alarms
            | ResourceKind::Property(_) => None,
        }
    }
}

macro_rules! one_declared_arn {
    ($($spec:ident.$field:ident is $path:literal in $answer:ident,)+) => {$(
        impl super::$spec {
            /// The members that the manifest declares of it.
            pub fn declared_members(&self) -> Vec<DeclaredMember> {
                DeclaredMember::of_arn(AnswerKind::$answer, $path, self.$field.as_ref()).into_iter().collect()
            }
        }
    )+};
}

one_declared_arn! {
    RoleSpec.permissions_boundary is "PermissionsBoundary" in Role,
    SecretSpec.kms_key is "KmsKeyId" in Secret,
    LogGroupSpec.kms_key is "kmsKeyId" in LogGroup,
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
    fn compares_a_network_without_what_aws_adds() {
        let vpc = VpcSettings {
            subnet_ids: vec!["subnet-b".to_owned(), "subnet-a".to_owned()],
            security_group_ids: vec!["sg-a".to_owned()],
        };
        let declared = DeclaredSettings { vpc: Some(vpc), ..DeclaredSettings::default() }.list_members().remove(0);
        let mut answer = json!({ "VpcConfig": {
            "SubnetIds": ["subnet-a", "subnet-b"], "SecurityGroupIds": ["sg-a"], "VpcId": "vpc-a",
            "Ipv6AllowedForDualStack": false,
        } });
        let find = |answer: &Value| AnswerKind::Configuration.find_unmodeled("sync-a", answer);
        assert!(declared.is_met(&find(&answer)));
        answer["VpcConfig"]["Ipv6AllowedForDualStack"] = json!(true);
        assert!(!declared.is_met(&find(&answer)));
        assert!(!declared.is_met(&[]));
        assert_eq!(declared.record_item(), None, "an apply resets it without a record");
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
