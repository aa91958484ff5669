//! What else than its rule and its topic can start the function of all venues. It sends messages to people, so nobody else's
//! events may reach it.

use super::condition::RequestContext;
use super::model::VenueSubject;
use super::policy::{PolicyRequest, RequestPrincipal, decide_request};
use crate::naming::ALIAS;
use crate::role_policy::EVENTS;

const SNS: &str = "sns.amazonaws.com";
/// The name of a topic and of a rule that are nobody's.
const OTHER: &str = "deployer-verify-other";

/// What else can start the function of all venues, each as a sentence, and why something is unknown. Nothing is said of a
/// venue's function.
pub fn find_other_starters(subject: &VenueSubject) -> (Vec<String>, Vec<String>) {
    let mut found = Vec::new();
    let mut unknown = Vec::new();
    if subject.shared.is_none() {
        return (found, unknown);
    }
    let name = &subject.venue;
    let place = subject.rule_arn.split(':').collect::<Vec<_>>();
    let (partition, region, account) = match place[..] {
        [_, partition, _, region, account, ..] => (partition, region, account),
        _ => return (found, vec![format!("{name}: the ARN of its rule can't be read")]),
    };
    let other =
        |service: &str, resource: &str| format!("arn:{partition}:{service}:{region}:{account}:{resource}{OTHER}");
    let context = |source: Option<String>| {
        RequestContext::from([("aws:sourcearn", source), ("aws:sourceaccount", Some(subject.account.clone()))])
    };
    let strangers = [
        ("another topic", SNS, Some(other("sns", ""))),
        ("another rule", EVENTS, Some(other("events", "rule/"))),
        ("an event of no topic", SNS, None),
        ("an event of no rule", EVENTS, None),
    ];
    match &subject.function_policy {
        Err(why) => unknown.push(why.clone()),
        Ok(policies) => {
            for (who, service, source) in &strangers {
                let context = context(source.clone());
                for resource in [format!("{}:{ALIAS}", subject.function_arn), subject.function_arn.clone()] {
                    let principal = RequestPrincipal::Service(service);
                    let action = "lambda:InvokeFunction";
                    let request = PolicyRequest { principal, action, resource: &resource, context: &context };
                    if decide_request(&[], policies, &request).is_allowed() {
                        found.push(format!("{name}: {who} of the account can start its function ({resource})"));
                    }
                }
            }
        }
    }
    match &subject.trust {
        Err(why) => unknown.push(why.clone()),
        Ok(trust) => {
            for (who, service, source) in strangers.iter().filter(|(_, service, _)| *service == EVENTS) {
                let context = context(source.clone());
                let principal = RequestPrincipal::Service(service);
                let request = PolicyRequest {
                    principal,
                    action: "sts:AssumeRole",
                    resource: &subject.role_arn,
                    context: &context,
                };
                if decide_request(&[], trust, &request).is_allowed() {
                    found.push(format!(
                        "{name}: {who} of the account can take on its role, which may start its function"
                    ));
                }
            }
        }
    }
    (found, unknown)
}
