//! Whether the current credentials may do what the deployer does.
//!
//! This asks IAM's policy simulator, so that nothing has to be tried:
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>. It knows the policies of the
//! user or role, its permissions boundary and, for most accounts, the organization's policies, but not session
//! policies.

use std::collections::BTreeMap;

use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, EvaluationResult, PolicyEvaluationDecisionType};
use futures_util::future::join_all;

use super::aws::{ExaminedCaller, finding_for_call, not_checked};
use super::{CheckArea, DoctorCheck, DoctorFinding, Examination};
use deployer_aws::{Aws, Call, CallError, FailureKind, sdk_pages};
use deployer_core::arn::Arn;
use deployer_core::manifest::Status;
use deployer_core::naming::TAG_DEPLOYMENT;
use deployer_core::permissions::{ActionRow, ActionTarget, PolicyCommand, PolicyPlace, all_actions};

/// The principal whose policies are simulated.
#[derive(Debug, Clone, PartialEq, Eq)]
enum SimulatedPrincipal {
    /// A user, or a role by its own ARN.
    Known(String),
    /// A session of this role. The session's ARN lacks the role's path.
    SessionOf(String),
    /// The account itself.
    Root,
    /// A principal that the simulator doesn't support.
    Unsimulated,
}

impl SimulatedPrincipal {
    fn from_arn(arn: &str) -> Self {
        let Ok(Arn { resource, .. }) = Arn::parse_arn(arn) else { return Self::Unsimulated };
        match resource.split_once('/').unwrap_or((resource, "")) {
            ("root", _) => Self::Root,
            ("user" | "role", _) => Self::Known(arn.to_owned()),
            ("assumed-role", rest) => Self::SessionOf(rest.split('/').next().unwrap_or(rest).to_owned()),
            _ => Self::Unsimulated,
        }
    }
}

pub(super) async fn check_permissions(examination: &Examination<'_>) -> Vec<DoctorCheck> {
    let check = |finding: DoctorFinding, service: &str| {
        finding.into_check(CheckArea::Aws, None, format!("permissions {service}"))
    };
    let aws = examination.patient.aws;
    let one = |finding: DoctorFinding| vec![finding.into_check(CheckArea::Aws, None, "permissions")];
    let Ok(identity) = examination.caller_identity().await else { return one(not_checked()) };
    let principal = match SimulatedPrincipal::from_arn(&identity.arn) {
        SimulatedPrincipal::Root => {
            return one(DoctorFinding::warning(format!("{} may do everything", identity.arn))
                .with_advice("use a role instead of the account's root user"));
        }
        SimulatedPrincipal::Unsimulated => {
            return one(DoctorFinding::unknown(format!(
                "IAM simulates only users and roles, and {} is neither",
                identity.arn
            )));
        }
        SimulatedPrincipal::Known(arn) => arn,
        SimulatedPrincipal::SessionOf(role) => {
            match aws.iam.get_role().role_name(&role).send().await.call("iam:GetRole") {
                Ok(answer) => answer.role().map(|role| role.arn().to_owned()).unwrap_or_default(),
                Err(error) => return one(not_simulated(&error)),
            }
        }
    };
    let venues = examination.examined_venues().into_iter().filter(|venue| venue.status != Status::Blocked);
    let venues: Vec<String> = venues.map(|venue| venue.name.clone()).collect();
    match simulate_actions(aws, examination, identity, &principal, &venues).await {
        Err(error) => one(not_simulated(&error)),
        Ok(denied) => action_services()
            .into_iter()
            .map(|service| check(judge_service(service, &denied, &principal, &identity.arn), service))
            .collect(),
    }
}

/// The finding if the simulator can't be used, which says nothing about the other permissions.
fn not_simulated(error: &CallError) -> DoctorFinding {
    let unknown = DoctorFinding::unknown(format!("permissions weren't simulated: {error}"));
    match error.kind {
        FailureKind::NotImplemented => unknown,
        _ => DoctorFinding { advice: finding_for_call(error).advice, ..unknown },
    }
}

/// An action that is not allowed on a resource, and why.
struct DeniedAction {
    action: &'static ActionRow,
    resource: String,
    reason: String,
    /// Whether the decision depends on a condition key whose value the simulator doesn't have.
    undecided: bool,
}

