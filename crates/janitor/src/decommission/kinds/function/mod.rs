//! Lambda functions: code, configuration, the versions that aliases point to, policies, mappings, URLs, settings for
//! asynchronous calls.

mod policy;
mod read;
mod restore;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::archivable::{ArchivableKind, KindFacts, KindFuture, RestoredResource, UsageMetrics, UseWindow};
use super::super::order::{DeletionStage, RestoreStage};
use super::super::parts::ResourceParts;
use super::super::proof::{RebuiltCall, RestoreProof};
use super::super::wire::{answer, text_of};
use super::super::{DecommissionContext, DecommissionTarget};
use super::parse_time;
use crate::audit::NodeKind;
use crate::audit::arn::node_id;
use deployer_aws::{Call, CallError, Found};

/// The largest zip that Lambda accepts in a request; it accepts a larger one only from S3
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
const MAX_ZIP: usize = 50 * 1024 * 1024;

const VOLATILE: &[&str] = &[
    // Lambda makes a function that isn't called inactive.
    "function.json/Configuration/State",
    "function.json/Configuration/StateReason",
    "function.json/Configuration/StateReasonCode",
    "function.json/Configuration/LastUpdateStatus",
    "function.json/Configuration/LastUpdateStatusReason",
    "function.json/Configuration/LastUpdateStatusReasonCode",
    "function.json/Configuration/SnapStart/OptimizationStatus",
    "function.json/Configuration/RuntimeVersionConfig",
    // It also changes with the state, and what makes up a revision is compared anyway.
    "function.json/Configuration/RevisionId",
    "versions.json/*/State",
    "versions.json/*/StateReason",
    "versions.json/*/StateReasonCode",
    "versions.json/*/LastUpdateStatus",
    "versions.json/*/LastUpdateStatusReason",
    "versions.json/*/LastUpdateStatusReasonCode",
    "versions.json/*/SnapStart/OptimizationStatus",
    "versions.json/*/RuntimeVersionConfig",
    "mappings.json/*/LastProcessingResult",
    "mappings.json/*/StateTransitionReason",
    // It may be `Disabling` for some seconds. `Enabled` is compared instead.
    "mappings.json/*/State",
    "mappings.json/*/LastModified",
];

const NEW: &[&str] = &[
    "function.json/Configuration/LastModified",
    // Versions are numbered from 1 again, and only those that an alias points to are restored.
    "versions.json/*/Version",
    "versions.json/*/FunctionArn",
    "versions.json/*/LastModified",
    "versions.json/*/RevisionId",
    "aliases.json/*/FunctionVersion",
    "aliases.json/*/RoutingConfig",
    "aliases.json/*/RevisionId",
    "mappings.json/*/UUID",
    "mappings.json/*/EventSourceMappingArn",
    "urls.json/*/FunctionUrl",
    "urls.json/*/CreationTime",
    "urls.json/*/LastModifiedTime",
    "invoke-configs.json/*/LastModified",
];

/// A call of a disabled function counts as a throttle.
const METRICS: &[&str] = &["Invocations", "Throttles"];

/// Lambda functions.
pub struct Function;

const FACTS: KindFacts = KindFacts {
    node_kind: NodeKind::Function,
    deletion_stage: DeletionStage::Function,
    restore_stage: RestoreStage::Function,
    rule_target: true,
    volatile_attributes: VOLATILE,
    new_attributes: NEW,
};

