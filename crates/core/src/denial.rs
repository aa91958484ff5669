//! Why AWS denied a call, and who can change that.
//!
//! The texts are those of <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>. Some services
//! say less; then the permission counts as missing.

use crate::permissions::action_of_call;

/// What denied a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DenialCause {
    /// No policy of the credentials allows it.
    MissingPermission,
    /// A policy of the credentials themselves denies it.
    IdentityPolicy,
    /// A service control policy of the organization, which limits the account.
    ServiceControlPolicy,
    /// A resource control policy of the organization, which limits the account's resources.
    ResourceControlPolicy,
    /// The permissions boundary of the user or role.
    PermissionsBoundary,
    /// The policy that the session was started with.
    SessionPolicy,
    /// The policy of the VPC endpoint that the call went through.
    VpcEndpointPolicy,
    /// The policy of the resource itself.
    ResourcePolicy,
    /// The trust policy of a role.
    TrustPolicy,
    /// A tag policy of the organization: a tag has a value that it doesn't allow.
    TagPolicy,
    /// A KMS key that encrypts the resource.
    EncryptionKey,
}

/// A denied call, as far as AWS says why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// What denied it.
    pub cause: DenialCause,
    /// Whether a statement denies it, and not only none allows it.
    pub explicit: bool,
    /// The action that was denied, which may be another than the call: `kms:Decrypt`, `iam:PassRole`.
    pub action: Option<String>,
    /// The ARN of the resource.
    pub resource: Option<String>,
    /// The ARN of the policy.
    pub policy: Option<String>,
}

/// How AWS names the kinds of policies. The first one that is found counts: a policy that works through another one is named
/// before the other.
const KINDS: [(&str, DenialCause); 8] = [
    ("service control polic", DenialCause::ServiceControlPolicy),
    ("resource control polic", DenialCause::ResourceControlPolicy),
    ("permissions boundar", DenialCause::PermissionsBoundary),
    ("session polic", DenialCause::SessionPolicy),
    ("sessions polic", DenialCause::SessionPolicy),
    ("vpc endpoint polic", DenialCause::VpcEndpointPolicy),
    ("resource-based polic", DenialCause::ResourcePolicy),
    ("role trust polic", DenialCause::TrustPolicy),
];

impl Denial {
    /// Reads an error code and its message.
    pub fn from_answer(code: &str, message: &str) -> Self {
        let words = message.split_whitespace().collect::<Vec<_>>().join(" ");
        let lower = words.to_lowercase();
        let action = word_after(&words, "not authorized to perform: ").filter(|action| action.contains(':'));
        let resource = word_after(&words, "on resource: ");
        let explicit = lower.contains("explicit deny");
        let kind = KINDS.iter().find(|(text, _)| lower.contains(text));
        let policy = kind.and_then(|(text, _)| lower.find(text)).and_then(|at| {
            let rest = words.get(at..)?;
            // `…policy: arn:aws:organizations::…`
            word_after(rest, ": ").filter(|word| word.starts_with("arn:"))
        });
        let is_of_key = code.starts_with("KMS")
            || action.as_deref().is_some_and(|action| action.starts_with("kms:"))
            || ["access to kms", "kms key", "kms access"].iter().any(|text| lower.contains(text));
        let cause = match kind.map(|(_, cause)| *cause) {
            _ if is_tag_policy(code, &lower) => DenialCause::TagPolicy,
            // The key's own policy is a resource-based one.
            Some(DenialCause::ResourcePolicy) | None if is_of_key => DenialCause::EncryptionKey,
            Some(cause) => cause,
            None if explicit => DenialCause::IdentityPolicy,
            None => DenialCause::MissingPermission,
        };
        Self { cause, explicit, action, resource, policy }
    }

