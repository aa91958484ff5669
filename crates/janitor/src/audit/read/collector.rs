//! Collects what all readers find. All their calls go through here, to be counted and to stay below AWS's quotas.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures_util::{StreamExt, stream};

use parking_lot::{Mutex, MutexGuard};
use serde_json::Value;

use super::super::arn::node_id;
use super::super::{Edge, EdgeKind, IdentityGrant, Node, NodeKind, NodeUsage, UnreadCall};
use super::progress::{AuditProgress, PendingItems, estimate_left};
use deployer_aws::limiter::AwsLimiter;
use deployer_aws::signed::{AnswerPages, list_of};
use deployer_aws::{Call, CallError, FailureKind, SdkPages};
use deployer_core::scope::Scope;
use deployer_hubspot::VendorError;

/// Calls per second, below the quotas of an account and region:
/// - Lambda: 15 control plane requests; `GetFunction` 100 and `GetPolicy` 15 of their own
///   (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>);
/// - API Gateway, REST and HTTP together: 10 in all, `GetResources` 5 in two seconds
///   (<https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>);
/// - CloudWatch: `GetMetricData` 50, and 396,000 old data points, of which one call here returns up to 45,500; `DescribeAlarms` 9
///   (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html>);
/// - Step Functions: `ListStateMachines` 5 and `DescribeStateMachine` 20, refilled
///   (<https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>);
/// - SNS: lists 30 (<https://docs.aws.amazon.com/general/latest/gr/sns.html>); tags: `GetResources` 15; Logs:
///   `DescribeLogGroups` 10; EventBridge, Scheduler and Secrets Manager: 50 and more;
/// - CloudTrail: `LookupEvents` 2
///   (<https://docs.aws.amazon.com/awscloudtrail/latest/userguide/WhatIsCloudTrail-Limits.html>); Logs:
///   `DescribeSubscriptionFilters` 5;
/// - SQS, IAM and the services of callers: undocumented or higher; a throttled call is retried.
const CALLS_PER_SECOND: [(&str, u32); 25] = [
    ("cloudtrail:LookupEvents", 2),
    ("logs:DescribeSubscriptionFilters", 4),
    ("cloudformation", 6),
    ("cognito-idp", 10),
    ("budgets", 5),
    ("elasticloadbalancing", 8),
    ("codepipeline", 8),
    ("appsync", 8),
    ("iot", 8),
    ("ses", 1),
    ("lambda:GetFunction", 90),
    ("lambda:GetPolicy", 14),
    ("lambda", 14),
    ("apigateway:GetResources", 2),
    ("apigateway", 7),
    ("cloudwatch:GetMetricData", 6),
    ("cloudwatch", 8),
    ("states:ListStateMachines", 4),
    ("states", 15),
    ("sns", 25),
    ("tag", 12),
    ("logs", 9),
    ("events", 40),
    ("sqs", 100),
    ("iam", 15),
];

/// What is called for each log group, after everything else.
pub(super) const SUBSCRIPTION_CALLS: [&str; 1] = ["logs:DescribeSubscriptionFilters"];

/// Calls of one reader that run at the same time.
const CONCURRENT_CALLS: usize = 24;

/// Text in which a resource names others: its environment, its definition. It is searched after everything is read, and
/// then dropped.
pub(super) struct Mention {
    pub(super) from: String,
    pub(super) text: String,
    pub(super) kind: EdgeKind,
    pub(super) note: Option<String>,
    /// Whether a resource's bare name counts, and not only its ARN or URL.
    pub(super) names: bool,
}

/// A resource that something owns, by the name that its service gives it.
pub(super) struct OwnedName {
    pub(super) owner: String,
    pub(super) kind: NodeKind,
    pub(super) physical: String,
}

/// A URL that HubSpot calls.
pub(super) struct Webhook {
    pub(super) from: String,
    pub(super) url: String,
    pub(super) method: String,
    pub(super) enabled: bool,
}

/// What was found.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) nodes: BTreeMap<String, Node>,
    pub(super) edges: BTreeSet<Edge>,
    pub(super) unread: BTreeSet<UnreadCall>,
    pub(super) calls: BTreeMap<String, u64>,
    pub(super) mentions: Vec<Mention>,
    pub(super) webhooks: Vec<Webhook>,
    /// What may become a node, if it names something of this account.
    pub(super) callers: BTreeMap<String, Node>,
    pub(super) owned: Vec<OwnedName>,
    pub(super) log_groups: Vec<String>,
    pub(super) grants: BTreeSet<IdentityGrant>,
    /// What is known to be still to call, one entry for each [`Collector::for_each`].
    pending: Vec<PendingItems>,
    /// Custom domains: host, base path, API.
    pub(super) domains: Vec<(String, String, String)>,
}

