//! The inventory and the verdicts, in memory and in an audit file.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The version of the audit file's format. Verdicts of version 1 called things stale without having read everything that
/// can reach them.
pub const AUDIT_VERSION: u32 = 2;

/// For how many days CloudWatch keeps daily counts, and so the longest time in which a use can be seen.
pub const HISTORY_DAYS: u32 = 455;

/// An account's inventory and the findings about it: the audit file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// [`AUDIT_VERSION`].
    pub version: u32,
    /// What was read of the account.
    pub inventory: AuditInventory,
    /// One finding for each node, in the order of the nodes.
    pub findings: Vec<AuditFinding>,
}

/// What was read of a region of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditInventory {
    /// The account, twelve digits.
    pub account: String,
    /// The region. IAM covers the whole account.
    pub region: String,
    /// When reading began.
    pub taken_at: Timestamp,
    /// The number of days for which use was counted.
    pub days: u32,
    /// Everything that was found, sorted by id.
    pub nodes: Vec<Node>,
    /// Who calls or needs whom, sorted by `from` and `to`.
    pub edges: Vec<Edge>,
    /// What IAM lets roles and users call, send to, start or read.
    #[serde(default)]
    pub grants: Vec<IdentityGrant>,
    /// What couldn't be read.
    pub unread: Vec<UnreadCall>,
    /// The number of calls made, by `service:Operation`.
    pub calls: BTreeMap<String, u64>,
}

/// A resource, or an external endpoint that something points at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// The ARN; `https://…` for an external endpoint; `hubspot:workflow:ID` or `hubspot:app:ID:subscription:ID`.
    pub id: String,
    /// What it is.
    pub kind: NodeKind,
    /// Its name, as people know it.
    pub name: String,
    /// The deployment of `deployer` that owns it, according to its tags or marks.
    pub deployment: Option<String>,
    /// The venue that it belongs to, if a deployment owns it or it is a venue's destination.
    pub venue: Option<String>,
    /// Whether it can act. A disabled rule or a function with reserved concurrency 0 can't.
    pub enabled: bool,
    /// When it was last changed, or created if AWS returns only that. Rules and topics have no such time; CloudTrail may
    /// show that they are at least so old.
    pub changed_at: Option<Timestamp>,
    /// How much it was used in the window of the audit.
    pub usage: NodeUsage,
    /// Further attributes for display (`runtime`, `messages`, `url`, …), never a value that could be secret.
    pub attributes: BTreeMap<String, String>,
    /// Its tags, including `deployer:` tags.
    pub tags: BTreeMap<String, String>,
}

impl Node {
    /// A node with only a kind, an id and a name.
    pub fn new(kind: NodeKind, id: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            kind,
            name: name.into(),
            deployment: None,
            venue: None,
            enabled: true,
            changed_at: None,
            usage: NodeUsage::NotCounted,
            attributes: BTreeMap::new(),
            tags: BTreeMap::new(),
        }
    }

    /// Adds an attribute if there is a value.
    #[must_use]
    pub fn with_attribute(mut self, key: &str, value: Option<impl ToString>) -> Self {
        if let Some(value) = value {
            self.attributes.insert(key.to_owned(), value.to_string());
        }
        self
    }
}

/// Kinds of nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// A Lambda function.
    Function,
    /// An EventBridge rule.
    Rule,
    /// An EventBridge Scheduler schedule.
    Schedule,
    /// An SQS queue.
    Queue,
    /// An SNS topic.
    Topic,
    /// An API Gateway REST API.
    RestApi,
    /// An API Gateway HTTP or WebSocket API.
    HttpApi,
    /// A Step Functions state machine.
    StateMachine,
    /// A Secrets Manager secret.
    Secret,
    /// An IAM role that Lambda can assume.
    Role,
    /// A CloudWatch log group.
    LogGroup,
    /// A CloudWatch alarm.
    Alarm,
    /// A HubSpot workflow that calls a URL.
    HubspotWorkflow,
    /// A webhook subscription of a HubSpot app.
    HubspotWebhook,
    /// A URL that isn't this account's, or that leads nowhere.
    Endpoint,
    /// Anything else that calls or names something of this account: a bucket, a user pool, a pipe, a stack. It isn't judged.
    Caller,
}

impl NodeKind {
    /// All kinds.
    pub const ALL: [Self; 16] = [
        Self::Function,
        Self::Rule,
        Self::Schedule,
        Self::Queue,
        Self::Topic,
        Self::RestApi,
        Self::HttpApi,
        Self::StateMachine,
        Self::Secret,
        Self::Role,
        Self::LogGroup,
        Self::Alarm,
        Self::HubspotWorkflow,
        Self::HubspotWebhook,
        Self::Endpoint,
        Self::Caller,
    ];

    /// Its name for people: `function`, `REST API`, `HubSpot workflow`.
    pub fn display_name(self) -> &'static str {
        match self {
            Self::Function => "function",
            Self::Rule => "rule",
            Self::Schedule => "schedule",
            Self::Queue => "queue",
            Self::Topic => "topic",
            Self::RestApi => "REST API",
            Self::HttpApi => "HTTP API",
            Self::StateMachine => "state machine",
            Self::Secret => "secret",
            Self::Role => "role",
            Self::LogGroup => "log group",
            Self::Alarm => "alarm",
            Self::HubspotWorkflow => "HubSpot workflow",
            Self::HubspotWebhook => "HubSpot webhook",
            Self::Endpoint => "endpoint",
            Self::Caller => "caller",
        }
    }
}

