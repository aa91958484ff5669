//! The members of AWS's answers that no attribute of a resource models, and what each may be.
//!
//! Each answer that is read has a table. A member that is modeled, or only informs, is [`Allowed::Any`]. Every other
//! member must be unset or have a value that AWS itself fills in; anything else is drift. A member without a row is one
//! that this version doesn't know: it is noted, and nothing else. So that no row is forgotten, a test of the crate that
//! reads AWS compares the tables with the SDK's own types.

mod tables;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ResourceKind;

/// An answer that is held against a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AnswerKind {
    /// `GetFunction` without its configuration, the policy of the function, and its URLs.
    Function,
    /// `FunctionConfiguration`, of `$LATEST` or of a version.
    Configuration,
    /// An entry of `ListAliases`, the alias's asynchronous settings, its policy and that of its version.
    Alias,
    /// An entry of `GetAccountAuthorizationDetails`, or `GetRole`.
    Role,
    /// An entry of `ListSecrets`, or `DescribeSecret`, and the secret's policy.
    Secret,
    /// An entry of `DescribeLogGroups`, and the group's subscription filters.
    LogGroup,
    /// An entry of `ListRules`, or `DescribeRule`.
    Rule,
    /// An entry of `ListTargetsByRule`.
    Target,
    /// `GetSchedule`.
    Schedule,
    /// An entry of `DescribeAlarms`. What can be set is compared as a whole: see [`super::alarm`].
    Alarm,
}

/// What a member may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    /// Anything: an attribute of its own models it, or it only informs.
    Any,
    /// Unset or empty.
    Blank,
    /// Unset, empty, or one of these values. `{name}` is the resource's name. A number is compared as text.
    OneOf(&'static [&'static str]),
    /// Each entry of the object or list is one member of its own, and none may be there.
    NoEntries,
}

/// What an apply does about a member that differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberRemedy {
    /// It puts the member back.
    PutBack,
    /// It resets this setting of the function.
    Reset(FunctionSetting),
    /// It leaves the member alone, because changing it back could lose or weaken something. This is what to do instead.
    Report(&'static str),
}

/// A setting of a function that the manifest doesn't declare, and that can be reset to Lambda's default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FunctionSetting {
    Vpc,
    DeadLetters,
    Tracing,
    Layers,
    FileSystems,
    EphemeralStorage,
    SnapStart,
    Logging,
    EncryptionKey,
}

/// A row: a member by its path in AWS's names.
#[derive(Debug, Clone, Copy)]
pub struct MemberRow {
    pub path: &'static str,
    pub allowed: Allowed,
    pub remedy: MemberRemedy,
    /// What it means that the member is set, if its name doesn't say it.
    pub meaning: &'static str,
}

/// A member that differs from what a resource of ours has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnmodeledMember {
    /// Its path in AWS's names: `VpcConfig`, `Policy.statement-id`.
    pub path: String,
    /// Its value.
    pub value: Value,
    /// Whether this version knows the member. An unknown one is noted, and no drift.
    pub known: bool,
}

/// What the answers about a resource have besides its attributes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnmodeledPart {
    /// The members that differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<UnmodeledMember>,
    /// Why parts of the resource are unreadable. Everything else of it was read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<String>,
}

impl UnmodeledPart {
    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty() && self.unread.is_empty()
    }

    /// Adds what another answer about the resource has.
    pub fn add_part(&mut self, other: Self) {
        self.members.extend(other.members);
        self.unread.extend(other.unread);
    }

    /// The value of a member that differs.
    pub fn find_member(&self, path: &str) -> Option<&Value> {
        self.members.iter().find(|member| member.path == path).map(|member| &member.value)
    }
}

