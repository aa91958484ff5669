//! What keeps a plan from being applied, in words: shown with the plan, and nowhere else.

use super::{Conflict, Plan};

/// An error in a plan, and what to do about it.
pub struct PlanProblem {
    pub message: String,
    pub hint: String,
}

/// The errors that keep a plan from being applied.
pub fn plan_problems(plan: &Plan) -> impl Iterator<Item = PlanProblem> {
    plan.conflicts
        .iter()
        .map(|found| conflict_problem(plan, found))
        .chain(plan.protected.iter().map(|venue| protection_problem(venue)))
}

fn conflict_problem(plan: &Plan, conflict: &Conflict) -> PlanProblem {
    if let Some(mismatch) = &conflict.mismatch {
        return PlanProblem {
            message: format!("{} {} {mismatch}", conflict.address.kind, conflict.name),
            hint: format!(
                "nothing was changed, because the contacts' values would be lost. Archive it in HubSpot (Settings, \
                 Properties); the next apply creates it again. To apply without {}, use `--target`",
                conflict.address.venue
            ),
        };
    }
    let owner = conflict.owner.as_deref().unwrap_or("none in its tags");
    PlanProblem {
        message: format!(
            "{} {} already exists and isn't owned by deployment {} (owner: {owner})",
            conflict.address.kind, conflict.name, plan.deployment
        ),
        hint: format!(
            "nothing was changed. Rename the venue or the deployment, delete the resource yourself, or take it over with \
             `deployer adopt {}`",
            conflict.address.venue
        ),
    }
}

fn protection_problem(venue: &str) -> PlanProblem {
    PlanProblem {
        message: format!("{venue} is protected, but this plan would remove it"),
        hint: "nothing was changed. Declare it with `protect = false`, apply that, and then remove it".to_owned(),
    }
}