/// How often something was used in the window, the last day of that, and the last day of use before the window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct CountedUses {
    pub(super) count: u64,
    pub(super) last: Option<String>,
    pub(super) before: Option<String>,
}

/// See the module.
pub(super) struct Collector<'a> {
    pub(super) scope: &'a Scope,
    limiter: AwsLimiter,
    is_limited: bool,
    gathered: Mutex<Gathered>,
    on_progress: &'a (dyn Fn(AuditProgress) + Sync),
}

impl<'a> Collector<'a> {
    pub(super) fn new(scope: &'a Scope, limited: bool, on_progress: &'a (dyn Fn(AuditProgress) + Sync)) -> Self {
        let limiter = if limited { AwsLimiter::new(&CALLS_PER_SECOND) } else { AwsLimiter::unlimited() };
        Self { scope, limiter, is_limited: limited, gathered: Mutex::default(), on_progress }
    }

    /// Makes one call. `call` is its name as IAM or, where IAM has none, the service's API reference writes it.
    ///
    /// # Errors
    /// The call's failure.
    pub(super) async fn make_call<T>(
        &self,
        call: &'static str,
        request: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        self.wait_and_count(call).await;
        request.await
    }

    /// Makes one call of a generated client, as [`Self::make_call`] does.
    ///
    /// # Errors
    /// The call's failure.
    pub(super) async fn make_sdk_call<T, E>(
        &self,
        call: &'static str,
        request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, CallError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        self.wait_and_count(call).await;
        request.await.call(call)
    }