async fn simulate_actions(
    aws: &Aws,
    examination: &Examination<'_>,
    identity: &ExaminedCaller,
    principal: &str,
    venues: &[String],
) -> Result<Vec<DeniedAction>, CallError> {
    let roles = examination.patient.manifest.deployment.role_place();
    let mut groups: BTreeMap<(ActionTarget, Option<&str>), Vec<&'static ActionRow>> = BTreeMap::new();
    for action in examined_actions() {
        // A role is passed to one service at a time.
        match action.condition.passed_services(&identity.scope) {
            [] => groups.entry((action.target, None)).or_default().push(action),
            services => services
                .iter()
                .for_each(|service| groups.entry((action.target, Some(service))).or_default().push(action)),
        }
    }
    let place = &PolicyPlace { scope: identity.scope.clone(), roles };
    let groups = groups.into_iter().map(|((on, passed_to), actions)| async move {
        let context = context_entries(place, passed_to);
        let resources = on.simulated_arns(place, venues);
        if resources.is_empty() {
            return Ok(Vec::new());
        }
        let names = actions.iter().map(|action| action.action.to_owned()).collect();
        let request = aws.iam.simulate_principal_policy().policy_source_arn(principal).set_action_names(Some(names));
        let request = request.set_resource_arns(Some(resources)).set_context_entries(Some(context));
        let stream = request.max_items(1000).into_paginator().send();
        let mut pages = sdk_pages("iam:SimulatePrincipalPolicy", stream, |page| page.marker());
        let mut denied = Vec::new();
        while let Some(page) = pages.next_page().await {
            let page = page?;
            for result in page.evaluation_results() {
                let action = actions.iter().find(|action| action.action == result.eval_action_name());
                denied.extend(action.into_iter().flat_map(|action| denials_in_result(action, result)));
            }
        }
        Ok::<_, CallError>(denied)
    });
    let denied: Result<Vec<_>, _> = join_all(groups).await.into_iter().collect();
    let mut denied: Vec<DeniedAction> = denied?.into_iter().flatten().collect();
    // One result can repeat the results of all resources.
    denied.sort_by(|one, other| (one.action.action, &one.resource).cmp(&(other.action.action, &other.resource)));
    denied.dedup_by(|one, other| (one.action.action, &one.resource) == (other.action.action, &other.resource));
    Ok(denied)
}

/// The condition keys that policies may check, with the values that the deployer's calls have.
fn context_entries(place: &PolicyPlace, passed_to: Option<&str>) -> Vec<ContextEntry> {
    let (deployment, region) = (place.roles.deployment.as_str(), place.scope.region.as_str());
    let entries = [
        ("aws:RequestedRegion".to_owned(), region),
        (format!("aws:RequestTag/{TAG_DEPLOYMENT}"), deployment),
        (format!("aws:ResourceTag/{TAG_DEPLOYMENT}"), deployment),
    ];
    let passed = passed_to.map(|service| ("iam:PassedToService".to_owned(), service));
    let entry = |(key, value): (String, &str)| {
        let entry = ContextEntry::builder().context_key_name(key).context_key_type(ContextKeyTypeEnum::String);
        entry.context_key_values(value).build()
    };
    entries.into_iter().chain(passed).map(entry).collect()
}

/// The denials in a result. One result can cover all resources and list those that differ.
fn denials_in_result(action: &'static ActionRow, result: &EvaluationResult) -> Vec<DeniedAction> {
    let elsewhere = if result.organizations_decision_detail().is_some_and(|detail| !detail.allowed_by_organizations()) {
        ", by a policy of the organization"
    } else if result
        .permissions_boundary_decision_detail()
        .is_some_and(|detail| !detail.allowed_by_permissions_boundary())
    {
        ", by the permissions boundary"
    } else {
        ""
    };
    let denied = |resource: &str, decision: &PolicyEvaluationDecisionType, missing: &[String]| {
        let mut reason = format!("{}{elsewhere}", decision.as_str());
        if !missing.is_empty() {
            reason = format!("{reason}, depends on the conditions {}", missing.join(", "));
        }
        let undecided = !missing.is_empty() && *decision == PolicyEvaluationDecisionType::ImplicitDeny;
        DeniedAction { action, resource: resource.to_owned(), reason, undecided }
    };
    let specific = result.resource_specific_results();
    if specific.is_empty() {
        let decision = result.eval_decision();
        if *decision == PolicyEvaluationDecisionType::Allowed {
            return Vec::new();
        }
        return vec![denied(result.eval_resource_name().unwrap_or("*"), decision, result.missing_context_values())];
    }
    specific
        .iter()
        .filter(|of_one| *of_one.eval_resource_decision() != PolicyEvaluationDecisionType::Allowed)
        .map(|of_one| {
            denied(of_one.eval_resource_name(), of_one.eval_resource_decision(), of_one.missing_context_values())
        })
        .collect()
}

/// What plan, apply and destroy need, and what the commands for secrets do.
fn examined_actions() -> impl Iterator<Item = &'static ActionRow> {
    const EXAMINED: [PolicyCommand; 4] =
        [PolicyCommand::Plan, PolicyCommand::Apply, PolicyCommand::Destroy, PolicyCommand::Secret];
    all_actions().filter(|row| EXAMINED.iter().any(|command| row.is_taken_by(*command)))
}

