//! Determines what each venue can reach of every other, from what is known about them. Pure.

use std::collections::BTreeSet;

use sync_config::config::LEASE_STREAMS;

use super::condition::RequestContext;
use super::model::{
    IsolationCheck, IsolationReport, PairState, Reach, ReadOutcome, RequestVerdict, SharedItem, VenuePair, VenueSubject,
};
use super::paths::{check_by_delivery, check_by_key, check_by_url};
use super::policy::{
    Policy, PolicyDecision, PolicyRequest, RequestPrincipal, RolePolicies, decide_guarded_request, decide_request,
    decide_role_request,
};
use super::schedules::{is_of_function, universal_call};
use super::shared::{find_shared_deliveries, find_shared_items};
use super::simulated::SimulationResults;
use crate::role_policy::{EVENTS, SCHEDULER};

/// What a role must not do to another venue's secret: use it, or let others use it.
const SECRET: [&str; 3] =
    ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:PutResourcePolicy"];
/// What a role must not do to another venue's log group: use it, or have it sent somewhere.
const LOGS: [&str; 4] = ["logs:CreateLogStream", "logs:PutLogEvents", READ_LOGS, "logs:PutSubscriptionFilter"];
const READ_LOGS: &str = "logs:FilterLogEvents";
/// What a role must not do to another venue's leases: with them gone, that venue's runs could overlap.
const LEASES: &str = "logs:DeleteLogStream";
/// What a role must not do to another venue's function: call it, change it, or let others call it.
const FUNCTION: [&str; 4] =
    ["lambda:InvokeFunction", "lambda:InvokeFunctionUrl", "lambda:UpdateFunctionCode", "lambda:AddPermission"];
const INVOKE: &str = "lambda:InvokeFunction";
const ASSUME: &str = "sts:AssumeRole";

/// A request by a role that is to be checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRequest {
    pub reach: Reach,
    pub action: &'static str,
    pub resource: ReadOutcome<String>,
}

/// The requests to check for one venue's role against another venue. For the venue itself: what it must be able to do.
pub fn requests_to_check(to: &VenueSubject, own: bool) -> Vec<RoleRequest> {
    let ask = |reach, action, resource| RoleRequest { reach, action, resource };
    let stream = format!("{}:log-stream:verify", to.log_group_arn);
    let secret_arn = to.secret_arn.clone().transpose();
    if own {
        let rotates = to.holdings.as_ref().is_ok_and(|holdings| holdings.destination.rotates_tokens());
        let secret = if rotates { &SECRET[..2] } else { &SECRET[..1] };
        let secret =
            secret_arn.iter().flat_map(|arn| secret.iter().map(|action| ask(Reach::Secret, *action, arn.clone())));
        let logs = [ask(Reach::Logs, LOGS[0], Ok(stream.clone())), ask(Reach::Logs, LOGS[1], Ok(stream))];
        return secret.chain(logs).collect();
    }
    let mut all = Vec::new();
    if let Some(arn) = secret_arn {
        all.extend(SECRET.map(|action| ask(Reach::Secret, action, arn.clone())));
    }
    for resource in [&to.log_group_arn, &stream] {
        all.extend(LOGS.map(|action| ask(Reach::Logs, action, Ok(resource.clone()))));
    }
    let lease = format!("{}:log-stream:{LEASE_STREAMS}verify", to.log_group_arn);
    all.push(ask(Reach::Logs, LEASES, Ok(lease)));
    for resource in [to.function_arn.clone(), alias_arn(to)] {
        all.extend(FUNCTION.map(|action| ask(Reach::Function, action, Ok(resource.clone()))));
    }
    all.push(ask(Reach::Role, ASSUME, Ok(to.role_arn.clone())));
    all
}

/// Whether a request to a venue is what the function of all venues is there for: a digest is made from the logs of the venues.
fn is_duty_of(from: &VenueSubject, asked: &RoleRequest) -> bool {
    from.shared.is_some_and(|duties| duties.digest) && asked.action == READ_LOGS
}