    /// Who can change it, and what to ask for. `call` is the call that was denied, as IAM writes it.
    pub fn hint(&self, call: &str) -> String {
        let action = self.action.as_deref().unwrap_or_else(|| action_of_call(call));
        let on = self.resource.as_ref().map_or_else(String::new, |resource| format!(" on {resource}"));
        let named = self.policy.as_ref().map_or_else(String::new, |arn| format!(" ({arn})"));
        let refuses = if self.explicit { "denies" } else { "doesn't allow" };
        match self.cause {
            DenialCause::MissingPermission => format!(
                "let the credentials in use do `{action}`{on} (an administrator of the account adds it to their policy; \
                 `deployer iam-policy` prints everything that this command needs)"
            ),
            DenialCause::IdentityPolicy => format!(
                "a policy of these credentials{named} denies `{action}`{on}, which no other policy can allow: ask an \
                 administrator of the account to change that statement, or use other credentials (`--profile`)"
            ),
            DenialCause::ServiceControlPolicy => format!(
                "the organization's service control policy{named} {refuses} `{action}`{on} in this account, whatever the \
                 account's own policies say: ask the administrators of the AWS organization to allow it, for the role in \
                 use and the manifest's region"
            ),
            DenialCause::ResourceControlPolicy => format!(
                "the organization's resource control policy{named} {refuses} `{action}`{on}, whoever asks: ask the \
                 administrators of the AWS organization to except the role in use"
            ),
            DenialCause::PermissionsBoundary => format!(
                "the permissions boundary{named} of the user or role in use {refuses} `{action}`{on}, so that adding it to a \
                 policy doesn't help: ask whoever set the boundary to widen it"
            ),
            DenialCause::SessionPolicy => format!(
                "this session was started with a policy{named} that {refuses} `{action}`{on}: start one without it, or with \
                 `{action}` in it (`--policy` of `aws sts assume-role`, or the pipeline's setting)"
            ),
            DenialCause::VpcEndpointPolicy => format!(
                "the policy{named} of the VPC endpoint that calls go through {refuses} `{action}`{on}: ask the network's \
                 administrators to allow it, or run the command from another network"
            ),
            DenialCause::ResourcePolicy => format!(
                "the resource's own policy {refuses} `{action}`{on}: ask its owner to change that policy"
            ),
            DenialCause::TrustPolicy => {
                format!("the role's trust policy {refuses} `{action}`{on}: ask the role's owner to trust who is signed in")
            }
            DenialCause::TagPolicy => "the organization's tag policy doesn't allow a tag's value, or asks for another tag: ask \
                                       the administrators of the AWS organization which values it takes, or to leave out \
                                       resources of the deployer"
                .to_owned(),
            DenialCause::EncryptionKey => {
                let action = self.action.as_deref().unwrap_or("kms:Decrypt` and `kms:GenerateDataKey");
                format!(
                    "the KMS key that encrypts this {refuses} it: ask the key's administrators to let the credentials in use \
                     do `{action}`{on}, in the key's policy or with a grant"
                )
            }
        }
    }
}

/// Codes and texts differ between services: `TagPolicyException` of SNS, `TagPolicyViolation` of EC2, a
/// `ValidationException` of DynamoDB.
fn is_tag_policy(code: &str, lower: &str) -> bool {
    code.starts_with("TagPolicy") || lower.contains("tag policy does not allow") || lower.contains("tag policies")
}

