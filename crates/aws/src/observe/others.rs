//! Functions that sync something and aren't ours in this region: of other deployments, and of this one elsewhere.

use std::collections::BTreeMap;

use aws_sdk_eventbridge::config::Region;
use futures_util::future::join_all;

use super::LiveInventory;
use super::function::{ListedFunction, list_functions_in, read_function_tags};
use crate::{Aws, Call, Found};
use deployer_core::naming::{RolePlace, TAG_DEPLOYMENT, VenueNames, parse_mark};
use deployer_core::rival::{OtherFunction, is_sync_environment};
use deployer_core::scope::Scope;

/// In how many other regions functions are listed. Roles, which are global, say in which.
const REGIONS: usize = 4;

/// Lists the functions of this region and of those in which deployments have roles. What can't be read isn't reported,
/// because no plan depends on it.
pub(super) async fn list_other_functions(
    aws: &Aws,
    scope: &Scope,
    place: &RolePlace,
    inventory: &LiveInventory,
) -> Vec<OtherFunction> {
    let regions = inventory.roles.deployed_regions().into_iter().filter(|region| *region != scope.region).take(REGIONS);
    let elsewhere = join_all(regions.map(async |region| {
        let listed = list_functions_in(&aws.lambda, Some(&region)).await.unwrap_or_default();
        find_others(&listed, &region, None)
    }));
    let mut others =
        inventory.functions.as_ref().map(|list| find_others(list, &scope.region, Some(place))).unwrap_or_default();
    others.extend(elsewhere.await.into_iter().flatten());
    others
}

/// The functions with a sync's environment, except those that belong to `ours`.
fn find_others(
    listed: &BTreeMap<String, ListedFunction>,
    region: &str,
    ours: Option<&RolePlace>,
) -> Vec<OtherFunction> {
    let mut others = Vec::new();
    for (name, function) in listed {
        let Some(Ok(configuration)) = &function.configuration else { continue };
        if !is_sync_environment(&configuration.environment) {
            continue;
        }
        let owner = parse_mark(&function.description);
        let is_ours = |(deployment, venue): (&str, &str)| {
            ours.is_some_and(|place| place.deployment == deployment)
                && VenueNames::new(deployment, venue).function == *name
        };
        if owner.is_some_and(is_ours) {
            continue;
        }
        others.push(OtherFunction {
            name: name.clone(),
            region: region.to_owned(),
            deployment: owner.map(|(deployment, _)| deployment.to_owned()),
            environment: configuration.environment.clone(),
            fires: None,
        });
    }
    others
}

/// Finds out whether the rule of another function fires and, if its description doesn't say it, whose it is.
pub async fn examine_rival(aws: &Aws, scope: &Scope, other: &mut OtherFunction) {
    let region = aws_sdk_eventbridge::Config::builder().region(Region::new(other.region.clone()));
    let rule = VenueNames::rule_of_function(&other.name);
    let request = aws.events.describe_rule().name(rule).customize().config_override(region);
    other.fires = match request.send().await.call("events:DescribeRule").found() {
        Ok(Some(rule)) => Some(rule.state().is_none_or(|state| state.as_str() != "DISABLED")),
        Ok(None) => Some(false),
        Err(_) => None,
    };
    if other.deployment.is_none() && other.region == scope.region {
        let arn = scope.regional_arn("lambda", &format!("function:{}", other.name));
        let tags = read_function_tags(&aws.lambda, &arn).await.unwrap_or_default();
        other.deployment = tags.get(TAG_DEPLOYMENT).cloned();
    }
}