fn alias_arn(subject: &VenueSubject) -> String {
    format!("{}:{}", subject.function_arn, crate::naming::ALIAS)
}

/// Checks every pair of venues.
pub fn judge_pairs(
    subjects: &[VenueSubject],
    simulated: &SimulationResults,
    mut notes: Vec<String>,
) -> IsolationReport {
    let mut disagreements = Vec::new();
    let mut pairs = Vec::with_capacity(subjects.len() * subjects.len());
    for from in subjects {
        for to in subjects {
            pairs.push(judge_pair(from, to, simulated, &mut disagreements));
        }
    }
    let asked = pairs.iter().flat_map(|pair| &pair.checks).filter(|check| check.reach.can_be_simulated());
    let unanswered = asked.filter(|check| check.verdict != RequestVerdict::Untold && check.simulated.is_none()).count();
    if unanswered > 0 && !simulated.is_empty() {
        notes.push(format!(
            "IAM's simulation returned no result for {unanswered} decisions; they rest on the local evaluation alone"
        ));
    }
    IsolationReport {
        venues: subjects.iter().map(|subject| subject.venue.clone()).collect(),
        pairs,
        disagreements,
        strangers: Vec::new(),
        unread: Vec::new(),
        notes,
    }
}

fn judge_pair(
    from: &VenueSubject,
    to: &VenueSubject,
    simulated: &SimulationResults,
    disagreements: &mut Vec<String>,
) -> VenuePair {
    let own = from.venue == to.venue;
    let asked = requests_to_check(to, own);
    let asked = asked.iter().filter(|asked| own || !is_duty_of(from, asked));
    let mut checks: Vec<IsolationCheck> = asked.map(|asked| check_by_role(from, to, asked)).collect();
    for check in &mut checks {
        if let Some(decision) = simulated.find_decision(&from.venue, &check.action, &check.resource) {
            check.simulated = Some(decision.to_owned());
            disagreements.extend(find_disagreement(from, check, decision));
        }
    }
    checks.extend(check_by_rule(from, to, own));
    checks.extend(check_by_schedule(from, to, own));
    checks.extend(check_by_key(from, to, own));
    if !own {
        checks.extend(check_by_url(to));
        checks.extend(check_by_delivery(from, to));
    }
    let mut untold: BTreeSet<String> = checks
        .iter()
        .filter(|check| check.verdict == RequestVerdict::Untold)
        .map(|check| check.reason.clone())
        .collect();
    let mut shared = match (&from.holdings, &to.holdings) {
        _ if own => Vec::new(),
        (Ok(mine), Ok(theirs)) => {
            let mut found = find_shared_items(mine, theirs);
            if mine.secret_arn.is_some() && to.secret_arn.as_ref().is_ok_and(|arn| *arn == mine.secret_arn) {
                let text = format!("the function of {} uses the secret of {}", from.venue, to.venue);
                found.push(SharedItem { what: "secret".to_owned(), text, tolerated: false });
            }
            found
        }
        (mine, theirs) => {
            untold.extend([mine, theirs].into_iter().filter_map(|holdings| holdings.as_ref().err().cloned()));
            Vec::new()
        }
    };
    if let (Ok(mine), Ok(theirs), false) = (&from.deliveries, &to.deliveries, own) {
        shared.extend(find_shared_deliveries(mine, theirs));
    }
    let state = pair_state(own, &checks, &shared, !untold.is_empty());
    VenuePair { from: from.venue.clone(), to: to.venue.clone(), state, checks, shared, untold }
}

fn pair_state(own: bool, checks: &[IsolationCheck], shared: &[SharedItem], untold: bool) -> PairState {
    let any = |verdict| checks.iter().any(|check| check.verdict == verdict);
    match own {
        true if any(RequestVerdict::Denied) => PairState::OwnDenied,
        true if untold => PairState::Untold,
        true => PairState::Own,
        false if any(RequestVerdict::Allowed) || shared.iter().any(|shared| !shared.tolerated) => PairState::Open,
        false if untold => PairState::Untold,
        false => PairState::Isolated,
    }
}