/// The word that follows, without what ends a sentence.
fn word_after(text: &str, before: &str) -> Option<String> {
    let (_, after) = text.split_once(before)?;
    let word = after.split_whitespace().next()?.trim_matches(['"', '\'', ',', '.', ';']);
    (!word.is_empty()).then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of AWS's documentation, word for word, with what follows from them.
    #[test]
    fn tells_apart_what_denies() {
        use DenialCause::*;
        const JOHN: &str = "User: arn:aws:iam::123456789012:user/John is not authorized to perform:";
        let list = "codecommit:ListRepositories";
        let deployments =
            "codedeploy:ListDeployments on resource: arn:aws:codedeploy:us-east-1:123456789012:deploymentgroup:*";
        let secret =
            "secretsmanager:GetSecretValue on resource: arn:aws:secretsmanager:us-east-1:123456789012:secret:*";
        for (text, cause, explicit) in [
            (format!("{list} because no service control policy allows the {list} action"), ServiceControlPolicy, false),
            (format!("{list} with an explicit deny in a service control policy"), ServiceControlPolicy, true),
            (format!("{secret} with an explicit deny in a resource control policy"), ResourceControlPolicy, true),
            (format!("{list} because no VPC endpoint policy allows the {list} action"), VpcEndpointPolicy, false),
            (format!("{deployments} with an explicit deny in a VPC endpoint policy"), VpcEndpointPolicy, true),
            (
                format!("{deployments} because no permissions boundary allows the codedeploy:ListDeployments action"),
                PermissionsBoundary,
                false,
            ),
            ("sagemaker:ListModels with an explicit deny in a permissions boundary".to_owned(), PermissionsBoundary, true),
            (format!("{list} because no session policy allows the {list} action"), SessionPolicy, false),
            (format!("{deployments} with an explicit deny in a sessions policy"), SessionPolicy, true),
            (
                "secretsmanager:GetSecretValue because no resource-based policy allows the secretsmanager:GetSecretValue \
                 action"
                    .to_owned(),
                ResourcePolicy,
                false,
            ),
            (format!("{secret} with an explicit deny in a resource-based policy"), ResourcePolicy, true),
            ("sts:AssumeRole because no role trust policy allows the sts:AssumeRole action".to_owned(), TrustPolicy, false),
            ("sts:AssumeRole with an explicit deny in the role trust policy".to_owned(), TrustPolicy, true),
            (format!("{list} because no identity-based policy allows the {list} action"), MissingPermission, false),
            (format!("{deployments} with an explicit deny in an identity-based policy"), IdentityPolicy, true),
            (
                "SNS:Publish on resource: arn:aws:sns:us-east-1:444455556666:role-name-2\nwith an explicit deny in a VPC \
                 endpoint policy transitively through a service control policy"
                    .to_owned(),
                ServiceControlPolicy,
                true,
            ),
        ] {
            let denial = Denial::from_answer("AccessDenied", &format!("{JOHN}\n{text}"));
            assert_eq!((denial.cause, denial.explicit), (cause, explicit), "{text}");
            let action = text.split_whitespace().next().map(ToOwned::to_owned);
            assert_eq!(denial.action, action, "{text}");
            let arn = text.contains("on resource: ").then(|| text.split_whitespace().nth(3).map(ToOwned::to_owned));
            assert_eq!(denial.resource, arn.flatten(), "{text}");
            let hint = denial.hint("lambda:CreateFunction");
            assert!(hint.contains(&action.expect("an action")), "{hint}");
            assert_eq!(hint.contains("`deployer iam-policy`"), cause == MissingPermission, "{hint}");
        }
    }

    #[test]
    fn names_the_policy_that_aws_names() {
        let policy = "arn:aws:organizations::987654321098:policy/o-qv5af4abcd/service_control_policy/p-2kgnabcd";
        let message = format!(
            "User: arn:aws:iam::123456789012:user/Matt is not authorized to perform: iam:ListRoles on resource: \
             arn:aws:iam::123456789012:role/* with an explicit deny in a service control policy: {policy}"
        );
        let denial = Denial::from_answer("AccessDenied", &message);
        assert_eq!(denial.policy.as_deref(), Some(policy));
        let hint = denial.hint("iam:ListRoles");
        assert!(hint.contains(policy) && hint.contains("administrators of the AWS organization"), "{hint}");
        assert!(hint.contains("`iam:ListRoles` on arn:aws:iam::123456789012:role/*"), "{hint}");
    }

    #[test]
    fn tells_keys_and_tags_apart() {
        let of_key = "User: arn:aws:iam::123456789012:user/John is not authorized to perform: kms:GenerateDataKey on resource: \
                      arn:aws:kms:us-east-1:123456789012:key/k because no identity-based policy allows the \
                      kms:GenerateDataKey action";
        for (code, message, cause, part) in [
            ("AccessDeniedException", "Access to KMS is not allowed", DenialCause::EncryptionKey, "kms:Decrypt"),
            ("AccessDeniedException", of_key, DenialCause::EncryptionKey, "`kms:GenerateDataKey` on arn:aws:kms:"),
            (
                "KMSAccessDeniedException",
                "Lambda was unable to decrypt the environment variables because KMS access was denied. Please check the \
                 function's KMS key settings.",
                DenialCause::EncryptionKey,
                "key's administrators",
            ),
            (
                "InvalidParameterException",
                "The specified KMS key does not exist or is not allowed to be used with Arn 'arn:aws:logs:us-east-1:1:log-group:g'",
                DenialCause::EncryptionKey,
                "KMS key",
            ),
            (
                "TagPolicyException",
                "The tag policy does not allow the specified value for the following tag key: 'FISMAID'.",
                DenialCause::TagPolicy,
                "tag policy",
            ),
            (
                "ValidationException",
                "One or more parameter values were invalid: The tag policy does not allow the specified value for the \
                 following tag key: 'superwerker:backup'.",
                DenialCause::TagPolicy,
                "which values it takes",
            ),
            ("AccessDenied", "Access Denied", DenialCause::MissingPermission, "`lambda:InvokeFunction`"),
            ("AccessDeniedException", "", DenialCause::MissingPermission, "`lambda:InvokeFunction`"),
        ] {
            let denial = Denial::from_answer(code, message);
            assert_eq!(denial.cause, cause, "{message}");
            let hint = denial.hint("lambda:Invoke");
            assert!(hint.contains(part), "{hint}");
        }
        let of_key_and_organization = "User: u is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:r:1:key/k with an \
                                       explicit deny in a service control policy";
        let denial = Denial::from_answer("AccessDenied", of_key_and_organization);
        assert_eq!(denial.cause, DenialCause::ServiceControlPolicy);
    }
}