impl ArchivableKind for Function {
    fn kind_facts(&self) -> &'static KindFacts {
        &FACTS
    }

    fn usage_metrics<'t>(&self, target: &'t DecommissionTarget) -> Option<UsageMetrics<'t>> {
        Some(UsageMetrics {
            namespace: "AWS/Lambda",
            metrics: METRICS,
            dimension: "FunctionName",
            value: target.aws_identifier(),
        })
    }

    fn read_parts<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
    ) -> KindFuture<'a, Option<ResourceParts>> {
        Box::pin(async move { read::read_function(cx, target).await })
    }

    /// Deletes the mappings first: they would stay behind and point at nothing.
    fn delete_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        parts: &'a ResourceParts,
    ) -> KindFuture<'a, ()> {
        Box::pin(async move {
            let lambda = &cx.aws.lambda;
            for mapping in parts.get("mappings.json").as_array().into_iter().flatten() {
                let Some(uuid) = text_of(mapping, "UUID") else { continue };
                const CALL: &str = "lambda:DeleteEventSourceMapping";
                let gone =
                    async || lambda.delete_event_source_mapping().uuid(uuid).send().await.call(CALL).found().map(drop);
                cx.call_with_retry(gone).await?;
            }
            let call = async || {
                lambda
                    .delete_function()
                    .function_name(target.aws_identifier())
                    .send()
                    .await
                    .call("lambda:DeleteFunction")
            };
            cx.call_with_retry(call).await.found().map(drop)
        })
    }

    fn restore_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        parts: &'a ResourceParts,
    ) -> KindFuture<'a, RestoredResource> {
        Box::pin(async move { restore::restore_function(cx, target, parts).await })
    }

    fn rebuild_calls(&self, target: &DecommissionTarget, parts: &ResourceParts) -> Result<Vec<RebuiltCall>, String> {
        restore::rebuild_calls(target.aws_identifier(), parts)
    }

    fn add_restore_doubts(&self, parts: &ResourceParts, now: Timestamp, proof: &mut RestoreProof) {
        restore::add_doubts(parts, now, proof);
    }

    /// Allows no execution and no polling, so a queue's messages stay in it.
    fn disable_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        parts: &'a ResourceParts,
        tags: &'a [(&'a str, String)],
    ) -> KindFuture<'a, ()> {
        Box::pin(async move {
            const CALL: &str = "lambda:PutFunctionConcurrency";
            let lambda = &cx.aws.lambda;
            let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
            lambda.tag_resource().resource(&target.id).set_tags(Some(tags)).send().await.call("lambda:TagResource")?;
            for mapping in parts.get("mappings.json").as_array().into_iter().flatten() {
                set_mapping(cx, mapping, false).await?;
            }
            let name = target.aws_identifier();
            let call = async || {
                lambda
                    .put_function_concurrency()
                    .function_name(name)
                    .reserved_concurrent_executions(0)
                    .send()
                    .await
                    .call(CALL)
            };
            cx.call_with_retry(call).await.map(drop)
        })
    }

    fn enable_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        parts: &'a ResourceParts,
        keys: &'a [&'a str],
    ) -> KindFuture<'a, ()> {
        Box::pin(async move {
            let (lambda, name) = (&cx.aws.lambda, target.aws_identifier());
            put_concurrency(cx, name, parts).await?;
            for mapping in parts.get("mappings.json").as_array().into_iter().flatten() {
                if is_enabled(mapping) {
                    set_mapping(cx, mapping, true).await?;
                }
            }
            let keys = keys.iter().map(|key| (*key).to_owned()).collect();
            let untag = lambda.untag_resource().resource(&target.id).set_tag_keys(Some(keys));
            untag.send().await.call("lambda:UntagResource").map(drop)
        })
    }

    /// Its aliases and versions reach it, too.
    fn is_reached_by(&self, arn: &str, target: &DecommissionTarget) -> bool {
        node_id(arn).0 == target.id
    }

    fn list_alias_arns<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
    ) -> KindFuture<'a, Vec<String>> {
        Box::pin(async move {
            let aliases = read::list_aliases(cx, target.aws_identifier()).await?;
            Ok(aliases.iter().filter_map(|alias| text_of(alias, "AliasArn")).map(ToOwned::to_owned).collect())
        })
    }

    fn find_objection(&self, _: &DecommissionTarget, parts: &ResourceParts, _: UseWindow<'_>) -> Option<String> {
        let longest =
            parts.to_files().iter().filter(|(name, _)| name.ends_with(".zip")).map(|(_, zip)| zip.len()).max()?;
        (longest > MAX_ZIP).then(|| {
            "its code is larger than 50 MB, which Lambda accepts only from S3: it couldn't be restored from an archive"
                .to_owned()
        })
    }

    fn lost_parts(&self, parts: &ResourceParts) -> Vec<String> {
        let mut lost = vec!["versions that no alias points to, and the version numbers".to_owned()];
        let code = &parts.get("function.json")["Code"];
        if let Some(image) = text_of(code, "ImageUri") {
            lost.push(format!("its code, if image {image} is deleted from its registry"));
        }
        match parts.get("urls.json").as_array().map_or(0, Vec::len) {
            0 => {}
            1 => lost.push("its URL: a restored function gets a new one".to_owned()),
            count => lost.push(format!("its {count} URLs: a restored function gets new ones")),
        }
        lost.extend(restore::describe_lost_statements(parts));
        lost
    }

    fn changed_at(&self, parts: &ResourceParts) -> Option<Timestamp> {
        parse_time(&parts.get("function.json")["Configuration"]["LastModified"])
    }
}

/// Sets the reserved concurrency to the archived value, or removes it.
async fn put_concurrency(cx: &DecommissionContext<'_>, name: &str, parts: &ResourceParts) -> Result<(), CallError> {
    let lambda = &cx.aws.lambda;
    let reserved = &parts.get("function.json")["Concurrency"]["ReservedConcurrentExecutions"];
    match reserved.as_i64().and_then(|reserved| i32::try_from(reserved).ok()) {
        Some(reserved) => {
            const CALL: &str = "lambda:PutFunctionConcurrency";
            let request = lambda.put_function_concurrency().function_name(name);
            let request = request.reserved_concurrent_executions(reserved);
            cx.call_with_retry(async || request.clone().send().await.call(CALL)).await.map(drop)
        }
        None => {
            const CALL: &str = "lambda:DeleteFunctionConcurrency";
            let call = async || lambda.delete_function_concurrency().function_name(name).send().await.call(CALL);
            cx.call_with_retry(call).await.map(drop)
        }
    }
}

fn is_enabled(mapping: &Value) -> bool {
    mapping.get("Enabled").and_then(Value::as_bool).unwrap_or(false)
}

async fn set_mapping(cx: &DecommissionContext<'_>, mapping: &Value, enabled: bool) -> Result<(), CallError> {
    const CALL: &str = "lambda:UpdateEventSourceMapping";
    let Some(uuid) = text_of(mapping, "UUID") else { return Ok(()) };
    let body = json!({ "Enabled": enabled });
    let call = async || answer!(CALL, cx.aws.lambda.update_event_source_mapping().uuid(uuid).enabled(enabled), &body);
    cx.call_with_retry(call).await.map(drop)
}