impl UnmodeledMember {
    /// Its row; `None` if this version doesn't know the member.
    pub fn find_row(&self, answer: AnswerKind) -> Option<&'static MemberRow> {
        if !self.known {
            return None;
        }
        let mut path = self.path.as_str();
        loop {
            if let Some(row) = answer.find_row(path) {
                return Some(row);
            }
            path = path.rsplit_once('.')?.0;
        }
    }

    /// Whether an apply puts it back.
    pub fn is_put_back(&self, answer: AnswerKind) -> bool {
        match self.find_row(answer).map(|row| row.remedy) {
            Some(MemberRemedy::PutBack | MemberRemedy::Reset(_)) => true,
            Some(MemberRemedy::Report(_)) | None => false,
        }
    }

    /// The setting of the function that resetting it means.
    pub fn function_setting(&self) -> Option<FunctionSetting> {
        match self.find_row(AnswerKind::Configuration)?.remedy {
            MemberRemedy::Reset(setting) => Some(setting),
            MemberRemedy::PutBack | MemberRemedy::Report(_) => None,
        }
    }

    /// The entry's name, if it is one of `member`'s entries: the statement id of `Policy.statement-id`.
    pub fn entry_of(&self, member: &str) -> Option<&str> {
        self.path.strip_prefix(member)?.strip_prefix('.')
    }
}

impl AnswerKind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Function,
        Self::Configuration,
        Self::Alias,
        Self::Role,
        Self::Secret,
        Self::LogGroup,
        Self::Rule,
        Self::Target,
        Self::Schedule,
        Self::Alarm,
    ];

    /// The rows of its table.
    pub fn rows(self) -> &'static [MemberRow] {
        match self {
            Self::Function => tables::FUNCTION,
            Self::Configuration => tables::CONFIGURATION,
            Self::Alias => tables::ALIAS,
            Self::Role => tables::ROLE,
            Self::Secret => tables::SECRET,
            Self::LogGroup => tables::LOG_GROUP,
            Self::Rule => tables::RULE,
            Self::Target => tables::TARGET,
            Self::Schedule => tables::SCHEDULE,
            Self::Alarm => tables::ALARM,
        }
    }

    /// The kind of resource that the answer is about.
    pub fn resource_kind(self) -> ResourceKind {
        match self {
            Self::Function | Self::Configuration => ResourceKind::Function,
            Self::Alias => ResourceKind::Alias,
            Self::Role => ResourceKind::Role,
            Self::Secret => ResourceKind::Secret,
            Self::LogGroup => ResourceKind::LogGroup,
            Self::Rule => ResourceKind::Rule,
            Self::Target => ResourceKind::Target,
            Self::Schedule => ResourceKind::Schedule,
            Self::Alarm => ResourceKind::Alarms,
        }
    }

    fn find_row(self, path: &str) -> Option<&'static MemberRow> {
        self.rows().iter().find(|row| row.path == path)
    }

    /// The members of `answer`, about the resource `name`, that differ from what the table allows.
    pub fn find_unmodeled(self, name: &str, answer: &Value) -> Vec<UnmodeledMember> {
        let mut found = Vec::new();
        self.collect_members("", name, answer, &mut found);
        found
    }

    fn collect_members(self, prefix: &str, name: &str, answer: &Value, found: &mut Vec<UnmodeledMember>) {
        for (member, value) in answer.as_object().into_iter().flatten() {
            let path = if prefix.is_empty() { member.clone() } else { format!("{prefix}.{member}") };
            let Some(row) = self.find_row(&path) else {
                if self.rows().iter().any(|row| row.path.starts_with(&format!("{path}."))) {
                    self.collect_members(&path, name, value, found);
                } else if !is_blank(value) {
                    found.push(UnmodeledMember { path, value: value.clone(), known: false });
                }
                continue;
            };
            let known = |path: String, value: &Value| UnmodeledMember { path, value: value.clone(), known: true };
            match row.allowed {
                Allowed::Any => {}
                Allowed::Blank if is_blank(value) => {}
                Allowed::Blank => found.push(known(path, value)),
                Allowed::OneOf(values) if is_blank(value) || is_one_of(values, name, value) => {}
                Allowed::OneOf(_) => found.push(known(path, value)),
                Allowed::NoEntries => match value {
                    Value::Object(entries) => {
                        found.extend(entries.iter().map(|(entry, value)| known(format!("{path}.{entry}"), value)));
                    }
                    value if is_blank(value) => {}
                    value => found.push(known(path, value)),
                },
            }
        }
    }
}

/// Whether a value says nothing: AWS sends unset structures with all their members empty.
fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) | Value::Number(_) => false,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(members) => members.values().all(is_blank),
    }
}

fn is_one_of(values: &[&str], name: &str, value: &Value) -> bool {
    let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    values.iter().any(|allowed| allowed.replace("{name}", name) == text)
}

