//! Functions, versions and aliases as they are stored, and as Lambda returns them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::FunctionUrl;
use crate::{CloudContext, JsonBody};

/// The unpublished version, the only one that can be changed.
pub(super) const LATEST: &str = "$LATEST";

/// The configuration of a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VersionConfiguration {
    pub description: String,
    pub runtime: String,
    pub handler: String,
    pub architectures: Vec<String>,
    pub memory_mb: u32,
    pub timeout_s: u32,
    pub role: String,
    pub environment: BTreeMap<String, String>,
    /// Base64 of the SHA-256 of the zip.
    pub code_sha256: String,
    pub code_size: u64,
    /// The name of the zip's blob.
    pub code: String,
    /// The destination of events that could not be handled: the ARN of a queue or topic.
    #[serde(default)]
    pub dead_letters: Option<String>,
    /// Other members of the answer, which replace the defaults: `VpcConfig`, `Layers`, `LastUpdateStatus`, …
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub others: Map<String, Value>,
}

/// A published version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredFunctionVersion {
    pub configuration: VersionConfiguration,
    pub last_modified: String,
}

/// An alias.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredAlias {
    pub version: String,
    pub description: String,
    pub revision_id: String,
    /// `{"AdditionalVersionWeights"}`, as given.
    #[serde(default)]
    pub routing: Option<Value>,
}

/// Settings for asynchronous invocations.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AsyncSettings {
    pub maximum_retry_attempts: Option<i64>,
    pub maximum_event_age_s: Option<i64>,
    pub last_modified_s: f64,
    /// `{"OnSuccess": {"Destination"}, "OnFailure": {"Destination"}}`, as given.
    #[serde(default)]
    pub destinations: Option<Value>,
}

/// A statement of a resource policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredStatement {
    pub sid: String,
    pub action: String,
    pub principal: String,
    pub source_arn: Option<String>,
    pub source_account: Option<String>,
    #[serde(default)]
    pub url_auth_type: Option<String>,
}

/// A function with everything that belongs to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredFunction {
    pub name: String,
    /// `$LATEST`.
    pub configuration: VersionConfiguration,
    pub last_modified: String,
    pub revision_id: String,
    pub tags: BTreeMap<String, String>,
    /// By number. In boxes, as the aliases: a map has room for eleven of what it has one of.
    pub versions: BTreeMap<u64, Box<StoredFunctionVersion>>,
    /// The highest version number so far. Numbers are never reused.
    pub last_version: u64,
    pub aliases: BTreeMap<String, Box<StoredAlias>>,
    pub reserved_concurrency: Option<u32>,
    /// By qualifier.
    pub asynchronous: BTreeMap<String, AsyncSettings>,
    /// Statements in order, by qualifier.
    pub policies: BTreeMap<String, Vec<StoredStatement>>,
    /// By qualifier.
    #[serde(default)]
    pub urls: BTreeMap<String, FunctionUrl>,
    /// Whether the function has become active since its creation.
    pub active: bool,
    /// How many more reads it takes until the change in progress is complete.
    pub settles_after_reads: u32,
}

impl StoredFunction {
    /// The version that a qualifier resolves to, with its configuration.
    pub(super) fn find_version(&self, qualifier: &str) -> Option<(String, &VersionConfiguration)> {
        let number = match self.aliases.get(qualifier) {
            Some(alias) => alias.version.as_str(),
            None => qualifier,
        };
        if number == LATEST {
            return Some((LATEST.to_owned(), &self.configuration));
        }
        let version = self.versions.get(&number.parse().ok()?)?;
        Some((number.to_owned(), &version.configuration))
    }

    /// Counts a read. The change in progress is complete after enough of them.
    pub(super) fn count_read(&mut self) {
        self.settles_after_reads = self.settles_after_reads.saturating_sub(1);
        if self.settles_after_reads == 0 {
            self.active = true;
        }
    }

    /// Starts a change that takes this many reads.
    pub(super) fn start_change(&mut self, cx_reads: u32) {
        self.settles_after_reads = cx_reads;
    }

    /// `FunctionConfiguration` in the API reference.
    pub(super) fn configuration_json(&self, cx: &CloudContext<'_>, qualifier: Option<&str>, version: &str) -> Value {
        let configuration = self.find_version(version).map_or(&self.configuration, |(_, configuration)| configuration);
        let mut arn = cx.build_arn("lambda", &format!("function:{}", self.name));
        if let Some(qualifier) = qualifier {
            arn = format!("{arn}:{qualifier}");
        }
        let settled = self.settles_after_reads == 0;
        let mut shown = json!({
            "FunctionName": self.name,
            "FunctionArn": arn,
            "Runtime": configuration.runtime,
            "Role": configuration.role,
            "Handler": configuration.handler,
            "CodeSize": configuration.code_size,
            "Description": configuration.description,
            "Timeout": configuration.timeout_s,
            "MemorySize": configuration.memory_mb,
            "LastModified": self.last_modified,
            "CodeSha256": configuration.code_sha256,
            "Version": version,
            "TracingConfig": { "Mode": "PassThrough" },
            "RevisionId": self.revision_id,
            "State": if self.active { "Active" } else { "Pending" },
            "LastUpdateStatus": if settled { "Successful" } else { "InProgress" },
            "PackageType": "Zip",
            "Architectures": configuration.architectures,
            "EphemeralStorage": { "Size": 512 },
            "LoggingConfig": { "LogFormat": "Text", "LogGroup": format!("/aws/lambda/{}", self.name) },
        });
        if !self.active {
            shown["StateReason"] = json!("The function is being created.");
            shown["StateReasonCode"] = json!("Creating");
        }
        // Lambda omits the member if there are no variables.
        if !configuration.environment.is_empty() {
            shown["Environment"] = json!({ "Variables": configuration.environment });
        }
        if let Some(target) = &configuration.dead_letters {
            shown["DeadLetterConfig"] = json!({ "TargetArn": target });
        }
        for (member, value) in &configuration.others {
            shown[member] = value.clone();
        }
        shown
    }
}

/// The environment variables of a request: `{"Environment": {"Variables": {…}}}`.
pub(super) fn environment_variables(body: &JsonBody) -> Option<BTreeMap<String, String>> {
    body.member_value("Environment").map(|environment| JsonBody::from_value(environment).member_map("Variables"))
}