/// A role that makes a request itself: no service makes it for anybody.
pub(super) fn context_of(role: &str) -> RequestContext {
    RequestContext::from([
        ("aws:sourcearn", None),
        ("aws:sourceaccount", None),
        ("aws:principalarn", Some(role.to_owned())),
    ])
}

fn check_by_role(from: &VenueSubject, to: &VenueSubject, asked: &RoleRequest) -> IsolationCheck {
    let untold = |reason: &str, resource: &str| IsolationCheck {
        reach: asked.reach,
        action: asked.action.to_owned(),
        resource: resource.to_owned(),
        verdict: RequestVerdict::Untold,
        reason: reason.to_owned(),
        simulated: None,
    };
    let resource = match &asked.resource {
        Ok(resource) => resource,
        Err(why) => return untold(why, ""),
    };
    let none = Ok(Vec::new());
    let theirs = match asked.reach {
        Reach::Secret => &to.secret_policy,
        Reach::Function => &to.function_policy,
        Reach::Role => &to.trust,
        Reach::Logs | Reach::Rule | Reach::Schedule | Reach::Url | Reach::Key | Reach::Delivery => &none,
    };
    let (role, theirs) = match (role_policies(from), theirs) {
        (Ok(role), Ok(theirs)) => (role, theirs),
        (Err(why), _) | (_, Err(why)) => return untold(why, resource),
    };
    let context = context_of(&from.role_arn);
    let request = PolicyRequest {
        principal: RequestPrincipal::Role(&from.role_arn),
        action: asked.action,
        resource,
        context: &context,
    };
    let decision = match asked.reach {
        Reach::Role => decide_guarded_request(role, theirs, &request),
        _ => decide_role_request(role, theirs, &request),
    };
    let reason = match &decision {
        PolicyDecision::NotAllowed if asked.reach == Reach::Role => {
            format!("{}'s role trusts {}", to.venue, trusted_principals_text(theirs))
        }
        decision => decision_text(from, asked.action, decision),
    };
    IsolationCheck {
        reach: asked.reach,
        action: asked.action.to_owned(),
        resource: resource.clone(),
        verdict: if decision.is_allowed() { RequestVerdict::Allowed } else { RequestVerdict::Denied },
        reason,
        simulated: None,
    }
}

/// A venue's role with its boundary, or why one of them is unknown.
pub(super) fn role_policies(subject: &VenueSubject) -> Result<RolePolicies<'_>, &String> {
    Ok(RolePolicies { own: subject.role.as_ref()?, boundary: subject.boundary.as_ref()?.as_ref() })
}

/// Why a venue's role may do something or not, in words.
pub(super) fn decision_text(from: &VenueSubject, action: &str, decision: &PolicyDecision) -> String {
    match decision {
        PolicyDecision::Allowed(by) => format!("allowed by {by}"),
        PolicyDecision::DeniedBy(by) => format!("denied by {by}"),
        PolicyDecision::OutsideBoundary(by) => {
            format!("the permissions boundary of {}'s role doesn't allow what {by} allows", from.venue)
        }
        PolicyDecision::NotAllowed => {
            let own = from.role.as_deref().unwrap_or_default();
            format!("{}'s role may do this {}", from.venue, allowed_resources_text(own, action))
        }
    }
}

/// The resources on which a role may do something, in words.
fn allowed_resources_text(own: &[Policy], action: &str) -> String {
    let resources: Vec<String> = own.iter().flat_map(|policy| policy.allowed_resources(action)).collect();
    if resources.is_empty() { "on no resource".to_owned() } else { format!("only on {}", resources.join(" and ")) }
}

fn trusted_principals_text(trust: &[Policy]) -> String {
    let names: Vec<String> = trust.iter().flat_map(Policy::allowed_principals).collect();
    if names.is_empty() { "nobody".to_owned() } else { format!("only {}", names.join(" and ")) }
}

