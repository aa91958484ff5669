//! The inventory and the verdicts, as they are in memory and in an audit file.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Version of the audit file's shape.
pub const AUDIT_VERSION: u32 = 1;

/// An account as it was read, and what is concluded from it: the audit file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// [`AUDIT_VERSION`].
    pub version: u32,
    /// What was read.
    pub inventory: AuditInventory,
    /// One for each node, in the nodes' order.
    pub findings: Vec<AuditFinding>,
}

/// What was read of an account and a region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditInventory {
    /// The account, twelve digits.
    pub account: String,
    /// The region. What is read of IAM is the whole account's.
    pub region: String,
    /// When reading began.
    pub taken_at: Timestamp,
    /// How many days back use was counted.
    pub days: u32,
    /// Everything that was found, by id.
    pub nodes: Vec<Node>,
    /// Who calls or needs whom, by `from` and `to`.
    pub edges: Vec<Edge>,
    /// What couldn't be read.
    pub unread: Vec<UnreadCall>,
    /// Calls made, by `service:Operation`.
    pub calls: BTreeMap<String, u64>,
}

/// A resource, or an endpoint elsewhere that something points at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// The ARN; `https://…` for an endpoint elsewhere; `hubspot:workflow:ID` and `hubspot:app:ID:subscription:ID`.
    pub id: String,
    /// What it is.
    pub kind: NodeKind,
    /// What people call it.
    pub name: String,
    /// The deployment of `deployer` that it belongs to, by its tags or marks.
    pub deployment: Option<String>,
    /// The venue that it belongs to, if it belongs to a deployment or is a venue's destination.
    pub venue: Option<String>,
    /// Whether it can act: a rule that is disabled or a function with reserved concurrency 0 can't.
    pub enabled: bool,
    /// When it was last changed, or made where AWS says no more.
    pub changed_at: Option<Timestamp>,
    /// How much it was used in the window.
    pub usage: NodeUsage,
    /// What else is shown of it (`runtime`, `messages`, `url`, …), never a value that could be secret.
    pub attributes: BTreeMap<String, String>,
    /// Its tags, with `deployer:` tags among them.
    pub tags: BTreeMap<String, String>,
}

impl Node {
    /// A node of which no more is known than what it is.
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

    /// Adds an attribute, if there is a value.
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
    /// A URL that isn't this account's, or leads nowhere.
    Endpoint,
}

impl NodeKind {
    /// All of them.
    pub const ALL: [Self; 15] = [
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
    ];

    /// What people call it: `function`, `REST API`, `HubSpot workflow`.
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
        }
    }
}

/// How much something was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum NodeUsage {
    /// AWS counts it.
    Counted {
        /// What was counted, for people: `invocations`, `messages sent or received`, `requests`.
        what: String,
        /// How many in the window.
        count: u64,
        /// The last day of the window on which there was any, as `2026-11-26`.
        last: Option<String>,
    },
    /// AWS counts it, and the count couldn't be read.
    Unread,
    /// Nobody counts it.
    NotCounted,
}

/// `from` calls, feeds, watches or needs `to`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Edge {
    /// Id of a node, or of something that isn't there.
    pub from: String,
    /// Id of a node, or of something that isn't there.
    pub to: String,
    /// In which way.
    pub kind: EdgeKind,
    /// Whether it works now: a disabled mapping doesn't, nor one to a version that isn't there.
    pub enabled: bool,
    /// What else is to be said: the route, the batch size, the alias.
    pub note: Option<String>,
}

/// In which way one thing reaches another.
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
    /// Calls: a webhook, to the URL or the API that has it.
    Webhook,
    /// May call: the function's policy lets the source, which may or may not do so.
    Permission,
    /// Sends what failed there: a redrive policy, a dead letter configuration, an on-failure destination.
    DeadLetter,
    /// Names it in its environment.
    Environment,
    /// Runs as it.
    Role,
    /// Writes its log there.
    Log,
    /// Watches it: an alarm.
    Watch,
}

impl EdgeKind {
    /// Whether something comes in at `to` by it.
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
        )
    }
}

/// Something that couldn't be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UnreadCall {
    /// The call, as IAM names it: `sqs:ListQueues`.
    pub call: String,
    /// The node that it was about; `None` for a list.
    pub node: Option<String>,
    /// Which kinds of edges or which property may be missing by it, in words: `queues`, `the policy of x`.
    pub what: String,
    /// Why, in words, with AWS's code.
    pub why: String,
}

/// What is concluded of a node. In the order in which they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditVerdict {
    /// Leads to an endpoint that isn't there, isn't this account's, or feeds another venue's destination.
    Suspect,
    /// Nothing reaches it and it wasn't used.
    Orphaned,
    /// Something reaches it, and neither it nor that was used in the window.
    Stale,
    /// What would decide it couldn't be read.
    Unknown,
    /// In use, or needed by something that is.
    Active,
    /// A deployment of `deployer` owns it.
    Managed,
}

impl AuditVerdict {
    /// In words: `suspect`, `orphaned`, ….
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

/// What is concluded of one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditFinding {
    /// The node.
    pub id: String,
    /// What is concluded.
    pub verdict: AuditVerdict,
    /// Why, a sentence each, most weighty first.
    pub evidence: Vec<String>,
}
