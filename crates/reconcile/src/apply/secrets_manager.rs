//! Secrets Manager calls.

use aws_sdk_secretsmanager::types::Tag;

use super::{Executor, OperationAnswers};
use deployer_aws::{Call, CallError, FailureKind};
use deployer_core::plan::{SecretsManagerOperation, ServiceOperation};
use deployer_core::resource::{SecretSpec, StringMap};

impl Executor<'_> {
    pub(super) async fn call_secrets_manager(
        &self,
        operation: &SecretsManagerOperation,
        answers: &OperationAnswers,
    ) -> Result<(), CallError> {
        let (secrets, call) = (&self.aws.secrets, operation.call_name());
        match operation {
            SecretsManagerOperation::CreateSecret { secret } => {
                let value =
                    self.inputs.secrets.get(&secret.name).ok_or_else(|| {
                        CallError::unexpected(call, format!("the secret {} has no value", secret.name))
                    })?;
                let answer = secrets
                    .create_secret()
                    .name(&secret.name)
                    .description(&secret.description)
                    .secret_string(value.expose_value())
                    .set_kms_key_id(secret.kms_key.clone())
                    .set_tags(Some(build_tags(&secret.tags)))
                    .send()
                    .await
                    .call(call)?;
                answers.keep_secret_arn(answer.arn());
                Ok(())
            }
            SecretsManagerOperation::RestoreSecret { secret } => {
                let answer = secrets.restore_secret().secret_id(secret).send().await.call(call)?;
                answers.keep_secret_arn(answer.arn());
                Ok(())
            }
            SecretsManagerOperation::UpdateSecretDescription { secret, description } => {
                secrets.update_secret().secret_id(secret).description(description).send().await.call(call).map(drop)
            }
            SecretsManagerOperation::UpdateSecretKey { secret, kms_key } => {
                secrets.update_secret().secret_id(secret).kms_key_id(kms_key).send().await.call(call).map(drop)
            }
            SecretsManagerOperation::TagSecret { secret, tags: wanted } => secrets
                .tag_resource()
                .secret_id(secret)
                .set_tags(Some(build_tags(wanted)))
                .send()
                .await
                .call(call)
                .map(drop),
            SecretsManagerOperation::UntagSecret { secret, keys } => {
                let request = secrets.untag_resource().secret_id(secret).set_tag_keys(Some(keys.clone()));
                request.send().await.call(call).map(drop)
            }
            SecretsManagerOperation::DeleteResourcePolicy { secret } => {
                secrets.delete_resource_policy().secret_id(secret).send().await.call(call).map(drop)
            }
            SecretsManagerOperation::DeleteSecret { secret, recovery_window_days } => {
                let request = secrets.delete_secret().secret_id(secret);
                let request = match recovery_window_days {
                    Some(days) => request.recovery_window_in_days(i64::from(*days)),
                    None => request.force_delete_without_recovery(true),
                };
                match request.send().await.call(call) {
                    // An earlier attempt scheduled the deletion.
                    Err(error) if error.kind == FailureKind::PendingDeletion => Ok(()),
                    answer => answer.map(drop),
                }
            }
        }
    }

    /// Whether something that exists, although the plan found none, counts as created.
    pub(super) async fn takes_over_in_secrets_manager(
        &self,
        operation: &SecretsManagerOperation,
        answers: &OperationAnswers,
    ) -> Result<bool, CallError> {
        match operation {
            SecretsManagerOperation::CreateSecret { secret } => self.owns_secret(secret, answers).await,
            SecretsManagerOperation::RestoreSecret { .. }
            | SecretsManagerOperation::UpdateSecretDescription { .. }
            | SecretsManagerOperation::UpdateSecretKey { .. }
            | SecretsManagerOperation::TagSecret { .. }
            | SecretsManagerOperation::UntagSecret { .. }
            | SecretsManagerOperation::DeleteResourcePolicy { .. }
            | SecretsManagerOperation::DeleteSecret { .. } => Ok(false),
        }
    }

    async fn owns_secret(&self, secret: &SecretSpec, answers: &OperationAnswers) -> Result<bool, CallError> {
        let request = self.aws.secrets.describe_secret().secret_id(&secret.name);
        let answer = request.send().await.call("secretsmanager:DescribeSecret")?;
        answers.keep_secret_arn(answer.arn());
        let tags = answer.tags().iter().map(|tag| (tag.key().unwrap_or_default(), tag.value().unwrap_or_default()));
        Ok(self.is_ours(tags))
    }
}

impl OperationAnswers {
    fn keep_secret_arn(&self, arn: Option<&str>) {
        if let Some(arn) = arn {
            *self.secret_arn.lock() = Some(arn.to_owned());
        }
    }
}

fn build_tags(tags: &StringMap) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}
