//! Whether a rule may invoke its targets, as AWS would decide it when the rule fires.

use serde_json::Value;

use super::StoredRule;
use crate::CloudContext;
use deployer_core::arn::Arn;
use deployer_core::isolation::RequestContext;
use deployer_core::isolation::policy::{Policy, PolicyRequest, RequestPrincipal, decide_request};

const EVENTS: &str = "events.amazonaws.com";
const INVOKE: &str = "lambda:InvokeFunction";

impl CloudContext<'_> {
    /// The targets of a rule that it may not invoke, each with the reason. Only functions are looked at.
    pub fn refused_targets(&self, rule: &str) -> Vec<String> {
        let Some(rule) = self.region_state().events.rules.get(rule) else { return Vec::new() };
        rule.targets.values().filter_map(|target| refuse_target(self, rule, target)).collect()
    }
}

/// A target with a role is invoked with that role, whatever the function's policy says:
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html>.
fn refuse_target(cx: &CloudContext<'_>, rule: &StoredRule, target: &Value) -> Option<String> {
    let arn = target["Arn"].as_str()?;
    let function = Arn::parse_arn(arn).ok().filter(|arn| arn.service == "lambda")?;
    let sent = RequestContext::from([
        ("aws:sourcearn", Some(rule.arn.clone())),
        ("aws:sourceaccount", Some(cx.account_id().to_owned())),
    ]);
    if let Some(role) = target["RoleArn"].as_str() {
        if !cx.state.iam.service_can_assume(role, EVENTS, &sent) {
            return Some(format!("{} can't assume the role {role}", rule.name));
        }
        let own = RequestContext::from([
            ("aws:sourcearn", None),
            ("aws:sourceaccount", None),
            ("lambda:sourcefunctionarn", None),
        ]);
        return (!cx.state.iam.role_can(role, INVOKE, arn, &own)).then(|| format!("{role} may not invoke {arn}"));
    }
    let mut parts = function.resource.splitn(3, ':').skip(1);
    let (name, qualifier) = (parts.next()?, parts.next());
    let policy =
        cx.function_policy(name, qualifier).and_then(|policy| Policy::parse_document("a policy", &policy).ok());
    let policy: Vec<Policy> = policy.into_iter().collect();
    let principal = RequestPrincipal::Service(EVENTS);
    let request = PolicyRequest { principal, action: INVOKE, resource: arn, context: &sent };
    let allowed = decide_request(&[], &policy, &request).is_allowed();
    (!allowed).then(|| format!("the policy of {arn} doesn't let {} invoke it", rule.name))
}
