//! ARNs, parsed as far as an audit needs.

use super::NodeKind;

/// The parts of an ARN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arn<'a> {
    pub(crate) partition: &'a str,
    pub(crate) service: &'a str,
    pub(crate) region: &'a str,
    pub(crate) account: &'a str,
    pub(crate) resource: &'a str,
}

impl<'a> Arn<'a> {
    pub(crate) fn parse_arn(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let (scheme, partition) = (parts.next()?, parts.next()?);
        if scheme != "arn" || !partition.starts_with("aws") {
            return None;
        }
        let (service, region, account, resource) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        Some(Self { partition, service, region, account, resource })
    }

    /// The kind of node that has such an ARN, if an audit reads that kind.
    pub(super) fn node_kind(&self) -> Option<NodeKind> {
        match self.service {
            "lambda" if self.resource.starts_with("function:") => Some(NodeKind::Function),
            "sqs" => Some(NodeKind::Queue),
            "sns" => Some(NodeKind::Topic),
            "states" if self.resource.starts_with("stateMachine:") => Some(NodeKind::StateMachine),
            "secretsmanager" => Some(NodeKind::Secret),
            "events" if self.resource.starts_with("rule/") => Some(NodeKind::Rule),
            "scheduler" if self.resource.starts_with("schedule/") => Some(NodeKind::Schedule),
            "iam" if self.resource.starts_with("role/") => Some(NodeKind::Role),
            "logs" => Some(NodeKind::LogGroup),
            "apigateway" if self.resource.starts_with("/restapis/") => Some(NodeKind::RestApi),
            "apigateway" if self.resource.starts_with("/apis/") => Some(NodeKind::HttpApi),
            _ => None,
        }
    }
}

/// The id of the node that an ARN is about, and the suffix after it: the version or alias of a function or a state
/// machine.
pub(crate) fn node_id(arn: &str) -> (String, Option<String>) {
    let Some(parsed) = Arn::parse_arn(arn) else { return (arn.to_owned(), None) };
    let head = &arn[..arn.len() - parsed.resource.len()];
    match parsed.node_kind() {
        Some(NodeKind::Function | NodeKind::StateMachine) => {
            let mut parts = parsed.resource.splitn(3, ':');
            let (what, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            (format!("{head}{what}:{name}"), parts.next().map(ToOwned::to_owned))
        }
        Some(NodeKind::LogGroup) => (arn.trim_end_matches(":*").to_owned(), None),
        _ => (arn.to_owned(), None),
    }
}

/// The node id of a REST or HTTP API. Its service returns no ARN, so it is built from the documented format
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/arn-format-reference.html>).
pub(crate) fn api_id(kind: NodeKind, partition: &str, region: &str, id: &str) -> String {
    let path = if kind == NodeKind::RestApi { "restapis" } else { "apis" };
    format!("arn:{partition}:apigateway:{region}::/{path}/{id}")
}

/// The name of a resource: the last part of its id.
pub(crate) fn short_name(id: &str) -> &str {
    match Arn::parse_arn(id) {
        Some(arn) if arn.service == "logs" => arn.resource.trim_start_matches("log-group:"),
        Some(arn) => arn.resource.rsplit(['/', ':']).next().unwrap_or(id),
        None => id,
    }
}

/// Converts the URI of an API Gateway integration to the ARN that it calls:
/// `arn:aws:apigateway:<region>:lambda:path/2015-03-31/functions/<ARN>/invocations`, `…:sqs:path/<account>/<queue>`
/// (<https://docs.aws.amazon.com/apigateway/latest/api/API_PutIntegration.html>).
pub(super) fn integration_target_arn(uri: &str) -> Option<String> {
    if let Some((_, rest)) = uri.split_once("/functions/") {
        return Some(rest.trim_end_matches("/invocations").to_owned());
    }
    let arn = Arn::parse_arn(uri)?;
    if arn.service != "apigateway" {
        return Some(uri.to_owned());
    }
    // `account` is the integrated service here.
    let path = arn.resource.strip_prefix("path/")?;
    let (account, name) = path.split_once('/')?;
    let known = matches!(arn.account, "sqs" | "sns");
    known.then(|| format!("arn:{}:{}:{}:{account}:{name}", arn.partition, arn.account, arn.region))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:push";

    #[test]
    fn splits_versions_and_aliases_off_function_arns() {
        assert_eq!(node_id(FUNCTION), (FUNCTION.to_owned(), None));
        assert_eq!(node_id(&format!("{FUNCTION}:live")), (FUNCTION.to_owned(), Some("live".to_owned())));
        assert_eq!(node_id("push"), ("push".to_owned(), None));
        assert_eq!(short_name(FUNCTION), "push");
    }

    #[test]
    fn converts_integration_uris_to_target_arns() {
        let function = format!("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{FUNCTION}/invocations");
        assert_eq!(integration_target_arn(&function).as_deref(), Some(FUNCTION));
        assert_eq!(integration_target_arn(FUNCTION).as_deref(), Some(FUNCTION), "an HTTP API has the plain ARN");
        let queue = integration_target_arn("arn:aws:apigateway:us-east-1:sqs:path/123456789012/contacts.fifo");
        assert_eq!(queue.as_deref(), Some("arn:aws:sqs:us-east-1:123456789012:contacts.fifo"));
        assert_eq!(integration_target_arn("arn:aws:apigateway:us-east-1:states:action/StartExecution"), None);
        assert_eq!(integration_target_arn("https://example.com"), None);
    }
}
