//! Amazon Resource Names, which every service of AWS writes in the same way.

use std::error::Error;
use std::fmt;

/// A parsed ARN: `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`. Region and account are empty in the ARNs of global
/// resources. The resource may contain colons and slashes; its format is the service's own.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arn<'a> {
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: &'a str,
    /// The service's namespace: `lambda`.
    pub service: &'a str,
    pub region: &'a str,
    pub account: &'a str,
    /// What the service calls the resource: `function:name`.
    pub resource: &'a str,
}

/// A text that is not an ARN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidArn(String);

impl<'a> Arn<'a> {
    /// Parses an ARN.
    ///
    /// # Errors
    /// The text is not an ARN.
    pub fn parse_arn(text: &'a str) -> Result<Self, InvalidArn> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        match parts[..] {
            ["arn", partition, service, region, account, resource] if partition.starts_with("aws") => {
                Ok(Self { partition, service, region, account, resource })
            }
            _ => Err(InvalidArn(text.to_owned())),
        }
    }
}

impl fmt::Display for Arn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, service, region, account, resource } = self;
        write!(f, "arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}

impl fmt::Display for InvalidArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not an ARN", self.0)
    }
}

impl Error for InvalidArn {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_and_writes_arns() {
        for (text, expected) in [
            (
                "arn:aws:lambda:us-east-1:123456789012:function:push:live",
                ["aws", "lambda", "us-east-1", "123456789012", "function:push:live"],
            ),
            ("arn:aws-us-gov:iam::123456789012:role/a/b", ["aws-us-gov", "iam", "", "123456789012", "role/a/b"]),
            ("arn:aws:s3:::bucket", ["aws", "s3", "", "", "bucket"]),
        ] {
            let arn = Arn::parse_arn(text).expect(text);
            assert_eq!([arn.partition, arn.service, arn.region, arn.account, arn.resource], expected);
            assert_eq!(arn.to_string(), text);
        }
    }

    #[test]
    fn rejects_other_texts() {
        for text in ["", "push", "arn:aws:lambda", "arn:aws:lambda:us-east-1:1", "urn:aws:a:b:c:d", "arn:other:a:b:c:d"]
        {
            assert_eq!(Arn::parse_arn(text).map_err(|error| error.to_string()), Err(format!("{text} is not an ARN")));
        }
    }
}
