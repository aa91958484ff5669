//! What leads from one venue to another around the policies of roles: URLs, keys, and what is sent somewhere.

use serde_json::Value;

use super::condition::RequestContext;
use super::judge::{context_of, decision_text, role_policies};
use super::model::{Delivery, IsolationCheck, KeyGrant, Reach, RequestVerdict, VenueSubject};
use super::policy::{PolicyDecision, PolicyRequest, RequestPrincipal, decide_guarded_request, decide_role_request};
use crate::arn::Arn;
use crate::resource::LiveStack;
use crate::resource::members::{AnswerKind, UnmodeledMember};

/// What a role must not do with the key of another venue's secret: read the secret, or let others read it.
const KEY: [&str; 3] = ["kms:Decrypt", "kms:CreateGrant", "kms:PutKeyPolicy"];
/// The key of the encryption context in which Secrets Manager names the secret.
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html>
const SECRET_ARN: &str = "SecretARN";

fn new_check(reach: Reach, action: &str, resource: &str, verdict: RequestVerdict, reason: String) -> IsolationCheck {
    let (action, resource) = (action.to_owned(), resource.to_owned());
    IsolationCheck { reach, action, resource, verdict, reason, simulated: None }
}

/// A URL without authentication may be called by everybody, and so by every other venue. One with authentication is a
/// request of the role, which is checked with its others.
pub(super) fn check_by_url(to: &VenueSubject) -> Vec<IsolationCheck> {
    const ACTION: &str = "lambda:InvokeFunctionUrl";
    let urls = match &to.function_urls {
        Ok(urls) => urls,
        Err(why) => {
            return vec![new_check(Reach::Url, ACTION, &to.function_arn, RequestVerdict::Untold, why.clone())];
        }
    };
    let open = urls.iter().filter(|url| !url.needs_credentials);
    open.map(|found| {
        let reason = format!("allowed by the URL {}, which asks for no credentials", found.url);
        new_check(Reach::Url, ACTION, &found.function_arn, RequestVerdict::Allowed, reason)
    })
    .collect()
}

/// Whether the role of `from` may use the key of `to`'s secret: by the key's policy, alone or together with the role's
/// own policies, or by a grant. With `own`: whether it may decrypt, without which its function can't read the secret.
pub(super) fn check_by_key(from: &VenueSubject, to: &VenueSubject, own: bool) -> Vec<IsolationCheck> {
    let actions = if own { &KEY[..1] } else { &KEY[..] };
    let untold = |why: &String| vec![new_check(Reach::Key, actions[0], "", RequestVerdict::Untold, why.clone())];
    let key = match &to.secret_key {
        Ok(Some(key)) => key,
        Ok(None) => return Vec::new(),
        Err(why) => return untold(why),
    };
    let role = match role_policies(from) {
        Ok(role) => role,
        Err(why) => return untold(why),
    };
    let secret = to.secret_arn.as_ref().ok().and_then(Option::as_ref);
    let mut context = context_of(&from.role_arn);
    // The context of a function's environment, which a key may be for as well. A secret's context doesn't have it.
    context.insert("kms:encryptioncontext:aws:lambda:functionarn", None);
    if let Some(secret) = secret {
        context.insert("kms:encryptioncontext:secretarn", Some(secret.clone()));
    }
    let check = |action: &&'static str| {
        let principal = RequestPrincipal::Role(&from.role_arn);
        let request = PolicyRequest { principal, action, resource: &key.arn, context: &context };
        let by_policy = decide_guarded_request(role, &key.policy, &request);
        let grant = key.grants.iter().find(|grant| grant_allows(grant, from, action, secret));
        let decision = match (by_policy, grant) {
            (PolicyDecision::NotAllowed | PolicyDecision::OutsideBoundary(_), Some(grant)) => {
                PolicyDecision::Allowed(format!("the grant {} of the key", grant.id))
            }
            (decision, _) => decision,
        };
        let reason = decision_text(from, action, &decision);
        let verdict = if decision.is_allowed() { RequestVerdict::Allowed } else { RequestVerdict::Denied };
        new_check(Reach::Key, action, &key.arn, verdict, reason)
    };
    actions.iter().map(check).collect()
}

/// Whether a grant lets the role of `from` do `action` for this secret.
fn grant_allows(grant: &KeyGrant, from: &VenueSubject, action: &str, secret: Option<&String>) -> bool {
    let role_name = from.role_arn.rsplit('/').next().unwrap_or_default();
    let is_session = grant.grantee.contains(&format!(":sts::{}:assumed-role/{role_name}/", from.account));
    let operation = action.rsplit(':').next().unwrap_or_default();
    let other_secret = match (grant.encryption_context.get(SECRET_ARN), secret) {
        (Some(limit), Some(secret)) => limit != secret,
        _ => false,
    };
    (grant.grantee == from.role_arn || is_session)
        && grant.operations.iter().any(|allowed| allowed == operation)
        && !other_secret
}

