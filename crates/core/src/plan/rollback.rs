//! A rollback as a plan: the alias moves back to an earlier version, and a tag pins it there.

use std::collections::BTreeMap;

use super::{Action, Change, Differences, LambdaOperation, Plan, is_owner};
use crate::concurrency::has_lease;
use crate::naming::{ALIAS, TAG_PINNED};
use crate::resource::{
    FunctionConfiguration, LiveAlias, LiveFunction, LiveStack, ResourceAddress, ResourceKind, StringMap,
};
use crate::scope::Scope;

/// Plans moving `venue`'s alias to version `to`, or to the previous version if `to` is `None`. `versions` are the
/// existing versions.
///
/// # Errors
/// Why the rollback is impossible, for the user.
pub fn plan_rollback(
    deployment: &str,
    scope: &Scope,
    venue: &str,
    live: &LiveStack,
    versions: &BTreeMap<u64, FunctionConfiguration>,
    to: Option<u64>,
) -> Result<Plan, String> {
    let (function, alias) = find_owned_alias(deployment, venue, live)?;
    let current: u64 = alias
        .version
        .parse()
        .map_err(|_| format!("the alias of {venue} points to {}, which is not a numbered version", alias.version))?;
    let listed = || versions.keys().map(u64::to_string).collect::<Vec<_>>().join(", ");
    let to = match to {
        Some(to) => to,
        None => versions.range(..current).next_back().map(|(version, _)| *version).ok_or_else(|| {
            format!("there is no version before {current}, which {venue} runs now (existing versions: {})", listed())
        })?,
    };
    let Some(configuration) = versions.get(&to) else {
        return Err(format!("{venue} has no version {to} (existing versions: {})", listed()));
    };
    let mut plan = Plan::empty(deployment, scope);
    if to == current {
        plan.notes.push(format!("{venue} already runs version {to}"));
        return Ok(plan);
    }
    let role = &function.configuration.role_arn;
    if configuration.role_arn != *role {
        return Err(format!(
            "version {to} of {venue} runs with the role {}, and the venue has the role {role} now. Apply an earlier manifest \
             or artifact instead",
            configuration.role_arn
        ));
    }
    if function.reserved_concurrency.is_none() && !has_lease(&configuration.environment) {
        return Err(format!(
            "runs of version {to} of {venue} could overlap: they take no lease, and the function has no reserved concurrency. \
             Set `reserved_concurrency = 1` in [venues.{venue}] and apply first"
        ));
    }
    let mut differences = Differences::default();
    differences.compare_value("version", current.to_string(), to.to_string());
    differences.compare_value(
        "code_sha256",
        alias.configuration.code_sha256.as_str(),
        configuration.code_sha256.as_str(),
    );
    super::function::compare_settings(&mut differences, &alias.configuration, configuration);
    let (attributes, _) = differences.into_parts();
    // The tag comes first, because it pins nothing until the alias has moved.
    let mut operations = vec![
        LambdaOperation::TagFunction {
            arn: function_arn(scope, function),
            tags: StringMap::from([(TAG_PINNED.to_owned(), to.to_string())]),
        }
        .into(),
        LambdaOperation::MoveAlias { function: function.name.clone(), alias: ALIAS.to_owned(), version: to }.into(),
    ];
    // Weights would send some of the runs to another version still.
    if alias.unmodeled.find_member("RoutingConfig").is_some() {
        let reset = LambdaOperation::ResetAlias { function: function.name.clone(), alias: ALIAS.to_owned() };
        operations.push(reset.into());
    }
    plan.changes.push(Change {
        address: ResourceAddress { venue: venue.to_owned(), kind: ResourceKind::Alias },
        name: format!("{}:{ALIAS}", function.name),
        action: Action::Update,
        reason: format!("moves back to version {to} and stays there until the function changes"),
        attributes,
        operations,
    });
    Ok(plan)
}

/// Plans letting `venue`'s alias move with the function again.
///
/// # Errors
/// Why the alias can't be unpinned, for the user.
pub fn plan_unpin(deployment: &str, scope: &Scope, venue: &str, live: &LiveStack) -> Result<Plan, String> {
    let (function, _) = find_owned_alias(deployment, venue, live)?;
    let mut plan = Plan::empty(deployment, scope);
    if let Some(version) = function.tags.get(TAG_PINNED) {
        let mut differences = Differences::default();
        differences.add_removed(&format!("tags.{TAG_PINNED}"), version.as_str());
        plan.changes.push(Change {
            address: ResourceAddress { venue: venue.to_owned(), kind: ResourceKind::Function },
            name: function.name.clone(),
            action: Action::Update,
            reason: "the next apply moves its alias forward again".to_owned(),
            attributes: differences.into_parts().0,
            operations: vec![
                LambdaOperation::UntagFunction {
                    arn: function_arn(scope, function),
                    keys: vec![TAG_PINNED.to_owned()],
                }
                .into(),
            ],
        });
    } else {
        plan.notes.push(format!("{venue} is not rolled back; there is nothing to unpin"));
    }
    Ok(plan)
}

fn find_owned_alias<'l>(
    deployment: &str,
    venue: &str,
    live: &'l LiveStack,
) -> Result<(&'l LiveFunction, &'l LiveAlias), String> {
    let function = live.function.as_present().ok_or_else(|| format!("{venue} has no function, or it is unreadable"))?;
    if !is_owner(&function.tags, deployment) {
        return Err(format!("the function {} isn't owned by deployment {deployment}", function.name));
    }
    let alias =
        live.alias.as_present().ok_or_else(|| format!("the function {} has no alias {ALIAS}", function.name))?;
    Ok((function, alias))
}

fn function_arn(scope: &Scope, function: &LiveFunction) -> String {
    scope.regional_arn("lambda", &format!("function:{}", function.name))
}
