//! Secrets Manager's secrets. The value isn't archived: a deletion is only scheduled, and a restore cancels it.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::archivable::{ArchivableKind, KindFacts, KindFuture, RestoredResource, UsageMetrics, UseWindow};
use super::super::order::{DeletionStage, RestoreStage};
use super::super::parts::ResourceParts;
use super::super::proof::RebuiltCall;
use super::super::wire::{answer, list_of, text_of};
use super::super::{
    DecommissionContext, DecommissionTarget, TAG_ARCHIVE, TAG_QUARANTINE, none_if_missing, unexpected_error,
};
use super::{parse_time, tag_object};
use crate::audit::NodeKind;
use deployer_aws::{Call, FailureKind, Found};

/// The longest recovery window: <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html>.
const RECOVERY_DAYS: i64 = 30;

const VOLATILE: &[&str] = &["secret.json/LastAccessedDate"];

const NEW: &[&str] = &["secret.json/LastChangedDate", "secret.json/DeletedDate"];

/// Secrets Manager's secrets.
pub struct Secret;

const FACTS: KindFacts = KindFacts {
    node_kind: NodeKind::Secret,
    deletion_stage: DeletionStage::Secret,
    restore_stage: RestoreStage::Secret,
    rule_target: false,
    volatile_attributes: VOLATILE,
    new_attributes: NEW,
};

impl ArchivableKind for Secret {
    fn kind_facts(&self) -> &'static KindFacts {
        &FACTS
    }

    fn aws_identifier<'t>(&self, id: &'t str) -> &'t str {
        id
    }

    fn usage_metrics<'t>(&self, _: &'t DecommissionTarget) -> Option<UsageMetrics<'t>> {
        None
    }

    fn read_parts<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
    ) -> KindFuture<'a, Option<ResourceParts>> {
        Box::pin(async move {
            let (id, secrets) = (target.aws_identifier(), &cx.aws.secrets);
            let request = secrets.describe_secret().secret_id(id);
            let Some(mut secret) = answer!("secretsmanager:DescribeSecret", request).found()? else { return Ok(None) };
            // A secret that is scheduled for deletion counts as gone.
            if !secret["DeletedDate"].is_null() {
                return Ok(None);
            }
            let tags = secret.as_object_mut().and_then(|members| members.remove("Tags")).unwrap_or_default();
            let policy = answer!("secretsmanager:GetResourcePolicy", secrets.get_resource_policy().secret_id(id));
            let policy = none_if_missing(policy)?.unwrap_or_default();
            let mut parts = ResourceParts::default();
            parts.put_document("secret.json", secret);
            parts.put_document(
                "tags.json",
                tag_object(tags.as_array().map(Vec::as_slice).unwrap_or_default(), "Key", "Value"),
            );
            parts.put_document(
                "policy.json",
                text_of(&policy, "ResourcePolicy").map_or(Value::Null, |policy| json!(policy)),
            );
            Ok(Some(parts))
        })
    }

    fn delete_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        _: &'a ResourceParts,
    ) -> KindFuture<'a, ()> {
        Box::pin(async move {
            let request = cx
                .aws
                .secrets
                .delete_secret()
                .secret_id(target.aws_identifier())
                .recovery_window_in_days(RECOVERY_DAYS);
            match request.send().await.call("secretsmanager:DeleteSecret") {
                Err(error) if error.kind == FailureKind::PendingDeletion => Ok(()),
                other => other.found().map(drop),
            }
        })
    }

    fn restore_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        parts: &'a ResourceParts,
    ) -> KindFuture<'a, RestoredResource> {
        Box::pin(async move {
            const CALL: &str = "secretsmanager:RestoreSecret";
            match cx.aws.secrets.restore_secret().secret_id(target.aws_identifier()).send().await.call(CALL).found()? {
                // The same secret comes back, so it still has the tags of a quarantine before its deletion.
                Some(_) => Secret
                    .enable_resource(cx, target, parts, &[TAG_QUARANTINE, TAG_ARCHIVE])
                    .await
                    .map(|()| RestoredResource::default()),
                None => Err(unexpected_error(
                    CALL,
                    "its recovery window is over, and its value isn't archived: create it again",
                )),
            }
        })
    }

    /// Nothing is created: AWS itself keeps the secret for the time in which its deletion can be canceled.
    fn rebuild_calls(&self, _: &DecommissionTarget, _: &ResourceParts) -> Result<Vec<RebuiltCall>, String> {
        Ok(Vec::new())
    }

    /// A secret can't be turned off without breaking its readers, so it is only tagged.
    fn disable_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        _: &'a ResourceParts,
        tags: &'a [(&'a str, String)],
    ) -> KindFuture<'a, ()> {
        Box::pin(async move {
            let tag = |(key, value): &(&str, String)| {
                aws_sdk_secretsmanager::types::Tag::builder().key(*key).value(value).build()
            };
            let request = cx.aws.secrets.tag_resource().secret_id(target.aws_identifier());
            let request = request.set_tags(Some(tags.iter().map(tag).collect()));
            request.send().await.call("secretsmanager:TagResource").map(drop)
        })
    }

    fn enable_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        _: &'a ResourceParts,
        keys: &'a [&'a str],
    ) -> KindFuture<'a, ()> {
        Box::pin(async move {
            let keys = keys.iter().map(|key| (*key).to_owned()).collect();
            let request = cx.aws.secrets.untag_resource().secret_id(target.aws_identifier()).set_tag_keys(Some(keys));
            request.send().await.call("secretsmanager:UntagResource").map(drop)
        })
    }

    /// Secrets Manager returns only the day of the last read, not the time.
    fn find_objection(&self, _: &DecommissionTarget, parts: &ResourceParts, window: UseWindow<'_>) -> Option<String> {
        let secret = parts.get("secret.json");
        if !list_of(secret, "ReplicationStatus").is_empty() {
            return Some("it has replicas in other regions: remove them first".to_owned());
        }
        if let Some(service) = text_of(secret, "OwningService") {
            return Some(format!("{service} created it and manages it"));
        }
        let day = parse_time(&secret["LastAccessedDate"])?.strftime("%Y-%m-%d").to_string();
        let audited = window.since.strftime("%Y-%m-%d").to_string();
        let new = day > audited || (day == audited && window.last_used != Some(day.as_str()));
        new.then(|| format!("it was read on {day}, possibly after the audit"))
    }

    fn lost_parts(&self, _: &ResourceParts) -> Vec<String> {
        vec!["its value after the recovery window of 30 days".to_owned()]
    }

    fn changed_at(&self, parts: &ResourceParts) -> Option<Timestamp> {
        parse_time(&parts.get("secret.json")["LastChangedDate"])
    }
}