/// A rule invokes its target, the function's alias or the function itself: because the function's policy lets the rule, or
/// with a role that lets the rule take it on and may invoke the function.
fn check_by_rule(from: &VenueSubject, to: &VenueSubject, own: bool) -> Vec<IsolationCheck> {
    // What has no digest isn't started by its rule, which is disabled.
    if own && to.shared.is_some_and(|duties| !duties.digest) {
        return Vec::new();
    }
    let resources = if own { vec![alias_arn(to)] } else { vec![alias_arn(to), to.function_arn.clone()] };
    let Some(rule_arn) = &from.rule_arn else { return Vec::new() };
    let check = |resource: String| {
        let (verdict, reason) = judge_rule_request(from, to, rule_arn, &resource);
        IsolationCheck { reach: Reach::Rule, action: INVOKE.to_owned(), resource, verdict, reason, simulated: None }
    };
    resources.into_iter().map(check).collect()
}

/// Whether the rule of `from` can invoke `resource` of `to`, and why.
fn judge_rule_request(
    from: &VenueSubject,
    to: &VenueSubject,
    rule_arn: &str,
    resource: &str,
) -> (RequestVerdict, String) {
    let context = RequestContext::from([
        ("aws:sourcearn", Some(rule_arn.to_owned())),
        ("aws:sourceaccount", Some(from.account.clone())),
    ]);
    let principal = RequestPrincipal::Service(EVENTS);
    let request = PolicyRequest { principal, action: INVOKE, resource, context: &context };
    let by_policy = to.function_policy.as_ref().map(|policies| decide_request(&[], policies, &request));
    let by_role = |owner| decide_with_role(owner, to, resource, (EVENTS, &context));
    let ways = [by_policy, by_role(from), by_role(to)];
    if let Some(by) = ways.iter().find_map(|way| match way {
        Ok(PolicyDecision::Allowed(by)) => Some(by),
        _ => None,
    }) {
        return (RequestVerdict::Allowed, format!("allowed by {by}"));
    }
    if let Some(why) = ways.iter().find_map(|way| way.as_ref().err()) {
        return (RequestVerdict::Untold, (*why).clone());
    }
    let reason = ways.iter().find_map(|way| match way {
        Ok(PolicyDecision::DeniedBy(by)) => Some(format!("denied by {by}")),
        _ => None,
    });
    let nothing =
        || format!("neither {}'s function policy nor a role that the rule may use allows that rule", to.venue);
    (RequestVerdict::Denied, reason.unwrap_or_else(nothing))
}

