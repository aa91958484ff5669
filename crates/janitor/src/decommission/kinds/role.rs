//! IAM roles: trust, inline and attached policies, boundary, tags.

use aws_sdk_iam::types::Tag;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::super::archivable::{ArchivableKind, KindFacts, KindFuture, RestoredResource, UsageMetrics, UseWindow};
use super::super::order::{DeletionStage, RestoreStage};
use super::super::parts::ResourceParts;
use super::super::proof::RebuiltCall;
use super::super::wire::text_of;
use super::super::{DecommissionContext, DecommissionTarget, none_if_missing, unexpected_error};
use super::parse_time;
use crate::audit::NodeKind;
use deployer_aws::{Call, CallError, FailureKind, Found, ListPages};

const VOLATILE: &[&str] = &["role.json/LastUsed"];

const NEW: &[&str] = &["role.json/RoleId", "role.json/CreateDate"];

/// IAM roles.
pub struct Role;

const FACTS: KindFacts = KindFacts {
    node_kind: NodeKind::Role,
    deletion_stage: DeletionStage::Role,
    restore_stage: RestoreStage::Role,
    rule_target: false,
    volatile_attributes: VOLATILE,
    new_attributes: NEW,
};

impl ArchivableKind for Role {
    fn kind_facts(&self) -> &'static KindFacts {
        &FACTS
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
            let (name, iam) = (target.aws_identifier(), &cx.aws.iam);
            let Some(answer) = iam.get_role().role_name(name).send().await.call("iam:GetRole").found()? else {
                return Ok(None);
            };
            let role = answer.role().ok_or_else(|| unexpected_error("iam:GetRole", "the response has no role"))?;
            let mut inline = Map::new();
            let mut pages = ListPages::of_call("iam:ListRolePolicies");
            loop {
                let request = iam.list_role_policies().role_name(name).set_marker(pages.token());
                let page = request.send().await.call("iam:ListRolePolicies")?;
                for policy in page.policy_names() {
                    let request = iam.get_role_policy().role_name(name).policy_name(policy);
                    let answer = request.send().await.call("iam:GetRolePolicy")?;
                    inline.insert(policy.clone(), parse_document(answer.policy_document()));
                }
                if !pages.advance_to(page.marker().map(ToOwned::to_owned).filter(|_| page.is_truncated()))? {
                    break;
                }
            }
            let mut attached = Vec::new();
            let mut pages = ListPages::of_call("iam:ListAttachedRolePolicies");
            loop {
                let request = iam.list_attached_role_policies().role_name(name).set_marker(pages.token());
                let page = request.send().await.call("iam:ListAttachedRolePolicies")?;
                attached.extend(
                    page.attached_policies().iter().filter_map(|policy| policy.policy_arn()).map(ToOwned::to_owned),
                );
                if !pages.advance_to(page.marker().map(ToOwned::to_owned).filter(|_| page.is_truncated()))? {
                    break;
                }
            }
            let mut profiles = Vec::new();
            let mut pages = ListPages::of_call("iam:ListInstanceProfilesForRole");
            loop {
                let request = iam.list_instance_profiles_for_role().role_name(name).set_marker(pages.token());
                let page = none_if_missing(request.send().await.call("iam:ListInstanceProfilesForRole"))?;
                let Some(page) = page else { break };
                profiles
                    .extend(page.instance_profiles().iter().map(|profile| profile.instance_profile_name().to_owned()));
                if !pages.advance_to(page.marker().map(ToOwned::to_owned).filter(|_| page.is_truncated()))? {
                    break;
                }
            }
            let tags: Map<String, Value> =
                role.tags().iter().map(|tag| (tag.key().to_owned(), json!(tag.value()))).collect();
            let last_used = role.role_last_used().and_then(|used| used.last_used_date()).map(|at| at.secs());
            let mut parts = ResourceParts::default();
            parts.put_document(
        "role.json",
        json!({
            "RoleId": role.role_id(),
            "Path": role.path(),
            "CreateDate": role.create_date().secs(),
            "AssumeRolePolicyDocument": parse_document(role.assume_role_policy_document().unwrap_or_default()),
            "Description": role.description(),
            "MaxSessionDuration": role.max_session_duration(),
            "PermissionsBoundary": role.permissions_boundary().and_then(|boundary| boundary.permissions_boundary_arn()),
            "LastUsed": last_used,
        }),
    );
            parts.put_document("tags.json", Value::Object(tags));
            parts.put_document("inline.json", Value::Object(inline));
            parts.put_document("attached.json", json!(attached));
            parts.put_document("instance-profiles.json", json!(profiles));
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
            let (name, iam) = (target.aws_identifier(), &cx.aws.iam);
            // Read again: an earlier try may have removed some policies.
            let Some(parts) = Role.read_parts(cx, target).await? else { return Ok(()) };
            for arn in parts.get("attached.json").as_array().into_iter().flatten().filter_map(Value::as_str) {
                let request = iam.detach_role_policy().role_name(name).policy_arn(arn);
                request.send().await.call("iam:DetachRolePolicy").found()?;
            }
            for policy in parts.get("inline.json").as_object().into_iter().flatten().map(|(policy, _)| policy) {
                let request = iam.delete_role_policy().role_name(name).policy_name(policy);
                request.send().await.call("iam:DeleteRolePolicy").found()?;
            }
            iam.delete_role().role_name(name).send().await.call("iam:DeleteRole").found().map(drop)
        })
    }

    fn restore_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        parts: &'a ResourceParts,
    ) -> KindFuture<'a, RestoredResource> {
        Box::pin(async move {
            let (name, iam, role) = (target.aws_identifier(), &cx.aws.iam, parts.get("role.json"));
            let tags = iam_tags(&super::resource_tags(parts))?;
            let request = iam
                .create_role()
                .role_name(name)
                .set_path(text_of(role, "Path").map(ToOwned::to_owned))
                .assume_role_policy_document(role["AssumeRolePolicyDocument"].to_string())
                .set_description(text_of(role, "Description").map(ToOwned::to_owned))
                .set_max_session_duration(
                    role["MaxSessionDuration"].as_i64().and_then(|seconds| i32::try_from(seconds).ok()),
                )
                .set_permissions_boundary(text_of(role, "PermissionsBoundary").map(ToOwned::to_owned))
                .set_tags((!tags.is_empty()).then_some(tags));
            match request.send().await.call("iam:CreateRole") {
                Err(error) if error.kind == FailureKind::AlreadyExists => {}
                other => drop(other?),
            }
            for (policy, document) in parts.get("inline.json").as_object().into_iter().flatten() {
                let request =
                    iam.put_role_policy().role_name(name).policy_name(policy).policy_document(document.to_string());
                cx.call_with_retry(async || request.clone().send().await.call("iam:PutRolePolicy")).await?;
            }
            for arn in parts.get("attached.json").as_array().into_iter().flatten().filter_map(Value::as_str) {
                let request = iam.attach_role_policy().role_name(name).policy_arn(arn);
                cx.call_with_retry(async || request.clone().send().await.call("iam:AttachRolePolicy")).await?;
            }
            Ok(RestoredResource::default())
        })
    }

    fn rebuild_calls(&self, target: &DecommissionTarget, parts: &ResourceParts) -> Result<Vec<RebuiltCall>, String> {
        let name = target.aws_identifier();
        let trust = &parts.get("role.json")["AssumeRolePolicyDocument"];
        if trust.is_string() {
            return Err("its trust policy isn't JSON".to_owned());
        }
        let role = json!({ "RoleName": name, "AssumeRolePolicyDocument": trust });
        let mut calls = vec![RebuiltCall::new("iam:CreateRole", role)];
        for (policy, document) in parts.get("inline.json").as_object().into_iter().flatten() {
            if !document.is_object() {
                return Err(format!("its policy {policy} isn't JSON"));
            }
            let body = json!({ "RoleName": name, "PolicyName": policy, "PolicyDocument": document });
            calls.push(RebuiltCall::new("iam:PutRolePolicy", body));
        }
        for arn in parts.get("attached.json").as_array().into_iter().flatten() {
            calls.push(RebuiltCall::new("iam:AttachRolePolicy", json!({ "RoleName": name, "PolicyArn": arn })));
        }
        Ok(calls)
    }

    /// A role can't be turned off without changing its permissions, so it is only tagged.
    fn disable_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        _: &'a ResourceParts,
        wanted: &'a [(&'a str, String)],
    ) -> KindFuture<'a, ()> {
        Box::pin(async move {
            let wanted: Vec<(String, String)> =
                wanted.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
            let request = cx.aws.iam.tag_role().role_name(target.aws_identifier()).set_tags(Some(iam_tags(&wanted)?));
            request.send().await.call("iam:TagRole").map(drop)
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
            let request = cx.aws.iam.untag_role().role_name(target.aws_identifier()).set_tag_keys(Some(keys));
            request.send().await.call("iam:UntagRole").map(drop)
        })
    }

    fn find_objection(
        &self,
        target: &DecommissionTarget,
        parts: &ResourceParts,
        window: UseWindow<'_>,
    ) -> Option<String> {
        if target.id.contains(":role/aws-service-role/") {
            return Some("an AWS service created it and manages it".to_owned());
        }
        if let Some(profile) = parts.get("instance-profiles.json").as_array().and_then(|profiles| profiles.first()) {
            return Some(format!(
                "it is in instance profile {}, so EC2 instances may use it",
                profile.as_str().unwrap_or_default()
            ));
        }
        let used = parse_time(&parts.get("role.json")["LastUsed"]).filter(|used| *used > window.since)?;
        Some(format!("it was used on {}, after the audit", used.strftime("%Y-%m-%d at %H:%M UTC")))
    }

    fn lost_parts(&self, _: &ResourceParts) -> Vec<String> {
        vec!["its id: policies that name it as a principal must be saved again after a restore".to_owned()]
    }

    fn changed_at(&self, _: &ResourceParts) -> Option<Timestamp> {
        None
    }
}

/// IAM returns documents URL-encoded; some emulators don't. A document that isn't JSON is kept as it is.
fn parse_document(text: &str) -> Value {
    let decoded = percent_decode_str(text).decode_utf8_lossy();
    let parse = |text: &str| serde_json::from_str::<Value>(text).ok();
    parse(&decoded).or_else(|| parse(text)).unwrap_or_else(|| json!(text))
}

fn iam_tags(pairs: &[(String, String)]) -> Result<Vec<Tag>, CallError> {
    let tag = |(key, value): &(String, String)| Tag::builder().key(key).value(value).build();
    pairs.iter().map(tag).collect::<Result<_, _>>().map_err(|error| unexpected_error("iam:TagRole", error.to_string()))
}
