//! IAM calls.

use aws_sdk_iam::types::Tag;

use super::Executor;
use deployer_aws::{Call, CallError};
use deployer_core::plan::{IamOperation, ServiceOperation};
use deployer_core::resource::{RoleSpec, StringMap};

impl Executor<'_> {
    pub(super) async fn call_iam(&self, operation: &IamOperation) -> Result<(), CallError> {
        let (iam, call) = (&self.aws.iam, operation.call_name());
        match operation {
            IamOperation::CreateRole { role } => {
                let request = iam
                    .create_role()
                    .role_name(&role.name)
                    .path(&role.path)
                    .description(&role.description)
                    .assume_role_policy_document(role.trust.to_string())
                    .set_permissions_boundary(role.permissions_boundary.clone())
                    .set_tags(Some(build_tags(call, &role.tags)?));
                request.send().await.call(call).map(drop)
            }
            IamOperation::UpdateAssumeRolePolicy { role, document } => {
                let request = iam.update_assume_role_policy().role_name(role).policy_document(document.to_string());
                request.send().await.call(call).map(drop)
            }
            IamOperation::PutRolePolicy { role, policy, document } => {
                let request =
                    iam.put_role_policy().role_name(role).policy_name(policy).policy_document(document.to_string());
                request.send().await.call(call).map(drop)
            }
            IamOperation::DeleteRolePolicy { role, policy } => {
                iam.delete_role_policy().role_name(role).policy_name(policy).send().await.call(call).map(drop)
            }
            IamOperation::DetachRolePolicy { role, policy_arn } => {
                iam.detach_role_policy().role_name(role).policy_arn(policy_arn).send().await.call(call).map(drop)
            }
            IamOperation::TagRole { role, tags: wanted } => iam
                .tag_role()
                .role_name(role)
                .set_tags(Some(build_tags(call, wanted)?))
                .send()
                .await
                .call(call)
                .map(drop),
            IamOperation::PutRolePermissionsBoundary { role, boundary } => {
                let request = iam.put_role_permissions_boundary().role_name(role).permissions_boundary(boundary);
                request.send().await.call(call).map(drop)
            }
            IamOperation::DeleteRolePermissionsBoundary { role } => {
                iam.delete_role_permissions_boundary().role_name(role).send().await.call(call).map(drop)
            }
            IamOperation::UntagRole { role, keys } => {
                iam.untag_role().role_name(role).set_tag_keys(Some(keys.clone())).send().await.call(call).map(drop)
            }
            IamOperation::UpdateRole { role, description, max_session_s } => {
                let session = i32::try_from(*max_session_s).unwrap_or(i32::MAX);
                let request = iam.update_role().role_name(role).description(description).max_session_duration(session);
                request.send().await.call(call).map(drop)
            }
            IamOperation::DeleteRole { role } => iam.delete_role().role_name(role).send().await.call(call).map(drop),
        }
    }

    /// Whether something that exists, although the plan found none, counts as created.
    pub(super) async fn takes_over_in_iam(&self, operation: &IamOperation) -> Result<bool, CallError> {
        match operation {
            IamOperation::CreateRole { role } => self.owns_role(role).await,
            IamOperation::UpdateAssumeRolePolicy { .. }
            | IamOperation::PutRolePolicy { .. }
            | IamOperation::DeleteRolePolicy { .. }
            | IamOperation::DetachRolePolicy { .. }
            | IamOperation::PutRolePermissionsBoundary { .. }
            | IamOperation::DeleteRolePermissionsBoundary { .. }
            | IamOperation::TagRole { .. }
            | IamOperation::UntagRole { .. }
            | IamOperation::UpdateRole { .. }
            | IamOperation::DeleteRole { .. } => Ok(false),
        }
    }

    /// Whether a role is ours by its path, which can only be set when the role is created.
    async fn owns_role(&self, role: &RoleSpec) -> Result<bool, CallError> {
        let answer = self.aws.iam.get_role().role_name(&role.name).send().await.call("iam:GetRole")?;
        Ok(answer.role().is_some_and(|live| live.path() == role.path))
    }
}

fn build_tags(call: &'static str, tags: &StringMap) -> Result<Vec<Tag>, CallError> {
    tags.iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect::<Result<_, _>>()
        .map_err(|error| CallError::unexpected(call, error.to_string()))
}
