//! What an audit reads from ARNs.

use deployer_core::arn::Arn;

use super::NodeKind;

/// The kind of node that has such an ARN, if an audit reads that kind.
pub(super) fn arn_node_kind(arn: &Arn<'_>) -> Option<NodeKind> {
    match arn.service {
        "lambda" if arn.resource.starts_with("function:") => Some(NodeKind::Function),
        "sqs" => Some(NodeKind::Queue),
        "sns" => Some(NodeKind::Topic),
        "states" if arn.resource.starts_with("stateMachine:") => Some(NodeKind::StateMachine),
        "secretsmanager" => Some(NodeKind::Secret),
        "events" if arn.resource.starts_with("rule/") => Some(NodeKind::Rule),
        "scheduler" if arn.resource.starts_with("schedule/") => Some(NodeKind::Schedule),
        "iam" if arn.resource.starts_with("role/") => Some(NodeKind::Role),
        "logs" => Some(NodeKind::LogGroup),
        "apigateway" if arn.resource.starts_with("/restapis/") => Some(NodeKind::RestApi),
        "apigateway" if arn.resource.starts_with("/apis/") => Some(NodeKind::HttpApi),
        _ => None,
    }
}

/// The id of the node that an ARN is about, and the suffix after it: the version or alias of a function or a state
/// machine.
pub(crate) fn node_id(arn: &str) -> (String, Option<String>) {
    let Ok(parsed) = Arn::parse_arn(arn) else { return (arn.to_owned(), None) };
    let head = &arn[..arn.len() - parsed.resource.len()];
    match arn_node_kind(&parsed) {
        Some(NodeKind::Function | NodeKind::StateMachine) => {
            let mut parts = parsed.resource.splitn(3, ':');
            let (what, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            (format!("{head}{what}:{name}"), parts.next().map(ToOwned::to_owned))
        }
        Some(NodeKind::LogGroup) => (arn.trim_end_matches(":*").to_owned(), None),
        // A stream of a table, a consumer of a stream.
        None if matches!(parsed.service, "dynamodb" | "kinesis") => {
            let mut parts = parsed.resource.splitn(3, '/');
            let (what, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            (format!("{head}{what}/{name}"), None)
        }
        _ => (arn.to_owned(), None),
    }
}

/// The node id of a REST or HTTP API. Its service returns no ARN, so it is built from the documented format
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/arn-format-reference.html>).
pub(crate) fn api_id(kind: NodeKind, partition: &str, region: &str, id: &str) -> String {
    let path = if kind == NodeKind::RestApi { "restapis" } else { "apis" };
    Arn { partition, service: "apigateway", region, account: "", resource: &format!("/{path}/{id}") }.to_string()
}

/// The name of a resource: the last part of its id.
pub(crate) fn short_name(id: &str) -> &str {
    match Arn::parse_arn(id) {
        Ok(arn) if arn.service == "logs" => arn.resource.trim_start_matches("log-group:"),
        Ok(arn) => arn.resource.rsplit(['/', ':']).next().unwrap_or(id),
        Err(_) => id,
    }
}

/// Converts the URI of an API Gateway integration to the ARN that it calls:
/// `arn:aws:apigateway:<region>:lambda:path/2015-03-31/functions/<ARN>/invocations`, `…:sqs:path/<account>/<queue>`
/// (<https://docs.aws.amazon.com/apigateway/latest/api/API_PutIntegration.html>).
pub(super) fn integration_target_arn(uri: &str) -> Option<String> {
    if let Some((_, rest)) = uri.split_once("/functions/") {
        return Some(rest.trim_end_matches("/invocations").to_owned());
    }
    let arn = Arn::parse_arn(uri).ok()?;
    if arn.service != "apigateway" {
        return Some(uri.to_owned());
    }
    // The integrated service is where other ARNs have the account.
    let service = arn.account;
    let path = arn.resource.strip_prefix("path/")?;
    let (account, resource) = path.split_once('/')?;
    matches!(service, "sqs" | "sns").then(|| Arn { service, account, resource, ..arn }.to_string())
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