/// How much something was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum NodeUsage {
    /// AWS counts its use.
    Counted {
        /// What was counted, in words: `invocations`, `messages sent or received`, `requests`.
        what: String,
        /// The count in the window.
        count: u64,
        /// The last day of use in the window, as `2026-11-26`.
        last: Option<String>,
        /// The last day of use before the window, in the [`HISTORY_DAYS`] that CloudWatch keeps.
        #[serde(default)]
        before: Option<String>,
    },
    /// AWS counts its use, but the count couldn't be read.
    Unread,
    /// Nobody counts its use.
    NotCounted,
}

/// `from` calls, feeds, watches or needs `to`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Edge {
    /// The id of a node, or of something that doesn't exist.
    pub from: String,
    /// The id of a node, or of something that doesn't exist.
    pub to: String,
    /// How `from` reaches `to`.
    pub kind: EdgeKind,
    /// Whether it works now. A disabled mapping doesn't, nor does one to a version that doesn't exist.
    pub enabled: bool,
    /// Further details: the route, the batch size, the alias.
    pub note: Option<String>,
}

/// How one thing reaches another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeKind {
    /// Calls: the target of a rule or schedule.
    Target,
    /// Calls: an event source mapping, from the queue or stream to the function.
    Mapping,
    /// Calls: a subscription of a topic.
    Subscription,
    /// Calls: an integration of an API.
    Integration,
    /// Calls: a task of a state machine.
    Task,
    /// Calls: a function URL. `from` is the URL.
    FunctionUrl,
    /// Calls: a webhook, to the URL or to the API that serves it.
    Webhook,
    /// May call: its policy allows it. Whether the source does call is unknown. `from` is the ARN of the source, or
    /// `principal:` and who may; the note is the service that the statement names.
    Permission,
    /// Sends failed messages there: a redrive policy, a dead letter configuration, an on-failure destination.
    DeadLetter,
    /// Names it in its environment.
    Environment,
    /// Runs as it.
    Role,
    /// Writes its log there.
    Log,
    /// Watches it: an alarm.
    Watch,
    /// Names it in its configuration: a bucket's notification, a stack's resource, an alarm's action.
    Configuration,
}

impl EdgeKind {
    /// Whether it makes `from` call `to`.
    pub fn is_call(self) -> bool {
        matches!(
            self,
            Self::Target
                | Self::Mapping
                | Self::Subscription
                | Self::Integration
                | Self::Task
                | Self::FunctionUrl
                | Self::Webhook
                | Self::Configuration
        )
    }
}

/// What one role or user may do with the kinds that an audit judges, according to its policies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct IdentityGrant {
    /// Its ARN.
    pub holder: String,
    /// Who can act as it: service principals, `arn:aws:iam::…:root`, an identity provider; for a user, `user`.
    pub trusted: Vec<String>,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// When it was last used in any region, in the 400 days that IAM keeps.
    pub last_used: Option<Timestamp>,
    /// What it may use, and as which pattern of ARNs its policies name that.
    pub permits: Vec<GrantedUse>,
}

/// A pattern of ARNs that an identity may use.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GrantedUse {
    /// What kind of thing the allowed actions use.
    pub kind: NodeKind,
    /// The pattern.
    pub pattern: String,
    /// Whether the statement allows all actions of all services, as people's and pipelines' do.
    pub everything: bool,
}

/// Something that couldn't be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UnreadCall {
    /// The call, as IAM names it: `sqs:ListQueues`.
    pub call: String,
    /// The node that the call was about; `None` for a list.
    pub node: Option<String>,
    /// What may be missing because of it, in words: `queues`, `the policy of x`.
    pub what: String,
    /// Why, in words, with AWS's error code.
    pub why: String,
}

/// The conclusion about a node. The variants are in the order of display.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditVerdict {
    /// Leads to an endpoint that isn't there, isn't this account's, or feeds another venue's destination.
    Suspect,
    /// Nothing reaches it, and it wasn't used.
    Orphaned,
    /// Something reaches it, and neither it nor that was used in the window.
    Stale,
    /// What would decide it is unreadable.
    Unknown,
    /// In use, or needed by something that is.
    Active,
    /// A deployment of `deployer` owns it.
    Managed,
}

impl AuditVerdict {
    /// The word for it: `suspect`, `orphaned`, ….
    pub fn display_name(self) -> &'static str {
        match self {
            Self::Suspect => "suspect",
            Self::Orphaned => "orphaned",
            Self::Stale => "stale",
            Self::Unknown => "unknown",
            Self::Active => "active",
            Self::Managed => "managed",
        }
    }
}

/// The conclusion about one node, with its evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditFinding {
    /// The id of the node.
    pub id: String,
    /// The conclusion.
    pub verdict: AuditVerdict,
    /// The reasons, one sentence each, the most important first.
    pub evidence: Vec<String>,
}
