//! What leads around the policies of roles, as it is deployed: boundaries, keys, URLs, and where logs and events go.
//!
//! Something that can't be read makes a pair unknown: it is no proof that nothing is there.

use serde_json::{Value, json};

use super::live::{LiveVenueReader, parse_policy};
use deployer_aws::CallError;
use deployer_core::arn::Arn;
use deployer_core::isolation::policy::Policy;
use deployer_core::isolation::{Delivery, FunctionUrl, KeyGrant, ReadOutcome, SecretKey, live_deliveries};
use deployer_core::resource::members::{AnswerKind, UnmodeledPart};
use deployer_core::resource::{LiveRole, LiveSecret, LiveStack, Observed};

/// The only policy that a key has. <https://docs.aws.amazon.com/kms/latest/APIReference/API_GetKeyPolicy.html>
const KEY_POLICY: &str = "default";

impl LiveVenueReader<'_> {
    pub(super) async fn read_boundary(&self, role: ReadOutcome<&LiveRole>) -> ReadOutcome<Option<Policy>> {
        let Some(arn) = role?.unmodeled.find_member("PermissionsBoundary").and_then(Value::as_str) else {
            return Ok(None);
        };
        let what = format!("policy {arn}, the permissions boundary of {}'s role", self.venue.name);
        self.read_managed_policy(&what, arn).await.map(Some)
    }

    /// The customer's key that the secret is encrypted with, if there is one.
    pub(super) async fn read_secret_key(
        &self,
        secret: ReadOutcome<Option<&LiveSecret>>,
    ) -> ReadOutcome<Option<SecretKey>> {
        let key = secret?.and_then(|secret| secret.unmodeled.find_member("KmsKeyId"));
        let Some(id) = key.and_then(Value::as_str) else { return Ok(None) };
        let what = format!("the key {id} of {}'s secret", self.venue.name);
        let unreadable = |error: CallError| format!("could not read {what}: {error}");
        // A secret may name its key by an alias, which the other calls don't take.
        let call = "kms:DescribeKey";
        let described = self.aws.signed.call(call, json!({ "KeyId": id })).await.map_err(unreadable)?;
        let arn = described["KeyMetadata"]["Arn"].as_str().map(ToOwned::to_owned);
        let arn = arn.ok_or_else(|| unreadable(CallError::unexpected(call, "the response has no ARN")))?;
        let grants = self.aws.signed.list_pages("kms:ListGrants", json!({ "KeyId": arn })).collect_items("Grants");
        let policy = json!({ "KeyId": arn, "PolicyName": KEY_POLICY });
        let (policy, grants) = tokio::join!(self.aws.signed.call("kms:GetKeyPolicy", policy), grants);
        let (policy, grants) = (policy.map_err(unreadable)?, grants.map_err(unreadable)?);
        let missing = || unreadable(CallError::unexpected("kms:GetKeyPolicy", "the response has no policy"));
        let policy = parse_policy(&format!("the policy of {what}"), policy["Policy"].as_str().ok_or_else(missing)?)?;
        Ok(Some(SecretKey { arn, policy: vec![policy], grants: grants.iter().map(read_grant).collect() }))
    }

    /// Where log lines and events are sent, with the policies of queues and topics.
    pub(super) async fn read_deliveries(&self, live: &LiveStack) -> ReadOutcome<Vec<Delivery>> {
        // The answers that may have a destination. What couldn't be read of another one is said elsewhere.
        let with_destinations = |answer| matches!(answer, AnswerKind::LogGroup | AnswerKind::Alias | AnswerKind::Rule);
        for (answer, _, unread) in live.unmodeled_answers() {
            if let (true, Some(why)) = (with_destinations(answer), unread.first()) {
                return Err(format!("could not read where the log and events of {} go: {why}", self.venue.name));
            }
        }
        self.require_present(&live.log_group, "log group")?;
        self.require_present(&live.alias, "alias")?;
        self.require_trigger(live)?;
        let mut deliveries = live_deliveries(&self.venue.name, live);
        for delivery in &mut deliveries {
            delivery.policy = self.read_destination_policy(&delivery.destination).await;
        }
        Ok(deliveries)
    }

    /// What starts the runs: a rule, a schedule, or both while the venue changes over.
    fn require_trigger(&self, live: &LiveStack) -> ReadOutcome<()> {
        match (&live.rule, &live.schedule) {
            (Observed::Absent | Observed::PendingDeletion(_), Observed::Present(_))
            | (Observed::Present(_) | Observed::Absent | Observed::PendingDeletion(_), Observed::Unreadable(_)) => {
                self.require_present(&live.schedule, "schedule").map(drop)
            }
            _ => self.require_present(&live.rule, "rule").map(drop),
        }
    }

    /// The policy of a queue or a topic. Other kinds of destinations are read with a role's own policies alone, except
    /// for buckets and streams, whose policies are not read here: then it stays unknown who reads there.
    async fn read_destination_policy(&self, destination: &str) -> ReadOutcome<Vec<Policy>> {
        let what = format!("the policy of {destination}");
        let unreadable = |error: CallError| format!("could not read {what}: {error}");
        let Ok(Arn { service, account, resource, .. }) = Arn::parse_arn(destination) else { return Ok(Vec::new()) };
        let attributes = match service {
            "sqs" => {
                let queue = json!({ "QueueName": resource, "QueueOwnerAWSAccountId": account });
                let queue = self.aws.signed.call("sqs:GetQueueUrl", queue).await.map_err(unreadable)?;
                let asked = json!({ "QueueUrl": queue["QueueUrl"], "AttributeNames": ["Policy"] });
                self.aws.signed.call("sqs:GetQueueAttributes", asked).await.map_err(unreadable)?
            }
            "sns" => {
                let asked = json!({ "TopicArn": destination });
                self.aws.signed.call("sns:GetTopicAttributes", asked).await.map_err(unreadable)?
            }
            "s3" | "kinesis" | "events" => return Err(format!("{what} is not read: read who may use it yourself")),
            _ => return Ok(Vec::new()),
        };
        match attributes["Attributes"]["Policy"].as_str().filter(|text| !text.is_empty()) {
            Some(text) => Ok(vec![parse_policy(&what, text)?]),
            None => Ok(Vec::new()),
        }
    }
}

/// The URLs of a function. `function` is the part of it that no attribute models.
pub(super) fn read_function_urls(venue: &str, function: ReadOutcome<&UnmodeledPart>) -> ReadOutcome<Vec<FunctionUrl>> {
    let function = function?;
    if let Some(why) = function.unread.first() {
        return Err(format!("could not read the URLs of {venue}'s function: {why}"));
    }
    let urls = function.members.iter().filter(|member| member.entry_of("FunctionUrls").is_some());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(urls
        .map(|member| FunctionUrl {
            url: text(&member.value["FunctionUrl"]),
            function_arn: text(&member.value["FunctionArn"]),
            needs_credentials: member.value["AuthType"] == "AWS_IAM",
        })
        .collect())
}

/// A grant's context limits it whether it is a part of the request's (`Subset`) or all of it (`Equals`).
fn read_grant(grant: &Value) -> KeyGrant {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let constraints = ["EncryptionContextSubset", "EncryptionContextEquals"];
    let context = constraints.iter().filter_map(|limit| grant["Constraints"][*limit].as_object()).flatten();
    KeyGrant {
        id: text(&grant["GrantId"]),
        grantee: text(&grant["GranteePrincipal"]),
        operations: grant["Operations"].as_array().into_iter().flatten().map(text).collect(),
        encryption_context: context.map(|(key, value)| (key.clone(), text(value))).collect(),
    }
}
