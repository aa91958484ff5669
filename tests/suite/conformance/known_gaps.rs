//! The known differences of servers from AWS. Each entry is checked: the suite fails if a server closes a gap, or if the
//! probe fails in another way than its entry says.

use crate::clouds::TestCloud::{self, Ministack, Moto};

/// The server, the probe, what the server does instead, and the text in which the probe fails because of that. Any other
/// failure of the probe is a new difference.
const GAPS: &[(TestCloud, &str, &str, &str)] = &[
    (Moto, "events::rejects_invalid_schedules", "it accepts rate(5 minute)", "accepted rate(5 minute)"),
    (
        Moto,
        "iam::simulates_role_with_attached_policies",
        "the simulation fails",
        "iam:SimulatePrincipalPolicy: HTTP status 500",
    ),
    (Moto, "iam::simulates_custom_policies", "the simulation fails", "iam:SimulateCustomPolicy: HTTP status 500"),
    (
        Moto,
        "lambda::keeps_permissions_per_alias",
        "it returns the same policy for every qualifier",
        "the call succeeded instead of failing as NotFound",
    ),
    (
        Moto,
        "lambda::rejects_duplicate_statement_id",
        "it accepts the same statement id twice",
        "the call succeeded instead of failing as AlreadyExists",
    ),
    (
        Moto,
        "lambda::keeps_async_settings_per_alias",
        "it returns the same configuration for every qualifier",
        "the call succeeded instead of failing as NotFound",
    ),
    (
        Moto,
        "lambda::pages_functions",
        "it returns all functions on one page",
        "first page: expected (1, true), found (3, false)",
    ),
    (
        Moto,
        "metrics::reports_missing_alarms_as_not_found",
        "it accepts the deletion of missing alarms",
        "the call succeeded instead of failing as NotFound",
    ),
    (
        Moto,
        "queues::requires_fifo_suffix_for_fifo_queues_only",
        "it creates a standard queue with the suffix .fifo",
        "a standard queue with the suffix .fifo was created",
    ),
    (
        Moto,
        "queues::requires_existing_dead_letter_queue",
        "it reports a missing queue instead of an invalid policy",
        "error code: expected Invalid, found NotFound",
    ),
    (
        Moto,
        "triggers::allows_one_url_per_function",
        "it does not list function URLs",
        "lambda:ListFunctionUrlConfigs: HTTP status 404",
    ),
    (
        Moto,
        "triggers::refuses_invocation_at_zero_concurrency",
        "it runs the function",
        "the call succeeded instead of failing as Throttled",
    ),
    (
        Moto,
        "triggers::rejects_duplicate_event_source_mapping",
        "it creates a second mapping",
        "the call succeeded instead of failing as AlreadyExists",
    ),
    (
        Moto,
        "triggers::reports_missing_triggers_as_not_found",
        "it responds for missing mappings",
        "the call succeeded instead of failing as NotFound",
    ),
    (Moto, "http_apis::throttles_stage", "the call fails", "apigateway:UpdateStage: HTTP status 500"),
    (Moto, "http_apis::imports_its_own_export", "it does not support exports", "apigateway:ExportApi: HTTP status 404"),
    (
        Moto,
        "http_apis::refuses_to_delete_integration_in_use",
        "it deletes the integration",
        r#"error code: expected Some("ConflictException"), found None"#,
    ),
    (
        Moto,
        "http_apis::reports_missing_apis_as_not_found",
        "it accepts the deletion of missing APIs",
        "the call succeeded instead of failing as NotFound",
    ),
    (
        Moto,
        "rest_apis::refuses_to_delete_api_with_domain",
        "it deletes the API",
        "the call succeeded instead of failing as Invalid",
    ),
    (Moto, "rest_apis::imports_its_own_export", "it omits the integrations", "found None"),
    (Moto, "rest_apis::pages_apis", "it returns all APIs on one page", "all APIs came in one page"),
    (
        Moto,
        "rest_apis::adds_and_removes_api_tags",
        "it does not support tags on APIs",
        "apigateway:TagResource: HTTP status 404",
    ),
    (
        Moto,
        "rest_apis::reports_missing_apis_as_not_found",
        "the call fails",
        "apigateway:DeleteRestApi failed with : expected NotFound, found Server",
    ),
    (
        Moto,
        "schedules::update_replaces_whole_schedule",
        "it sets no state if none is given",
        "state, which defaults to enabled: expected Some(Enabled), found None",
    ),
    (Moto, "schedules::rejects_invalid_schedules", "it accepts any expression", "accepted"),
    (Moto, "schedules::rejects_unknown_time_zones", "it accepts any time zone", "accepted"),
    (Moto, "schedules::rejects_schedules_in_missing_groups", "the call fails", "scheduler:CreateSchedule failed with"),
    (
        Moto,
        "schedules::keeps_schedule_groups_with_tags",
        "it creates a group again",
        r#"creating it again: expected Some("ConflictException"), found None"#,
    ),
    (Moto, "state_machines::rejects_invalid_definition", "it accepts a StartAt that names no state", "accepted"),
    (
        Moto,
        "topics::email_subscription_waits_for_confirmation",
        "it returns an ARN at once",
        r#"expected Some("pending confirmation"), found Some("arn:aws:sns:"#,
    ),
    (
        Moto,
        "logs::filter_patterns_find_final_lines_of_runs",
        "it returns every line if it does not know the pattern",
        r#"lines of runs that ended by themselves: expected ["{\"level\":\"info\",\"event\":\"run\",\"Synced\":1}"], found ["START RequestId"#,
    ),
    (
        Moto,
        "secrets::rejects_name_pending_deletion",
        "it returns ResourceExistsException",
        r#"error code: expected "InvalidRequestException", found "ResourceExistsException""#,
    ),
    (
        Ministack,
        "events::put_rule_replaces_settings_and_keeps_tags",
        "it keeps omitted values, while AWS resets them",
        "state, which defaults to enabled: expected Some(Enabled), found Some(Disabled)",
    ),
    (
        Ministack,
        "events::refuses_to_delete_rule_with_targets",
        "it deletes a rule with its targets",
        "the rule was deleted with its target",
    ),
    (Ministack, "events::rejects_invalid_schedules", "it accepts rate(5 minute)", "accepted rate(5 minute)"),
    (
        Ministack,
        "events::reports_missing_rules_as_not_found",
        "it lists and removes targets of missing rules",
        "the call succeeded instead of failing as NotFound",
    ),
    (
        Ministack,
        "iam::simulates_role_with_attached_policies",
        "it denies everything, whatever policies the role has",
        r#"found [("logs:PutLogEvents", Some("arn:aws:s3:::bucket/key"), "implicitDeny"), ("s3:GetObject", Some("arn:aws:s3:::bucket/key"), "implicitDeny")"#,
    ),
    (
        Ministack,
        "lambda::keeps_permissions_per_alias",
        "it returns the same policy for every qualifier",
        "the call succeeded instead of failing as NotFound",
    ),
    (Ministack, "lambda::rejects_missing_role", "it accepts any role", "the function was created"),
    (
        Ministack,
        "lambda::reports_missing_functions_as_not_found",
        "it returns an empty policy if there is none",
        "the call succeeded instead of failing as NotFound",
    ),
    (Ministack, "metrics::keeps_alarm_settings", "it drops the dimensions", "found []"),
    (
        Ministack,
        "metrics::reports_missing_alarms_as_not_found",
        "it accepts the deletion of missing alarms",
        "the call succeeded instead of failing as NotFound",
    ),
    (
        Ministack,
        "queues::requires_fifo_suffix_for_fifo_queues_only",
        "it creates a standard queue with the suffix .fifo",
        "a standard queue with the suffix .fifo was created",
    ),
    (
        Ministack,
        "queues::requires_existing_dead_letter_queue",
        "it does not list the source queues of a dead-letter queue",
        "sqs:ListDeadLetterSourceQueues: InvalidAction",
    ),
    (
        Ministack,
        "triggers::rejects_duplicate_event_source_mapping",
        "it creates a second mapping",
        "the call succeeded instead of failing as AlreadyExists",
    ),
    (
        Ministack,
        "triggers::reports_missing_triggers_as_not_found",
        "it lists URLs of missing functions",
        "the call succeeded instead of failing as NotFound",
    ),
    (
        Ministack,
        "http_apis::imports_its_own_export",
        "it does not support exports",
        "apigateway:ExportApi: NotFoundException: Unknown API Gateway path",
    ),
    (
        Ministack,
        "http_apis::refuses_to_delete_integration_in_use",
        "it deletes the integration",
        r#"error code: expected Some("ConflictException"), found None"#,
    ),
    (
        Ministack,
        "rest_apis::deployment_creates_its_stage",
        "it deletes deployments in use",
        "the call succeeded instead of failing as Invalid",
    ),
    (
        Ministack,
        "rest_apis::refuses_to_delete_api_with_domain",
        "it deletes the API",
        "the call succeeded instead of failing as Invalid",
    ),
    (Ministack, "rest_apis::imports_its_own_export", "it imports no paths", "no path"),
    (Ministack, "schedules::rejects_invalid_schedules", "it accepts any expression", "accepted"),
    (Ministack, "schedules::rejects_unknown_time_zones", "it accepts any time zone", "accepted"),
    (
        Ministack,
        "schedules::a_target_has_a_retry_policy",
        "it fills in no retry policy",
        "retry policy: expected Some((Some(86400), Some(185))), found None",
    ),
    (Ministack, "state_machines::rejects_invalid_definition", "it accepts a StartAt that names no state", "accepted"),
    (
        Ministack,
        "state_machines::reports_missing_state_machines_as_not_found",
        "it refuses to delete a missing state machine",
        "states:DeleteStateMachine: StateMachineDoesNotExist",
    ),
    (
        Ministack,
        "topics::email_subscription_waits_for_confirmation",
        "it returns an ARN at once",
        r#"expected Some("pending confirmation"), found Some("arn:aws:sns:"#,
    ),
    (
        Ministack,
        "logs::filter_patterns_find_final_lines_of_runs",
        "it returns every line if it does not know the pattern",
        r#"lines of runs that ended by themselves: expected ["{\"level\":\"info\",\"event\":\"run\",\"Synced\":1}"], found ["START RequestId"#,
    ),
    (
        Ministack,
        "secrets::rejects_name_pending_deletion",
        "it returns ResourceExistsException",
        r#"error code: expected "InvalidRequestException", found "ResourceExistsException""#,
    ),
];

/// A known difference of a server from AWS.
pub struct KnownGap {
    /// What the server does instead.
    pub behavior: &'static str,
    /// A part of the text with which the probe fails.
    pub failure: &'static str,
}

/// What `target` does instead, if it is known to differ in `probe`.
pub fn find_gap(target: TestCloud, probe: &str) -> Option<KnownGap> {
    let mut gaps = GAPS.iter().filter(|(server, name, ..)| *server == target && *name == probe);
    gaps.next().map(|(_, _, behavior, failure)| KnownGap { behavior, failure })
}