/// The services, in the order of the table.
fn action_services() -> Vec<&'static str> {
    let mut services: Vec<&'static str> = examined_actions().map(ActionRow::service).collect();
    services.dedup();
    services
}

/// One finding for all actions of a service.
fn judge_service(name: &str, denied: &[DeniedAction], principal: &str, arn: &str) -> DoctorFinding {
    let denied: Vec<&DeniedAction> = denied.iter().filter(|denied| denied.action.service() == name).collect();
    let mut by_action: BTreeMap<&str, Vec<&DeniedAction>> = BTreeMap::new();
    for denied in &denied {
        by_action.entry(denied.action.action).or_default().push(denied);
    }
    if by_action.is_empty() {
        let mut actions: Vec<&str> =
            examined_actions().filter(|action| action.service() == name).map(|action| action.action).collect();
        actions.sort_unstable();
        actions.dedup();
        let session = if arn == principal { "" } else { "; session policies are not included" };
        let actions = match actions.as_slice() {
            [one] => format!("{one} is allowed"),
            all => format!("all {} actions are allowed", all.len()),
        };
        return DoctorFinding::ok(format!("{actions}, according to IAM's simulator{session}"));
    }
    let evidence: Vec<String> = by_action
        .iter()
        .filter_map(|(action, denied)| {
            let (first, more) = denied.split_first()?;
            let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
            Some(format!("{action} on {}{more} ({})", first.resource, first.reason))
        })
        .collect();
    let evidence = format!("not allowed: {}", evidence.join("; "));
    let names: Vec<&str> = by_action.keys().copied().collect();
    let policy = format!(
        "ask an administrator of the account to add to the policies of {principal}: {} (`deployer iam-policy --for all` \
             prints whole policies)",
        names.join(", ")
    );
    let certain = denied.iter().any(|denied| denied.action.otherwise.is_none() && !denied.undecided);
    let needed = denied.iter().any(|denied| denied.action.otherwise.is_none());
    if certain {
        DoctorFinding::failed(evidence).with_advice(policy)
    } else if needed {
        DoctorFinding::unknown(evidence).with_advice(policy)
    } else {
        let without =
            |denied: &&DeniedAction| Some(format!("without {}, {}", denied.action.action, denied.action.otherwise?));
        let mut without: Vec<String> = denied.iter().filter_map(without).collect();
        without.dedup();
        DoctorFinding::warning(evidence).with_advice(format!("{}; {policy}", without.join("; ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derives_the_principal_from_the_arn() {
        let known = |arn: &str| SimulatedPrincipal::Known(arn.to_owned());
        for (arn, wanted) in [
            ("arn:aws:iam::123456789012:user/ops/ana", known("arn:aws:iam::123456789012:user/ops/ana")),
            ("arn:aws:sts::123456789012:assumed-role/Deploy/ana", SimulatedPrincipal::SessionOf("Deploy".to_owned())),
            (
                "arn:aws-us-gov:sts::123456789012:assumed-role/AWSReservedSSO_Admin_0123/ana@example.com",
                SimulatedPrincipal::SessionOf("AWSReservedSSO_Admin_0123".to_owned()),
            ),
            ("arn:aws:iam::123456789012:root", SimulatedPrincipal::Root),
            ("arn:aws:sts::123456789012:federated-user/ana", SimulatedPrincipal::Unsimulated),
            ("", SimulatedPrincipal::Unsimulated),
        ] {
            assert_eq!(SimulatedPrincipal::from_arn(arn), wanted, "{arn}");
        }
    }

    #[test]
    fn warns_about_optional_actions_and_reports_undecided_ones_as_unknown() {
        let action = |name: &str| examined_actions().find(|action| action.action == name).expect("a listed action");
        let denied = |name: &str, undecided: bool| DeniedAction {
            action: action(name),
            resource: "*".to_owned(),
            reason: "implicitDeny".to_owned(),
            undecided,
        };
        let verdict = |denied: &[DeniedAction]| judge_service("lambda", denied, "arn", "arn").verdict;
        use super::super::DoctorVerdict;
        assert_eq!(verdict(&[]), DoctorVerdict::Ok);
        assert_eq!(verdict(&[denied("iam:PassRole", false)]), DoctorVerdict::Ok, "another service");
        assert_eq!(verdict(&[denied("lambda:InvokeFunction", false)]), DoctorVerdict::Warning);
        assert_eq!(verdict(&[denied("lambda:CreateFunction", true)]), DoctorVerdict::Unknown);
        let all = [denied("lambda:CreateFunction", false), denied("lambda:InvokeFunction", false)];
        assert_eq!(verdict(&all), DoctorVerdict::Failed);
    }
}
