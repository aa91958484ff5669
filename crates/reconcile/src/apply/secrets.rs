//! Secrets Manager calls.

use aws_sdk_secretsmanager::types::Tag;

use super::{Executor, OperationAnswers, execute::unexpected_answer};
use deployer_aws::{Call, CallError};
use deployer_core::plan::Operation;
use deployer_core::resource::{SecretSpec, StringMap};

impl Executor<'_> {
    pub(super) async fn call_secrets(
        &self,
        operation: &Operation,
        answers: &OperationAnswers,
    ) -> Result<(), CallError> {
        let (secrets, call) = (&self.aws.secrets, operation.call_name());
        match operation {
            Operation::CreateSecret { secret } => {
                let value = self
                    .inputs
                    .secrets
                    .get(&secret.name)
                    .ok_or_else(|| unexpected_answer(call, format!("the secret {} has no value", secret.name)))?;
                let answer = secrets
                    .create_secret()
                    .name(&secret.name)
                    .description(&secret.description)
                    .secret_string(value.expose_value())
                    .set_tags(Some(build_tags(&secret.tags)))
                    .send()
                    .await
                    .call(call)?;
                answers.keep_secret_arn(answer.arn());
                Ok(())
            }
            Operation::RestoreSecret { secret } => {
                let answer = secrets.restore_secret().secret_id(secret).send().await.call(call)?;
                answers.keep_secret_arn(answer.arn());
                Ok(())
            }
            Operation::UpdateSecretDescription { secret, description } => {
                secrets.update_secret().secret_id(secret).description(description).send().await.call(call).map(drop)
            }
            Operation::TagSecret { secret, tags: wanted } => secrets
                .tag_resource()
                .secret_id(secret)
                .set_tags(Some(build_tags(wanted)))
                .send()
                .await
                .call(call)
                .map(drop),
            Operation::DeleteSecret { secret, recovery_window_days } => {
                let request = secrets.delete_secret().secret_id(secret);
                let request = match recovery_window_days {
                    Some(days) => request.recovery_window_in_days(i64::from(*days)),
                    None => request.force_delete_without_recovery(true),
                };
                request.send().await.call(call).map(drop)
            }
            _ => Err(unexpected_answer(call, "not a Secrets Manager call")),
        }
    }

    pub(super) async fn owns_secret(&self, secret: &SecretSpec, answers: &OperationAnswers) -> Result<bool, CallError> {
        let request = self.aws.secrets.describe_secret().secret_id(&secret.name);
        let answer = request.send().await.call("secretsmanager:DescribeSecret")?;
        answers.keep_secret_arn(answer.arn());
        let tags = answer.tags().iter().map(|tag| (tag.key().unwrap_or_default(), tag.value().unwrap_or_default()));
        Ok(self.is_ours(tags))
    }
}

impl OperationAnswers {
    fn keep_secret_arn(&self, arn: Option<&str>) {
        if let (Ok(mut kept), Some(arn)) = (self.secret_arn.lock(), arn) {
            *kept = Some(arn.to_owned());
        }
    }
}

fn build_tags(tags: &StringMap) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}
