//! Which other tool manages a resource, according to its tags.

/// Tags by which other tools mark what they manage: a key or the beginning of one, in lower case.
const TOOL_TAGS: [(&str, &str); 11] = [
    ("aws:cloudformation:", "CloudFormation"),
    ("lambda:createdby", "SAM"),
    ("serverlessrepo:", "the Serverless Application Repository"),
    ("terraform", "Terraform"),
    ("tf:", "Terraform"),
    ("sam:", "SAM"),
    ("cdk", "the CDK"),
    ("aws-cdk:", "the CDK"),
    ("serverless", "the Serverless Framework"),
    ("pulumi", "Pulumi"),
    ("aws:servicecatalog:", "Service Catalog"),
];

/// Tags whose value names the tool: `ManagedBy = terraform`.
const TOOL_KEYS: [&str; 6] = ["managedby", "managed-by", "managed_by", "createdby", "provisioner", "deployedby"];
const TOOLS: [&str; 9] =
    ["terraform", "cloudformation", "cdk", "sam", "serverless", "pulumi", "opentofu", "ansible", "crossplane"];

/// The tool that manages a resource with these tags, and the tag that says so.
pub fn find_managing_tool<'t>(tags: impl IntoIterator<Item = (&'t String, &'t String)>) -> Option<(&'t str, &'t str)> {
    tags.into_iter().find_map(|(key, value)| {
        let (lower, named) = (key.to_lowercase(), value.to_lowercase());
        if let Some((_, tool)) = TOOL_TAGS.iter().find(|(tag, _)| lower.starts_with(tag)) {
            return Some((*tool, key.as_str()));
        }
        let says = TOOL_KEYS.contains(&lower.as_str()) && TOOLS.iter().any(|tool| named.contains(tool));
        says.then_some((value.as_str(), key.as_str()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_name_the_tool() {
        let tool = |key: &str, value: &str| {
            let tags = std::collections::BTreeMap::from([(key.to_owned(), value.to_owned())]);
            find_managing_tool(&tags).map(|(tool, _)| tool.to_owned())
        };
        assert_eq!(tool("aws:cloudformation:stack-name", "s").as_deref(), Some("CloudFormation"));
        assert_eq!(tool("Terraform", "true").as_deref(), Some("Terraform"));
        assert_eq!(tool("ManagedBy", "terraform").as_deref(), Some("terraform"));
        assert_eq!(tool("managed-by", "the platform team"), None);
        assert_eq!(tool("team", "terraform"), None);
    }
}