/// Whether something of `to` is sent to `from`, or to where `from` may read.
pub(super) fn check_by_delivery(from: &VenueSubject, to: &VenueSubject) -> Vec<IsolationCheck> {
    let deliveries = match &to.deliveries {
        Ok(deliveries) => deliveries,
        Err(why) => return vec![new_check(Reach::Delivery, "delivery", "", RequestVerdict::Untold, why.clone())],
    };
    deliveries.iter().filter_map(|delivery| check_delivery(from, delivery)).collect()
}

fn check_delivery(from: &VenueSubject, delivery: &Delivery) -> Option<IsolationCheck> {
    let Delivery { setting, destination, role, policy } = delivery;
    let check = |action: &str, verdict, reason| Some(new_check(Reach::Delivery, action, destination, verdict, reason));
    let is_part_of =
        |arn: &str| destination.strip_prefix(arn).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'));
    let own = [&from.function_arn, &from.log_group_arn].into_iter().chain(&from.rule_arn);
    let owns = own.into_iter().any(|arn| is_part_of(arn));
    if owns || role.as_ref() == Some(&from.role_arn) {
        let whose = if owns { String::new() } else { format!(" with {}'s role", from.venue) };
        return check("delivery", RequestVerdict::Allowed, format!("allowed by {setting}{whose}, to {destination}"));
    }
    let Some(action) = reading_action(destination) else {
        // What reads a log group or a function of somebody else's isn't a venue.
        return None;
    };
    let (role, policy) = match (role_policies(from), policy) {
        (Ok(role), Ok(policy)) => (role, policy),
        (Err(why), _) | (_, Err(why)) => return check(action, RequestVerdict::Untold, why.clone()),
    };
    let context: RequestContext = context_of(&from.role_arn);
    let principal = RequestPrincipal::Role(&from.role_arn);
    let request = PolicyRequest { principal, action, resource: destination, context: &context };
    let decision = decide_role_request(role, policy, &request);
    let verdict = if decision.is_allowed() { RequestVerdict::Allowed } else { RequestVerdict::Denied };
    let reason = decision_text(from, action, &decision);
    let reason = if decision.is_allowed() { format!("{reason}, and {setting} sends there") } else { reason };
    check(action, verdict, reason)
}

/// With which action a role reads what was sent to `destination`.
fn reading_action(destination: &str) -> Option<&'static str> {
    match Arn::parse_arn(destination).ok()?.service {
        "sqs" => Some("sqs:ReceiveMessage"),
        "sns" => Some("sns:Subscribe"),
        "kinesis" => Some("kinesis:GetRecords"),
        "firehose" => Some("firehose:UpdateDestination"),
        "s3" => Some("s3:GetObject"),
        "events" => Some("events:PutRule"),
        _ => None,
    }
}

/// Where the log lines and events of a deployed venue are sent. The policies of the destinations are not read here.
pub fn live_deliveries(venue: &str, live: &LiveStack) -> Vec<Delivery> {
    let mut found = Vec::new();
    let mut add = |setting: String, destination: &Value, role: &Value| {
        if let Some(destination) = destination.as_str().filter(|arn| !arn.is_empty()) {
            let role = role.as_str().map(ToOwned::to_owned);
            let (destination, policy) = (destination.to_owned(), Ok(Vec::new()));
            found.push(Delivery { setting, destination, role, policy });
        }
    };
    let mut add_member = |answer: AnswerKind, member: &UnmodeledMember| {
        let value = &member.value;
        match (answer, member.path.as_str()) {
            (AnswerKind::Alias, "EventInvokeConfig.DestinationConfig") => {
                for (on, what) in [("OnSuccess", "success"), ("OnFailure", "failure")] {
                    let setting = format!("the {what} destination of {venue}'s alias");
                    add(setting, &value[on]["Destination"], &Value::Null);
                }
            }
            (AnswerKind::Configuration, "DeadLetterConfig") => {
                add(format!("the dead-letter setting of {venue}'s function"), &value["TargetArn"], &Value::Null);
            }
            (AnswerKind::Target, "DeadLetterConfig") => {
                add(format!("the dead-letter setting of {venue}'s rule"), &value["Arn"], &Value::Null);
            }
            (AnswerKind::LogGroup, _) => {
                if let Some(filter) = member.entry_of("SubscriptionFilters") {
                    let setting = format!("the subscription filter {filter} of {venue}'s log group");
                    add(setting, &value["destinationArn"], &value["roleArn"]);
                }
            }
            _ => {}
        }
    };
    for (answer, members, _) in live.unmodeled_answers() {
        members.iter().for_each(|member| add_member(answer, member));
    }
    // What the alias points to may differ from the newest configuration.
    if let Some(alias) = live.alias.as_present() {
        alias.configuration.unmodeled.iter().for_each(|member| add_member(AnswerKind::Configuration, member));
    }
    if let Some(destination) = live.schedule.as_present().and_then(|schedule| schedule.target.dead_letter.clone()) {
        let setting = format!("the dead-letter setting of {venue}'s schedule");
        found.push(Delivery { setting, destination, role: None, policy: Ok(Vec::new()) });
    }
    found.sort_by(|one, other| (&one.setting, &one.destination).cmp(&(&other.setting, &other.destination)));
    found.dedup();
    found
}
