//! The AWS actions that the deployer takes: one table, with what each applies to, on which condition, and which commands
//! take it. The policy that `deployer iam-policy` prints, the doctor's check and the hints of denied calls are made from it.
//!
//! Actions, resources and condition keys as AWS lists them:
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>.
//! A new call is a row in [`deployment`] (what a deployment does to its own resources) or [`account`] (what an audit reads
//! and a decommissioning deletes); tests compare the rows with the calls that the source names and that commands make.

mod account;
mod command;
mod deployment;
mod document;
mod target;

use serde_json::{Value, json};

pub use command::PolicyCommand;
pub use document::{
    MAX_POLICY_CHARACTERS, OptionalParts, PolicyDocument, build_move_policies, build_policies, build_policies_for,
};
pub use target::{ActionTarget, PolicyPlace};

use sync_config::metrics::METRIC_NAMESPACE;

use crate::naming::{TAG_ADOPTED, TAG_DEPLOYMENT};
use crate::role_policy::{EVENTS, SCHEDULER, rules_have_roles};
use crate::scope::Scope;

/// An action, as IAM writes it: one row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActionRow {
    /// `lambda:CreateFunction`
    pub action: &'static str,
    /// What it applies to.
    pub target: ActionTarget,
    /// On which condition it is allowed.
    pub condition: ActionCondition,
    /// The commands that take it.
    pub commands: &'static [PolicyCommand],
    /// What happens without it, if the commands can do without it.
    pub otherwise: Option<&'static str>,
}

/// The services that call functions with a role, or run with one. A venue's role is passed to the first two, and to the
/// third where rules have roles.
const TRIGGERS: [&str; 4] = ["lambda.amazonaws.com", SCHEDULER, EVENTS, "apigateway.amazonaws.com"];

/// The condition of a row. Only keys that the action's service supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ActionCondition {
    /// None: the resource's name or path says enough, or the action only reads.
    None,
    /// The resource has the deployment's tag.
    Owned,
    /// The request sets the deployment's tag.
    Tagging,
    /// The request sets the deployment's tag, and the one of an adopted role.
    TaggingAdopted,
    /// The role is passed to Lambda and to what starts runs, and to no other service.
    PassedToVenue,
    /// The role is passed to a service whose resources a decommissioning archives.
    PassedToTriggers,
    /// No deployment owns the resource.
    Unowned,
    /// The metrics are in the namespace of the runs.
    OwnMetrics,
}

impl ActionCondition {
    /// The services that a role may be passed to.
    pub fn passed_services(self, scope: &Scope) -> &'static [&'static str] {
        match self {
            Self::PassedToVenue if rules_have_roles(scope) => &TRIGGERS[..3],
            Self::PassedToVenue => &TRIGGERS[..2],
            Self::PassedToTriggers => &TRIGGERS,
            Self::None | Self::Owned | Self::Tagging | Self::TaggingAdopted | Self::Unowned | Self::OwnMetrics => &[],
        }
    }

    /// The `Condition` of a statement.
    fn to_json(self, place: &PolicyPlace) -> Option<Value> {
        let deployment = place.roles.deployment.as_str();
        let tags = |kind: &str, adopted: bool| {
            let mut keys = json!({ format!("aws:{kind}/{TAG_DEPLOYMENT}"): deployment });
            if adopted {
                keys[format!("aws:{kind}/{TAG_ADOPTED}")] = json!("true");
            }
            json!({ "StringEquals": keys })
        };
        match self {
            Self::None => None,
            Self::Owned => Some(tags("ResourceTag", false)),
            Self::Tagging => Some(tags("RequestTag", false)),
            Self::TaggingAdopted => Some(tags("RequestTag", true)),
            Self::PassedToVenue | Self::PassedToTriggers => {
                Some(json!({ "StringEquals": { "iam:PassedToService": self.passed_services(&place.scope) } }))
            }
            Self::OwnMetrics => Some(json!({ "StringEquals": { "cloudwatch:namespace": METRIC_NAMESPACE } })),
            Self::Unowned => Some(json!({ "Null": { format!("aws:ResourceTag/{TAG_DEPLOYMENT}"): "true" } })),
        }
    }
}

const fn action(name: &'static str, target: ActionTarget, commands: &'static [PolicyCommand]) -> ActionRow {
    ActionRow { action: name, target, condition: ActionCondition::None, commands, otherwise: None }
}

impl ActionRow {
    const fn on_condition(self, condition: ActionCondition) -> Self {
        Self { condition, ..self }
    }

    const fn optional(self, otherwise: &'static str) -> Self {
        Self { otherwise: Some(otherwise), ..self }
    }

    /// The service's prefix: `lambda`.
    pub fn service(&self) -> &'static str {
        self.action.split(':').next().unwrap_or_default()
    }

    /// Whether only a manifest with `[alarms]` needs it.
    pub fn is_for_alarms(&self) -> bool {
        self.otherwise == Some(deployment::NO_ALARMS) && self.action != "cloudwatch:DescribeAlarms"
    }

    /// Whether only a manifest whose `scheduler` isn't `"rules"` needs it.
    pub fn is_for_schedules(&self) -> bool {
        self.otherwise == Some(deployment::NO_SCHEDULES)
    }

    /// Whether a command takes the action.
    pub fn is_taken_by(&self, command: PolicyCommand) -> bool {
        self.commands.contains(&command) || command.included_commands().iter().any(|part| self.commands.contains(part))
    }
}

/// The whole table. `sts:GetCallerIdentity` needs no permission.
pub fn all_actions() -> impl Iterator<Item = &'static ActionRow> {
    deployment::ACTIONS.iter().chain(account::ACTIONS)
}

/// The action that a call needs, by the call's name in errors. They differ where AWS has one action for several
/// operations.
pub fn action_of_call(call: &str) -> &str {
    let Some((service, operation)) = call.split_once(':') else { return call };
    let starts = |verbs: &[&str]| verbs.iter().any(|verb| operation.starts_with(verb));
    match service {
        // Its actions are the methods of HTTP.
        "apigateway" if starts(&["Get", "Export", "List"]) => "apigateway:GET",
        "apigateway" if starts(&["Create", "Import"]) => "apigateway:POST",
        "apigateway" if starts(&["Put", "TagResource"]) => "apigateway:PUT",
        "apigateway" if starts(&["Update"]) => "apigateway:PATCH",
        "apigateway" if starts(&["Delete", "UntagResource"]) => "apigateway:DELETE",
        "budgets" if starts(&["Describe"]) => "budgets:ViewBudget",
        "lambda" if operation == "Invoke" => "lambda:InvokeFunction",
        "s3" if operation == "ListBuckets" => "s3:ListAllMyBuckets",
        _ => call,
    }
}

#[cfg(test)]
mod tests;
