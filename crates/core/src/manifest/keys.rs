//! Every key that a manifest may have, declared once: the checks, the JSON Schema, reading and editing all use it.
//!
//! A key is read by its field: `table.read(&HUBSPOT.portal_id)`. What a key may hold is checked by `shape`.

use sync_config::config::{HUBSPOT_BASE_URI, OAuthGrant, OnAmbiguous, OnExisting, OnRetick, TRIPLESEAT_BASE_URI};
use sync_config::metrics::MetricsLevel;

use super::company::Tracing;
use super::digest_schedule::DigestSchedule;
use super::format::TextFormat;
use super::key::{
    Defaulted, FieldMapping, KIND, Key, KeysOfKind, KindTable, NamedTables, Optional, Required, SubTable, TableKeys,
    TableKinds, TableSpec, TagTable, TextList, declare_kinds, declare_table, inherited_from, kind_of,
};
use super::value::ScalarValue::{Bool as B, Integer as I, Text as T};
use super::value::{BaseUri, DateText, Seconds, declare_words};
use super::{Architecture, ReservedConcurrency, ScheduleExpression, SecretRef, Status};
use crate::naming::DEFAULT_ROLE_PATH;

/// The retention periods that CloudWatch accepts: `RetentionInDays` of `PutRetentionPolicy`.
const LOG_RETENTION_DAYS: &[i64] =
    &[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

const MAX_ID: i64 = i64::MAX;

declare_words! { Status { Active = "active", Paused = "paused", Blocked = "blocked", } }
declare_words! { Architecture { X86_64 = "x86_64", Arm64 = "arm64", } }
declare_words! {
    OAuthGrant { ClientCredentials = "client_credentials", AuthorizationCode = "authorization_code", }
}
declare_words! { OnAmbiguous { NeedsReview = "needs_review", Resend = "resend", } }
declare_words! { OnRetick { NewLead = "new_lead", Ignore = "ignore", Review = "review", } }
declare_words! { ReservedConcurrency { One = "1", Off = "off", Auto = "auto", } }
declare_words! { Tracing { Active = "active", PassThrough = "passthrough", } }
declare_words! { OnExisting { Create = "create", Link = "link", } }
declare_words! { MetricsLevel { Full = "full", Essential = "essential", Off = "off", } }

declare_table! {
    /// The whole manifest.
    ROOT: RootKeys = "What is deployed for each venue: one Lambda function, secret, role, log group and EventBridge rule.";
    deployment: Required<SubTable<DeploymentKeys>> = Key::table("The owner of every managed resource, and its location."),
    hubspot: Optional<SubTable<HubSpotKeys>> = Key::table("The HubSpot portal that all venues share."),
    defaults: Optional<SubTable<InheritedKeys>> = Key::table("Settings for every venue that doesn't override them."),
    alarms: Optional<SubTable<AlarmsKeys>> =
        Key::table("CloudWatch alarms of every active venue, and who is notified. Without this table there are none."),
    venues: Optional<NamedTables<VenueKeys>> =
        Key::named("The venues, by name. A name has letters, digits, - and _."),
}

declare_table! {
    /// `[deployment]`
    DEPLOYMENT: DeploymentKeys = "The owner of every managed resource, and its location.";
    name: Required<String> =
        Key::text(TextFormat::Name, "Prefix of every name, and owner tag of every managed resource.")
            .with_example(T("venue-sync")),
    region: Required<String> = Key::text(TextFormat::Region, "AWS region.").with_example(T("us-east-1")),
    account: Optional<String> =
        Key::text(
            TextFormat::Account,
            "Guard: a run against any other AWS account is refused before the first write.",
        )
        .with_example(T("123456789012")),
    role_path: Defaulted<String> =
        Key::text(
            TextFormat::RolePath,
            "What the IAM path of every role starts with. The names of the deployment and the region follow.",
        )
        .with_default(T(DEFAULT_ROLE_PATH)),
    may_share_with: Optional<String> =
        Key::text(
            TextFormat::Plain,
            "Other deployments with the same flags or destinations that are no reason to refuse: NAME or NAME@REGION, separated by blanks.",
        )
        .with_example(T("venue-sync@eu-west-1")),
    // The default is the longest window that Secrets Manager offers.
    recovery_window_days: Defaulted<u32> =
        Key::integer(7..=30, "How many days the secret of a removed venue can still be restored.")
            .with_default(I(30)),
    tags: Optional<TagTable> = Key::tags(
        "Tags of every resource, such as { CostCenter = \"4711\" }. A tag that is removed here is removed there too; tags \
         of others stay.",
    ),
    permissions_boundary: Optional<String> =
        Key::text(TextFormat::PolicyArn, "Permissions boundary of every role.")
            .with_example(T("arn:aws:iam::123456789012:policy/boundary")),
    kms_key: Optional<String> =
        Key::text(
            TextFormat::KeyArn,
            "Key that encrypts every secret, function environment and log group. Its policy must let CloudWatch Logs use it.",
        )
        .with_example(T("arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab")),
}

declare_table! {
    /// `[hubspot]`
    HUBSPOT: HubSpotKeys = "The HubSpot portal that all venues share.";
    portal_id: Optional<u64> =
        Key::integer(1..=MAX_ID, "Guard: a token of any other portal is refused, at plan and at each run.")
            .with_example(I(1_234_567)),
    token: Optional<SecretRef> =
        Key::text(
            TextFormat::SecretRef,
            "HubSpot access token, of a service key. Used only by the deployer, for properties and checks. Without it, create the properties by hand.",
        )
        .with_example(T("env:HUBSPOT_ADMIN_TOKEN")),
    base_uri: Defaulted<BaseUri> =
        Key::text(TextFormat::BaseUri, "Base URL of HubSpot's API. Plain http is allowed only for this machine.")
            .with_default(T(HUBSPOT_BASE_URI)),
    // Nobody can receive mail at the default domain (RFC 2606, section 3), and HubSpot accepts it.
    test_domain: Defaulted<String> =
        Key::text(
            TextFormat::Domain,
            "Domain of the e-mail address of `deployer verify`'s test contact. Mail to it must not reach anybody.",
        )
        .with_default(T("example.com")),
}

declare_table! {
    /// `[defaults]`: the keys that a venue inherits from there if it doesn't set them itself.
    INHERITED: InheritedKeys = "Settings for every venue that doesn't override them.";
    schedule: Defaulted<ScheduleExpression> =
        Key::text(TextFormat::Schedule, "When it runs: an EventBridge rate(...) or cron(...), in UTC.")
            .with_default(T("rate(5 minutes)")),
    architecture: Defaulted<Architecture> =
        Key::one_of("Processor architecture of the function.").with_default(T("x86_64")),
    memory_mb: Defaulted<u32> = Key::integer(128..=10_240, "Memory of the function, in MB.").with_default(I(128)),
    timeout: Defaulted<Seconds> =
        Key::text(TextFormat::Timeout, "Timeout of one run, 1s to 15m, no longer than the schedule's interval.")
            .with_default(T("4m")),
    reserved_concurrency: Defaulted<ReservedConcurrency> =
        Key::number_or_word(
            "What keeps runs from overlapping: 1 reserves an execution of the account; off: each run takes a lease; auto: a \
             lease only where the account has no execution to reserve.",
        )
        .with_default(T("auto")),
    log_retention_days: Defaulted<u32> =
        Key::integer_one_of(LOG_RETENTION_DAYS, "How many days CloudWatch keeps the logs.").with_default(I(30)),
    on_ambiguous: Defaulted<OnAmbiguous> =
        Key::one_of("What happens to a contact that may or may not have become a lead.")
            .with_default(T("needs_review")),
    on_retick: Defaulted<OnRetick> =
        Key::one_of(
            "What another tick means for a contact that became a lead: after retick_window, a new lead, nothing or a review.",
        )
        .with_default(T("new_lead")),
    retick_window: Defaulted<Seconds> =
        Key::text(
            TextFormat::RetickWindow,
            "How long after a lead another tick is taken for the same request, and ignored. 0s: on_retick applies at once.",
        )
        .with_default(T("24h")),
    on_existing: Defaulted<OnExisting> =
        Key::one_of(
            "Whether Tripleseat is asked first for a lead with the contact's e-mail address, to link it. Needs OAuth.",
        )
        .with_default(T("create")),
    timezone: Optional<String> =
        Key::text(TextFormat::TimeZone, "IANA time zone of dates and times in leads. Mappings with a time require it.")
            .with_example(T("America/New_York")),
    metrics: Optional<MetricsLevel> =
        Key::one_of(
            "CloudWatch metrics of the runs: full, six at $0.30 a month each; essential, what alarms need; or off. By \
             default essential with [alarms], off without. The log has the same counts in any case.",
        )
        .with_example(T("essential")),
    protect: Defaulted<bool> = Key::bool("Whether removing the venue is refused.").with_default(B(false)),
    vpc: Optional<SubTable<VpcKeys>> =
        Key::table("The network that the function is in. It must reach HubSpot, the destination and Secrets Manager."),
    tracing: Defaulted<Tracing> =
        Key::one_of("active: runs are traced with X-Ray; passthrough: only if their caller is.")
            .with_default(T("passthrough")),
    dead_letter: Optional<String> =
        Key::text(TextFormat::DeadLetterArn, "SQS queue or SNS topic that gets the event of each failed run.")
            .with_example(T("arn:aws:sqs:us-east-1:123456789012:failed-runs")),
}

declare_table! {
    /// `[alarms]`
    ALARMS: AlarmsKeys = "CloudWatch alarms of every active venue, and who is notified.";
    topic: Optional<String> =
        Key::text(
            TextFormat::TopicArn,
            "SNS topic that exists and lets CloudWatch publish. By default, a topic of the deployment's own.",
        )
        .with_example(T("arn:aws:sns:us-east-1:123456789012:on-call")),
    email: Optional<TextList> =
        Key::texts(
            TextFormat::Email,
            100,
            "Who gets the messages of the deployment's own topic. Each address is asked to confirm.",
        ),
    slack_webhook: Optional<SecretRef> =
        Key::text(
            TextFormat::SecretRef,
            "Incoming webhook of a Slack channel that gets the messages: a reference, never the URL itself.",
        )
        .with_example(T("env:SLACK_WEBHOOK")),
    teams_webhook: Optional<SecretRef> =
        Key::text(
            TextFormat::SecretRef,
            "Webhook of a workflow that posts the messages into a Teams channel: a reference, never the URL itself.",
        )
        .with_example(T("env:TEAMS_WEBHOOK")),
    digest: Optional<DigestSchedule> =
        Key::text(
            TextFormat::Digest,
            "When a digest of all venues is sent to everybody who gets the messages: daily (7:00 UTC), weekly (Monday, 7:00 \
             UTC), or a schedule in UTC that fires at the same times every week, at most once a day. By default, none is sent.",
        )
        .with_example(T("daily")),
    causes: Optional<TextList> =
        Key::texts(
            TextFormat::AlarmCause,
            7,
            "What raises an alarm: failing, silent, oldest_flag, needs_review, failed, throttled, lookups. By default all. \
             One is $0.10 a venue and month; failed is $0.20.",
        ),
    oldest_flag: Defaulted<Seconds> =
        Key::text(TextFormat::FlagAge, "How long a flag may be set, 1m to 168h.").with_default(T("30m")),
    needs_review: Defaulted<u32> =
        Key::integer(1..=100_000, "How many contacts that come to need review within an hour raise an alarm.")
            .with_default(I(1)),
    failed_percent: Defaulted<u32> =
        Key::integer(
            1..=100,
            "Which share of the contacts of a day, refused for their data, raises an alarm. At least three must be.",
        )
        .with_default(I(50)),
}

declare_table! {
    /// `[defaults.vpc]`
    VPC: VpcKeys = "A network. Lambda refuses it without both lists.";
    subnet_ids: Required<TextList> =
        Key::texts(TextFormat::SubnetId, 16, "Subnets, best private ones in several availability zones, with a way out."),
    security_group_ids: Required<TextList> =
        Key::texts(TextFormat::SecurityGroupId, 5, "Security groups. They must allow connections out to port 443."),
}

declare_table! {
    /// `[venues.NAME]`: the keys that only a venue has.
    VENUE: VenueKeys = "One venue.", inherits InheritedKeys;
    display_name: Required<String> =
        Key::text(
            TextFormat::DisplayName,
            "Display name. The checkbox in HubSpot is labeled \"Tripleseat Sync - \" followed by this name.",
        )
        .with_example(T("Venue A")),
    status: Defaulted<Status> =
        Key::one_of("active; paused (the rule is disabled); or blocked (nothing is deployed).")
            .with_default(T("active")),
    blocker: Optional<SubTable<BlockerKeys>> = Key::table("What a blocked venue is waiting for."),
    flag_property: Optional<String> =
        Key::text(
            TextFormat::FlagProperty,
            "Internal name of the flag property in HubSpot. By default, tripleseat_sync__ followed by the venue's name.",
        )
        .with_example(T("tripleseat_sync__venue_a")),
    canary: Defaulted<bool> =
        Key::bool(
            "Whether a new artifact goes here first; if it fails here, the other venues keep theirs. At most one venue.",
        )
        .with_default(B(false)),
    secrets: Optional<SubTable<SecretsKeys>> =
        Key::table("References to the venue's credentials. A blocked venue needs none."),
    destination: Required<KindTable<DestinationTable>> = Key::kinds("Where the leads go."),
    tags: Optional<TagTable> =
        Key::tags("Tags of the venue's resources, besides those of [deployment], which these replace."),
    permissions_boundary: Optional<String> =
        Key::text(TextFormat::PolicyArn, "Permissions boundary of the venue's role, instead of that of [deployment].")
            .with_example(T("arn:aws:iam::123456789012:policy/boundary")),
    kms_key: Optional<String> =
        Key::text(TextFormat::KeyArn, "Key of the venue's resources, instead of that of [deployment].")
            .with_example(T("arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab")),
    fields: Optional<FieldMapping> =
        Key::mapping(
            "Destination field = HubSpot property, \"{template}\" or \"=constant\", in addition to the destination's defaults. \
             Properties can have filters: \"event_type:label\".",
        ),
}

declare_table! {
    /// `[venues.NAME.blocker]`
    BLOCKER: BlockerKeys = "What a blocked venue is waiting for.";
    reason: Required<String> =
        Key::text(TextFormat::Plain, "What is blocking the venue.")
            .with_example(T("The platform issues no API token to smaller operators")),
    owner: Optional<String> =
        Key::text(TextFormat::Plain, "Who takes the next step.").with_example(T("ops@example.com")),
    next_step: Optional<String> =
        Key::text(TextFormat::Plain, "The next step.").with_example(T("Vendor developer confirms the field mapping")),
    since: Optional<DateText> = Key::date("The date since which it is blocked.").with_example(T("2025-09-15")),
}

declare_table! {
    /// `[venues.NAME.secrets]`
    SECRETS: SecretsKeys = "References to the venue's credentials: env:NAME, file:PATH, cmd:PROGRAM ARGS or managed.";
    hubspot_token: Optional<SecretRef> =
        Key::text(TextFormat::SecretRef, "HubSpot access token, of a service key. One key per venue isolates best.")
            .with_example(T("env:VENUE_A_HUBSPOT_TOKEN")),
    tripleseat_public_key: Optional<SecretRef> =
        Key::text(TextFormat::SecretRef, "Tripleseat's public key, used to create leads.")
            .with_example(T("env:VENUE_A_TRIPLESEAT_PUBLIC_KEY")),
    tripleseat_client_id: Optional<SecretRef> =
        Key::text(
            TextFormat::SecretRef,
            "OAuth client in Tripleseat, used to look up leads whose response was lost.",
        )
        .with_example(T("env:VENUE_A_TRIPLESEAT_CLIENT_ID")),
    tripleseat_client_secret: Optional<SecretRef> =
        Key::text(TextFormat::SecretRef, "Secret of the OAuth client.")
            .with_example(T("env:VENUE_A_TRIPLESEAT_CLIENT_SECRET")),
    destination_credential: Optional<SecretRef> =
        Key::text(TextFormat::SecretRef, "Credential of an http destination that has auth.")
            .with_example(T("env:MARINA_CREDENTIAL")),
}

declare_kinds! {
    /// The kinds of `[venues.NAME.destination]`.
    DestinationTable {
        Tripleseat = "tripleseat" => TripleseatKeys::SPEC,
        Http = "http" => HttpKeys::SPEC,
    }
}

declare_table! {
    /// `[venues.NAME.destination]` with kind "tripleseat".
    TRIPLESEAT: TripleseatKeys = "A Tripleseat account.", kind of DestinationTable;
    base_uri: Defaulted<BaseUri> =
        Key::text(TextFormat::BaseUri, "Base URL of Tripleseat's API. Plain http is allowed only for this machine.")
            .with_default(T(TRIPLESEAT_BASE_URI)),
    location_id: Optional<u64> =
        Key::integer(1..=MAX_ID, "Required if the account has more than one location.").with_example(I(12_345)),
    lead_form_id: Optional<u64> =
        Key::integer(1..=MAX_ID, "The lead form whose rules apply.").with_example(I(678)),
    site_id: Optional<u64> =
        Key::integer(1..=MAX_ID, "Guard: the site that the public key and the OAuth credentials must belong to.")
            .with_example(I(90)),
    lead_source_id: Optional<u64> =
        Key::integer(1..=MAX_ID, "The lead source of every lead, unless the venue's fields map one.")
            .with_example(I(12)),
    referral_source_id: Optional<u64> =
        Key::integer(1..=MAX_ID, "The referral source of every lead, unless the venue's fields map one.")
            .with_example(I(34)),
    oauth: Defaulted<OAuthGrant> =
        Key::one_of(
            "How the OAuth application gets tokens: authorization_code, after an admin's consent with `deployer connect`; \
             or client_credentials, which not every account allows.",
        )
        .with_default(T("client_credentials")),
    redirect_uri: Defaulted<String> =
        Key::text(TextFormat::Url, "Redirect URL of the OAuth application, exactly as in Tripleseat, for `deployer connect`.")
            .with_default(T("http://127.0.0.1:8971/callback")),
    scopes: Defaulted<String> =
        Key::text(TextFormat::Plain, "Scopes that `deployer connect` asks for, separated by spaces.")
            .with_default(T("leads:read")),
}

declare_table! {
    /// `[venues.NAME.destination]` with kind "http".
    HTTP: HttpKeys = "Any JSON API that accepts a lead as a single POST.", kind of DestinationTable;
    url: Required<String> =
        Key::text(TextFormat::Url, "Where the lead is posted. Plain http is allowed only for this machine.")
            .with_example(T("https://platform.example.com/internal/leads")),
    auth: Optional<KindTable<AuthTable>> = Key::kinds("How destination_credential is sent."),
    success_pointer: Optional<String> =
        Key::text(
            TextFormat::JsonPointer,
            "JSON pointer into the response. The lead counts as accepted only if it points to a value other than false or null.",
        )
        .with_example(T("/ok")),
    id_pointer: Optional<String> =
        Key::text(TextFormat::JsonPointer, "JSON pointer to the new record's ID in the response.")
            .with_example(T("/data/id")),
    lookup_url: Optional<String> =
        Key::text(
            TextFormat::LookupUrl,
            "URL of a GET that finds a record by the attempt's key: {key} and {contact_id} are filled in.",
        )
        .with_example(T("https://platform.example.com/internal/leads?reference={key}")),
    lookup_id_pointer: Optional<String> =
        Key::text(TextFormat::JsonPointer, "JSON pointer to the found record's ID in the lookup response.")
            .with_example(T("/results/0/id")),
    requests_per_second: Optional<u32> =
        Key::integer(1..=1000, "How many requests per second the platform allows.").with_example(I(5)),
}

declare_kinds! {
    /// The kinds of `auth` in a destination with kind "http".
    AuthTable {
        Bearer = "bearer" => &AUTH_BEARER,
        Basic = "basic" => &AUTH_BASIC,
        Header = "header" => AuthHeaderKeys::SPEC,
        Query = "query" => AuthQueryKeys::SPEC,
    }
}

const AUTH_BEARER: TableSpec =
    TableSpec { doc: "Authorization: Bearer, followed by the credential.", own: &[KIND], inherited: &[] };
const AUTH_BASIC: TableSpec =
    TableSpec { doc: "Authorization: Basic; the credential is user:password.", own: &[KIND], inherited: &[] };

declare_table! {
    /// `auth` with kind "header".
    AUTH_HEADER: AuthHeaderKeys = "A header with the credential as its value.", kind of AuthTable;
    name: Required<String> = Key::text(TextFormat::HeaderName, "The header's name.").with_example(T("X-Api-Key")),
}

declare_table! {
    /// `auth` with kind "query".
    AUTH_QUERY: AuthQueryKeys = "A query parameter with the credential as its value.", kind of AuthTable;
    name: Required<String> = Key::text(TextFormat::HeaderName, "The parameter's name.").with_example(T("api_key")),
}

#[cfg(test)]
mod tests {
    use super::super::key::{KeySpec, ValueSpec};
    use super::super::shape::{ManifestReading, TablePlace};
    use super::*;

    /// Every key with a default, in every table.
    fn list_defaults(table: &'static TableSpec, defaults: &mut Vec<String>) {
        for key in table.list_keys() {
            match key.value {
                ValueSpec::Table(inner) | ValueSpec::Named(inner) => list_defaults(inner, defaults),
                ValueSpec::Kinds(kinds) => kinds.iter().for_each(|(_, inner)| list_defaults(inner, defaults)),
                _ => {}
            }
            let Some(default) = key.default else { continue };
            let text = format!("{} = {default}", key.name);
            let (parsed, _) = toml::de::DeTable::parse_recoverable(&text);
            let mut reading = ManifestReading { text: &text, problems: Vec::new() };
            let optional = KeySpec { required: false, ..*key };
            let alone = TableSpec { doc: "", own: Box::leak(Box::new([optional])), inherited: &[] };
            reading.check_table(parsed.get_ref(), &alone, &TablePlace { path: String::new(), span: 0..0 });
            assert!(reading.problems.is_empty(), "{text}: {:?}", reading.problems);
            defaults.push(text);
        }
    }

    #[test]
    fn every_default_is_valid() {
        let mut defaults = Vec::new();
        list_defaults(RootKeys::SPEC, &mut defaults);
        assert!(defaults.len() > 10, "{defaults:?}");
        let minimal = "[deployment]\nname = \"a\"\nregion = \"us-east-1\"\n[venues.a]\ndisplay_name = \"A\"\n\
                       secrets = { hubspot_token = \"managed\", tripleseat_public_key = \"managed\" }\n\
                       destination = { kind = \"tripleseat\" }\n";
        // Reading an absent key reads its default.
        super::super::parse_manifest(minimal, "venues.toml").expect("a valid manifest without optional keys");
    }
}
