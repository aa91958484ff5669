//! Where servers are known to differ from AWS. Each entry is checked: when a server closes a gap, the suite says so.

use crate::clouds::Target::{self, Ministack, Moto};

/// Server, probe, and what it does instead.
const GAPS: &[(Target, &str, &str)] = &[
    (Moto, "events::a_schedule_that_is_none_is_refused", "it takes rate(5 minute)"),
    (Moto, "iam::a_role_is_simulated_with_what_is_attached", "it fails at it"),
    (Moto, "iam::policies_are_simulated", "it fails at it"),
    (Moto, "lambda::a_permission_belongs_to_the_alias", "it shows one policy whatever the qualifier"),
    (Moto, "lambda::a_statement_id_is_taken_once", "it takes a statement id twice"),
    (Moto, "lambda::asynchronous_settings_belong_to_the_alias", "it shows one configuration whatever the qualifier"),
    (Moto, "lambda::functions_come_in_pages", "it gives all functions in one page"),
    (Moto, "secrets::a_name_in_deletion_is_not_free", "it answers ResourceExistsException"),
    (
        Ministack,
        "events::a_rule_that_is_put_again_is_changed_and_keeps_its_tags",
        "what isn't given again keeps its value, where AWS resets it",
    ),
    (Ministack, "events::a_rule_with_targets_is_not_deleted", "it deletes a rule with its targets"),
    (Ministack, "events::a_schedule_that_is_none_is_refused", "it takes rate(5 minute)"),
    (Ministack, "events::what_is_not_there_is_not_found", "it lists and removes targets of rules that aren't there"),
    (Ministack, "iam::a_role_is_simulated_with_what_is_attached", "it denies everything, whatever the role has"),
    (Ministack, "lambda::a_permission_belongs_to_the_alias", "it shows one policy whatever the qualifier"),
    (Ministack, "lambda::a_role_that_is_not_there_is_refused", "it takes any role"),
    (Ministack, "lambda::what_is_not_there_is_not_found", "it answers an empty policy where there is none"),
    (Ministack, "secrets::a_name_in_deletion_is_not_free", "it answers ResourceExistsException"),
];

/// What `target` does instead, where it is known to differ in `probe`.
pub fn find(target: Target, probe: &str) -> Option<&'static str> {
    GAPS.iter().find(|(server, name, _)| *server == target && *name == probe).map(|(_, _, what)| *what)
}
