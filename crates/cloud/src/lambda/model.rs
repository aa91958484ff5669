//! Functions, versions and aliases as they are kept, and as Lambda shows them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::FunctionUrl;
use crate::{Context, Json};

/// The version that can be changed.
pub(super) const LATEST: &str = "$LATEST";

/// What a version keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Configuration {
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
    /// The zip, by its name among the blobs.
    pub code: String,
    /// Where events go that couldn't be handled: the ARN of a queue or topic.
    #[serde(default)]
    pub dead_letters: Option<String>,
}

/// One published version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Version {
    pub configuration: Configuration,
    pub last_modified: String,
}

/// An alias.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alias {
    pub version: String,
    pub description: String,
    pub revision_id: String,
}

/// Settings for asynchronous invocations.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AsyncSettings {
    pub maximum_retry_attempts: Option<i64>,
    pub maximum_event_age_s: Option<i64>,
    pub last_modified_s: f64,
    /// `{"OnSuccess": {"Destination"}, "OnFailure": {"Destination"}}`, as it was given.
    #[serde(default)]
    pub destinations: Option<Value>,
}

/// A statement of a resource policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Statement {
    pub sid: String,
    pub action: String,
    pub principal: String,
    pub source_arn: Option<String>,
    pub source_account: Option<String>,
    #[serde(default)]
    pub url_auth_type: Option<String>,
}

/// A function with all that hangs on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Function {
    pub name: String,
    /// `$LATEST`.
    pub configuration: Configuration,
    pub last_modified: String,
    pub revision_id: String,
    pub tags: BTreeMap<String, String>,
    /// By number.
    pub versions: BTreeMap<u64, Version>,
    /// Numbers are never given twice.
    pub last_version: u64,
    pub aliases: BTreeMap<String, Alias>,
    pub reserved_concurrency: Option<u32>,
    /// By qualifier.
    pub asynchronous: BTreeMap<String, AsyncSettings>,
    /// Statements in their order, by qualifier.
    pub policies: BTreeMap<String, Vec<Statement>>,
    /// By qualifier.
    #[serde(default)]
    pub urls: BTreeMap<String, FunctionUrl>,
    /// Whether it has become active after its creation.
    pub active: bool,
    /// Reads until the change that is under way is through.
    pub settles_after_reads: u32,
}

impl Function {
    /// The version that a qualifier means, and what it has.
    pub(super) fn version(&self, qualifier: &str) -> Option<(String, &Configuration)> {
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

    /// Counts a read; the change under way is through after enough of them.
    pub(super) fn settle(&mut self) {
        self.settles_after_reads = self.settles_after_reads.saturating_sub(1);
        if self.settles_after_reads == 0 {
            self.active = true;
        }
    }

    /// A change begins, and takes so many reads.
    pub(super) fn unsettle(&mut self, cx_reads: u32) {
        self.settles_after_reads = cx_reads;
    }

    /// `FunctionConfiguration` of the API reference.
    pub(super) fn shown(&self, cx: &Context<'_>, qualifier: Option<&str>, version: &str) -> Value {
        let configuration = self.version(version).map_or(&self.configuration, |(_, configuration)| configuration);
        let mut arn = cx.arn("lambda", &format!("function:{}", self.name));
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
        // Lambda leaves the member out where there are no variables.
        if !configuration.environment.is_empty() {
            shown["Environment"] = json!({ "Variables": configuration.environment });
        }
        if let Some(target) = &configuration.dead_letters {
            shown["DeadLetterConfig"] = json!({ "TargetArn": target });
        }
        shown
    }
}

/// Environment variables of a request: `{"Environment": {"Variables": {…}}}`.
pub(super) fn environment(body: &Json) -> Option<BTreeMap<String, String>> {
    body.value("Environment").map(|environment| Json::of(environment).map("Variables"))
}
