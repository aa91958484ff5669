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
}

impl Scope {
    /// The partition in this region's ARNs.
    pub fn aws_partition(&self) -> &'static str {
        match self.region.split('-').next() {
            Some("cn") => "aws-cn",
            Some("us") if self.region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
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
