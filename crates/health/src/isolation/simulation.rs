//! IAM's own decision on the same requests, from `SimulatePrincipalPolicy`. It covers all policies of a role, its
//! boundary and the organization's limits. With a role as the caller, it does not simulate the policies of the
//! requested resource.
//!
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::Client;
use aws_sdk_iam::types::PolicyEvaluationDecisionType;
use futures_util::{StreamExt, stream};

use deployer_aws::{CallError, sdk_pages};
use deployer_core::isolation::{SimulationResults, VenueSubject, requests_to_check};

/// How many roles are simulated concurrently. IAM's limits aren't published.
const ROLES_AT_ONCE: usize = 4;
/// Resources per call.
const RESOURCES: usize = 50;

/// Asks IAM about every pair. If a call is not permitted, the error says why, and earlier results are discarded.
///
/// # Errors
/// A call failed.
pub async fn simulate_pairs(iam: &Client, subjects: &[VenueSubject]) -> Result<SimulationResults, CallError> {
    let answers: Vec<_> = stream::iter(subjects)
        .map(|from| simulate_role(iam, from, subjects))
        .buffer_unordered(ROLES_AT_ONCE)
        .collect()
        .await;
    let mut all = BTreeMap::new();
    for answer in answers {
        all.extend(answer?);
    }
    Ok(SimulationResults::new(all))
}

type SimulatedDecisions = BTreeMap<(String, String, String), String>;

async fn simulate_role(
    iam: &Client,
    from: &VenueSubject,
    subjects: &[VenueSubject],
) -> Result<SimulatedDecisions, CallError> {
    // Actions on the same resources go into one call.
    let mut actions_of: BTreeMap<String, BTreeSet<&'static str>> = BTreeMap::new();
    for to in subjects {
        for asked in requests_to_check(to, to.venue == from.venue) {
            if let Ok(resource) = asked.resource {
                actions_of.entry(resource).or_default().insert(asked.action);
            }
        }
    }
    let mut calls: BTreeMap<BTreeSet<&str>, Vec<String>> = BTreeMap::new();
    for (resource, actions) in actions_of {
        calls.entry(actions).or_default().push(resource);
    }
    let mut answers = SimulatedDecisions::new();
    for (actions, resources) in calls {
        for resources in resources.chunks(RESOURCES) {
            let request = iam
                .simulate_principal_policy()
                .policy_source_arn(&from.role_arn)
                .set_action_names(Some(actions.iter().map(|action| (*action).to_owned()).collect()))
                .set_resource_arns(Some(resources.to_vec()));
            let stream = request.into_paginator().send();
            let mut pages = sdk_pages("iam:SimulatePrincipalPolicy", stream, |page| page.marker());
            while let Some(page) = pages.next_page().await {
                for result in page?.evaluation_results() {
                    let mut answer = |resource: &str, decision: &PolicyEvaluationDecisionType| {
                        let key = (from.venue.clone(), result.eval_action_name().to_owned(), resource.to_owned());
                        answers.insert(key, decision.as_str().to_owned());
                    };
                    answer(result.eval_resource_name().unwrap_or_default(), result.eval_decision());
                    // With several resources, the decision on each may be nested one level deeper.
                    for specific in result.resource_specific_results() {
                        answer(specific.eval_resource_name(), specific.eval_resource_decision());
                    }
                }
            }
        }
    }
    Ok(answers)
}