/// Looks for an error inside an answer that is a success, such as that of an environment that can't be decrypted:
/// `Error` or a member that ends in it, with an `ErrorCode`. Returns its path and its text.
pub fn find_embedded_error(answer: &Value) -> Option<(String, String)> {
    for (member, value) in answer.as_object()? {
        // These are the users' own names.
        if member == "Variables" || member == "Tags" || member == "tags" {
            continue;
        }
        if member.ends_with("Error") && value.get("ErrorCode").is_some() {
            let text = |member: &str| value[member].as_str().unwrap_or_default();
            return Some((member.clone(), format!("{}: {}", text("ErrorCode"), text("Message"))));
        }
        if let Some((path, text)) = find_embedded_error(value) {
            return Some((format!("{member}.{path}"), text));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paths(found: &[UnmodeledMember]) -> Vec<(&str, bool)> {
        found.iter().map(|member| (member.path.as_str(), member.known)).collect()
    }

    #[test]
    fn allows_what_aws_fills_in() {
        let answer = json!({
            "FunctionName": "sync-a",
            "VpcConfig": { "SubnetIds": [], "SecurityGroupIds": [], "VpcId": "", "Ipv6AllowedForDualStack": false },
            "TracingConfig": { "Mode": "PassThrough" },
            "EphemeralStorage": { "Size": 512 },
            "SnapStart": { "ApplyOn": "None", "OptimizationStatus": "Off" },
            "RuntimeVersionConfig": { "RuntimeVersionArn": "arn:aws:lambda:us-east-1::runtime:0" },
            "LoggingConfig": { "LogFormat": "Text", "LogGroup": "/aws/lambda/sync-a" },
            "Layers": null,
        });
        assert_eq!(paths(&AnswerKind::Configuration.find_unmodeled("sync-a", &answer)), []);
    }

    #[test]
    fn finds_members_that_differ_and_members_that_it_does_not_know() {
        let answer = json!({
            "EphemeralStorage": { "Size": 10240 },
            "LoggingConfig": { "LogFormat": "JSON", "LogGroup": "/elsewhere", "Shape": "round" },
            "Layers": [{ "Arn": "arn:aws:lambda:us-east-1:999999999999:layer:spy:1" }],
            "Novelty": { "Enabled": true },
            "Dull": { "Enabled": false },
        });
        assert_eq!(
            paths(&AnswerKind::Configuration.find_unmodeled("sync-a", &answer)),
            [
                ("EphemeralStorage.Size", true),
                ("LoggingConfig.LogFormat", true),
                ("LoggingConfig.LogGroup", true),
                ("LoggingConfig.Shape", false),
                ("Layers", true),
                ("Novelty", false),
            ]
        );
    }

    #[test]
    fn counts_each_entry_of_a_policy() {
        let answer = json!({ "Policy": { "public": { "Principal": "*" }, "partner": {} } });
        let found = AnswerKind::Function.find_unmodeled("sync-a", &answer);
        assert_eq!(paths(&found), [("Policy.public", true), ("Policy.partner", true)]);
        assert_eq!(found[0].entry_of("Policy"), Some("public"));
        assert_eq!(found[0].find_row(AnswerKind::Function).map(|row| row.path), Some("Policy"));
    }

    #[test]
    fn finds_errors_inside_a_success() {
        let error = json!({ "ErrorCode": "KMSAccessDeniedException", "Message": "no access" });
        let answer = json!({ "Configuration": { "Environment": { "Error": error } } });
        let found = find_embedded_error(&answer).expect("the environment has an error");
        assert_eq!(found.0, "Configuration.Environment.Error");
        assert_eq!(found.1, "KMSAccessDeniedException: no access");
        assert_eq!(find_embedded_error(&json!({ "TagsError": error })).expect("an error").0, "TagsError");
        let harmless = json!({ "Environment": { "Variables": { "Error": "no" } }, "Tags": { "Error": error } });
        assert_eq!(find_embedded_error(&harmless), None);
    }

    #[test]
    fn names_each_member_once() {
        for answer in AnswerKind::ALL {
            let mut paths: Vec<&str> = answer.rows().iter().map(|row| row.path).collect();
            let rows = paths.len();
            paths.sort_unstable();
            paths.dedup();
            assert_eq!(paths.len(), rows, "{answer:?}");
        }
    }
}