/// A schedule invokes what it has as its target, with the role that it has, and nothing else. Only a deployer can change it: a
/// venue's role could for another one's only if it might call Scheduler.
fn check_by_schedule(from: &VenueSubject, to: &VenueSubject, own: bool) -> Vec<IsolationCheck> {
    let new_check = |action: &str, resource: String, verdict, reason| IsolationCheck {
        reach: Reach::Schedule,
        action: action.to_owned(),
        resource,
        verdict,
        reason,
        simulated: None,
    };
    let untold = |why: &String| vec![new_check(INVOKE, alias_arn(to), RequestVerdict::Untold, why.clone())];
    let start = match &from.schedule {
        Ok(Some(start)) => start,
        Ok(None) => return Vec::new(),
        Err(why) => return untold(why),
    };
    let context = RequestContext::from([
        ("aws:sourcearn", Some(start.group_arn.clone())),
        ("aws:sourceaccount", Some(from.account.clone())),
    ]);
    let hits = is_of_function(&start.target_arn, &to.function_arn);
    if !hits
        && !own
        && start.role_arn == to.role_arn
        && let Some(call) = universal_call(&start.target_arn)
    {
        let (verdict, reason) = match takes_on_role(to, SCHEDULER, &context) {
            Ok(PolicyDecision::Allowed(by)) => {
                let reason =
                    format!("{}'s schedule calls {call} with the role of {}: allowed by {by}", from.venue, to.venue);
                (RequestVerdict::Allowed, reason)
            }
            Ok(_) => {
                (RequestVerdict::Denied, format!("the role of {} doesn't trust {}'s schedule", to.venue, from.venue))
            }
            Err(why) => (RequestVerdict::Untold, why.clone()),
        };
        return vec![new_check(ASSUME, to.role_arn.clone(), verdict, reason)];
    }
    if !hits && !own {
        let reason = format!("{}'s schedule invokes only {}", from.venue, start.target_arn);
        return vec![new_check(INVOKE, alias_arn(to), RequestVerdict::Denied, reason)];
    }
    if !hits {
        let reason = format!("{}'s schedule invokes {} instead", from.venue, start.target_arn);
        return vec![new_check(INVOKE, alias_arn(to), RequestVerdict::Denied, reason)];
    }
    let Some(owner) = [from, to].into_iter().find(|owner| owner.role_arn == start.role_arn) else {
        let why = format!("{}'s schedule has the role {}, which is no venue's of the two", from.venue, start.role_arn);
        return untold(&why);
    };
    let (verdict, reason) = match decide_with_role(owner, to, &start.target_arn, (SCHEDULER, &context)) {
        Ok(PolicyDecision::Allowed(by)) => (RequestVerdict::Allowed, format!("allowed by {by}")),
        Ok(_) => (RequestVerdict::Denied, format!("the role of {} doesn't let its schedule start it", owner.venue)),
        Err(why) => (RequestVerdict::Untold, why.clone()),
    };
    vec![new_check(INVOKE, start.target_arn.clone(), verdict, reason)]
}

/// Whether a rule or a schedule can invoke `resource` of `to` with the role of `owner`: with the service that takes on the
/// role, and what it sends then.
fn decide_with_role<'s>(
    owner: &'s VenueSubject,
    to: &'s VenueSubject,
    resource: &str,
    (service, context): (&'static str, &RequestContext),
) -> Result<PolicyDecision, &'s String> {
    let trust = takes_on_role(owner, service, context)?;
    let PolicyDecision::Allowed(trusted_by) = trust else { return Ok(PolicyDecision::NotAllowed) };
    // What a service does with a role isn't done by a function's code.
    let mut context = context_of(&owner.role_arn);
    context.insert("lambda:sourcefunctionarn", None);
    let principal = RequestPrincipal::Role(&owner.role_arn);
    let request = PolicyRequest { principal, action: INVOKE, resource, context: &context };
    Ok(match decide_role_request(role_policies(owner)?, to.function_policy.as_ref()?, &request) {
        PolicyDecision::Allowed(by) => PolicyDecision::Allowed(format!("{by}, together with {trusted_by}")),
        decision => decision,
    })
}

/// Whether a service that sends this can take on the role of `owner`.
fn takes_on_role<'s>(
    owner: &'s VenueSubject,
    service: &'static str,
    context: &RequestContext,
) -> Result<PolicyDecision, &'s String> {
    let principal = RequestPrincipal::Service(service);
    let takes_on = PolicyRequest { principal, action: ASSUME, resource: &owner.role_arn, context };
    Ok(decide_request(&[], owner.trust.as_ref()?, &takes_on))
}

/// IAM simulates only the role's own policies and its boundary, not the policies of the requested resource.
fn find_disagreement(from: &VenueSubject, check: &IsolationCheck, simulated: &str) -> Option<String> {
    let role = role_policies(from).ok()?;
    let context = context_of(&from.role_arn);
    let principal = RequestPrincipal::Role(&from.role_arn);
    let request = PolicyRequest { principal, action: &check.action, resource: &check.resource, context: &context };
    let here = decide_role_request(role, &[], &request).is_allowed();
    (here != (simulated == "allowed")).then(|| {
        let found = if here { "allowed" } else { "denied" };
        format!(
            "{} {} on {}: IAM says {simulated}, but it is {found} by the local evaluation",
            from.venue, check.action, check.resource
        )
    })
}