    /// Makes the call for a list's next page of a generated client.
    pub(super) async fn next_sdk_page<T, E>(&self, pages: &mut SdkPages<T, E>) -> Option<Result<T, CallError>>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let call = pages.operation();
        self.limiter.wait_for_slot(call).await;
        let page = pages.next_page().await?;
        self.count_call(call);
        Some(page)
    }

    /// Makes the call for a list's next page.
    pub(super) async fn next_page(&self, pages: &mut AnswerPages<'_>) -> Option<Result<Value, CallError>> {
        let call = pages.operation();
        self.limiter.wait_for_slot(call).await;
        let page = pages.next_page().await?;
        self.count_call(call);
        Some(page)
    }

    /// Reads a whole list: `on_item` gets each item of each page's list `member`. An item that can't be understood, and a
    /// page that can't be read, are noted as `what`. Returns whether all pages were read.
    pub(super) async fn list_items(
        &self,
        mut pages: AnswerPages<'_>,
        member: &str,
        what: &str,
        mut on_item: impl FnMut(&Value) -> Result<(), String>,
    ) -> bool {
        while let Some(page) = self.next_page(&mut pages).await {
            match page {
                Ok(page) => self.take_items(pages.operation(), &page, member, None, what, &mut on_item),
                Err(error) => {
                    self.note_failure(&error, None, what);
                    return false;
                }
            }
        }
        true
    }

    /// Reads a list that belongs to one resource, as [`Self::list_items`] does. A resource that is gone was deleted since
    /// it was listed, and has no items.
    pub(super) async fn list_items_of(
        &self,
        node: Option<&str>,
        mut pages: AnswerPages<'_>,
        member: &str,
        what: &str,
        mut on_item: impl FnMut(&Value) -> Result<(), String>,
    ) -> bool {
        while let Some(page) = self.next_page(&mut pages).await {
            match page {
                Ok(page) => self.take_items(pages.operation(), &page, member, node, what, &mut on_item),
                Err(error) if error.kind == FailureKind::NotFound => return true,
                Err(error) => {
                    self.note_failure(&error, node, what);
                    return false;
                }
            }
        }
        true
    }

    fn take_items(
        &self,
        call: &'static str,
        page: &Value,
        member: &str,
        node: Option<&str>,
        what: &str,
        on_item: &mut impl FnMut(&Value) -> Result<(), String>,
    ) {
        for item in list_of(page, member) {
            if let Err(why) = on_item(item) {
                self.note_unread(call, node, what.to_owned(), why);
            }
        }
    }

    /// Waits until a call fits its service's quota, and counts it.
    pub(super) async fn wait_and_count(&self, call: &'static str) {
        self.limiter.wait_for_slot(call).await;
        self.count_call(call);
    }

    /// Counts a call whose name isn't that of one request.
    pub(super) fn count_made(&self, call: &str) {
        self.count_call(call);
    }

    fn count_call(&self, call: &str) {
        let progress = {
            let mut gathered = self.gathered();
            *gathered.calls.entry(call.to_owned()).or_default() += 1;
            let left = self.is_limited.then(|| {
                // What log groups feed is asked when everything else is read.
                let later = PendingItems { calls: SUBSCRIPTION_CALLS.to_vec(), items: gathered.log_groups.len() };
                estimate_left(&gathered.pending, &CALLS_PER_SECOND) + estimate_left([&later], &CALLS_PER_SECOND)
            });
            AuditProgress { calls: gathered.calls.values().sum(), found: gathered.nodes.len(), left }
        };
        (self.on_progress)(progress);
    }

    /// Does `work` for each item, several at a time. `calls` are what each item needs, for the estimate.
    pub(super) async fn for_each<T, F: Future<Output = ()>>(
        &self,
        items: Vec<T>,
        calls: &[&'static str],
        work: impl Fn(T) -> F,
    ) {
        let at = {
            let pending = &mut self.gathered().pending;
            pending.push(PendingItems { calls: calls.to_vec(), items: items.len() });
            pending.len() - 1
        };
        let work = async |item| {
            work(item).await;
            self.gathered().pending[at].items -= 1;
        };
        stream::iter(items).for_each_concurrent(CONCURRENT_CALLS, work).await;
    }

    pub(super) fn gathered(&self) -> MutexGuard<'_, Gathered> {
        self.gathered.lock()
    }

    pub(super) fn into_gathered(self) -> Gathered {
        self.gathered.into_inner()
    }

    pub(super) fn add_node(&self, node: Node) {
        self.gathered().nodes.insert(node.id.clone(), node);
    }

    /// Changes a node that was found.
    pub(super) fn update_node(&self, id: &str, change: impl FnOnce(&mut Node)) {
        if let Some(node) = self.gathered().nodes.get_mut(id) {
            change(node);
        }
    }

    /// Adds an edge. A version or alias at the end of `to` goes into the note.
    pub(super) fn add_edge(&self, from: &str, to: &str, kind: EdgeKind, enabled: bool, note: Option<String>) {
        let (to, qualifier) = node_id(to);
        let note = match (note, qualifier) {
            (Some(note), Some(qualifier)) => Some(format!("{note}, {qualifier}")),
            (note, qualifier) => note.or(qualifier),
        };
        self.gathered().edges.insert(Edge { from: from.to_owned(), to, kind, enabled, note });
    }

    pub(super) fn add_mention(&self, from: &str, text: &str, kind: EdgeKind, note: Option<&str>, names: bool) {
        let mention =
            Mention { from: from.to_owned(), text: text.to_owned(), kind, note: note.map(ToOwned::to_owned), names };
        self.gathered().mentions.push(mention);
    }

    /// Notes what a failed call left unread.
    pub(super) fn note_failure(&self, error: &CallError, node: Option<&str>, what: impl Into<String>) {
        let why = match error.kind {
            FailureKind::Denied => format!("access denied ({})", error.code),
            FailureKind::NoAnswer => "no answer".to_owned(),
            _ if error.code.is_empty() => error.message.clone(),
            _ => format!("{}: {}", error.code, error.message),
        };
        self.note_unread(error.operation, node, what.into(), why);
    }

    /// Notes what a failed call to HubSpot left unread.
    pub(super) fn note_hubspot_failure(&self, call: &'static str, error: &VendorError, node: Option<&str>, what: &str) {
        self.note_unread(call, node, what.to_owned(), error.to_string());
    }

    pub(super) fn note_unread(&self, call: &str, node: Option<&str>, what: String, why: String) {
        let unread = UnreadCall { call: call.to_owned(), node: node.map(ToOwned::to_owned), what, why };
        self.gathered().unread.insert(unread);
    }

    /// Adds to the count of a node's uses; the counts of several metrics add up.
    pub(super) fn add_uses(&self, id: &str, what: &str, uses: CountedUses) {
        self.update_node(id, |node| {
            node.usage = match std::mem::replace(&mut node.usage, NodeUsage::NotCounted) {
                NodeUsage::Counted { what, count, last, before } => NodeUsage::Counted {
                    what,
                    count: count.saturating_add(uses.count),
                    last: last.max(uses.last),
                    before: before.max(uses.before),
                },
                NodeUsage::Unread => NodeUsage::Unread,
                NodeUsage::NotCounted => NodeUsage::Counted {
                    what: what.to_owned(),
                    count: uses.count,
                    last: uses.last,
                    before: uses.before,
                },
            };
        });
    }
}
