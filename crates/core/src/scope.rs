//! The account and the region of a deployment, and the ARNs in them.

use serde::{Deserialize, Serialize};

use crate::arn::Arn;

/// The account and region that everything is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Account id, 12 digits.
    pub account: String,
    /// Region, such as `eu-west-1`.
    pub region: String,
    /// The partition of its ARNs, such as `aws` or `aws-eusc`. A plan that was saved without one is of `aws`.
    #[serde(default = "commercial_partition", skip_serializing_if = "is_commercial")]
    partition: String,
}

fn commercial_partition() -> String {
    "aws".to_owned()
}

fn is_commercial(partition: &str) -> bool {
    partition == "aws"
}

impl Scope {
    /// An account's region in the partition `aws`, which all but a few accounts are in.
    pub fn new(account: impl Into<String>, region: impl Into<String>) -> Self {
        Self { account: account.into(), region: region.into(), partition: commercial_partition() }
    }

    /// The account's region for a caller with this ARN, who is in the account's partition.
    pub fn of_caller(caller_arn: &str, account: impl Into<String>, region: impl Into<String>) -> Self {
        let scope = Self::new(account, region);
        match Arn::parse_arn(caller_arn) {
            Ok(arn) => Self { partition: arn.partition.to_owned(), ..scope },
            Err(_) => scope,
        }
    }

    /// An account's region, without a caller to ask: the partition follows from the region's name
    /// (<https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html>).
    pub fn of_region(account: impl Into<String>, region: &str) -> Self {
        const PARTITIONS: [(&str, &str); 7] = [
            ("cn-", "aws-cn"),
            ("us-gov-", "aws-us-gov"),
            ("eusc-", "aws-eusc"),
            ("us-isob-", "aws-iso-b"),
            ("us-isof-", "aws-iso-f"),
            ("eu-isoe-", "aws-iso-e"),
            ("us-iso-", "aws-iso"),
        ];
        let partition = PARTITIONS.iter().find(|(prefix, _)| region.starts_with(prefix)).map(|(_, name)| *name);
        let scope = Self::new(account, region);
        Self { partition: partition.map_or_else(|| scope.partition.clone(), ToOwned::to_owned), ..scope }
    }

    /// The partition in this region's ARNs.
    pub fn aws_partition(&self) -> &str {
        &self.partition
    }

    /// The ARN of a regional resource.
    pub fn regional_arn(&self, service: &str, resource: &str) -> String {
        let (partition, region, account) = (self.aws_partition(), &self.region, &self.account);
        Arn { partition, service, region, account, resource }.to_string()
    }

    /// The ARN of a role.
    pub fn role_arn(&self, path: &str, name: &str) -> String {
        let (partition, account, resource) = (self.aws_partition(), &self.account, &format!("role{path}{name}"));
        Arn { partition, service: "iam", region: "", account, resource }.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_partition_from_the_caller() {
        for (partition, region) in [
            ("aws", "us-east-1"),
            ("aws-cn", "cn-north-1"),
            ("aws-us-gov", "us-gov-west-1"),
            ("aws-eusc", "eusc-de-east-1"),
            ("aws-iso", "us-iso-east-1"),
            ("aws-iso-b", "us-isob-east-1"),
            ("aws-iso-e", "eu-isoe-west-1"),
            ("aws-iso-f", "us-isof-south-1"),
        ] {
            let caller = format!("arn:{partition}:sts::123456789012:assumed-role/Deploy/ana");
            let scope = Scope::of_caller(&caller, "123456789012", region);
            let expected = format!("arn:{partition}:lambda:{region}:123456789012:function:f");
            assert_eq!(scope.regional_arn("lambda", "function:f"), expected);
            assert_eq!(Scope::of_region("123456789012", region), scope);
            assert_eq!(scope.role_arn("/d/", "r"), format!("arn:{partition}:iam::123456789012:role/d/r"));
        }
    }

    #[test]
    fn a_plan_that_was_saved_without_a_partition_is_read() {
        let saved = r#"{"account":"123456789012","region":"us-east-1"}"#;
        let scope = Scope::new("123456789012", "us-east-1");
        assert_eq!(serde_json::from_str::<Scope>(saved).ok(), Some(scope.clone()));
        assert_eq!(serde_json::to_string(&scope).ok().as_deref(), Some(saved));
    }
}
