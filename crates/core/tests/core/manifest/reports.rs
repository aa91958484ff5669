//! The report of each mistake, as golden files. `INSTA_UPDATE=always cargo test` rewrites them.

use deployer_core::manifest::{self, ReportStyle};

use super::{HEAD, error_codes, manifest_with, parse_errors, venue_table};

fn render_errors(text: &str) -> String {
    parse_errors(text).render_report(ReportStyle::PLAIN)
}

fn with_role_path(path: &str) -> String {
    manifest_with("", "").replace("region =", &format!("role_path = \"{path}\"\nregion ="))
}

macro_rules! golden {
    ($($name:ident: $text:expr;)*) => {
        $(
            #[test]
            fn $name() {
                insta::assert_snapshot!(render_errors(&$text));
            }
        )*
    };
}

golden! {
    unknown_key: manifest_with("shedule = \"rate(1 hour)\"", "");
    unknown_table: manifest_with("", "[venues.venue-a.feilds]\ncompany = \"company\"");
    key_in_wrong_table: manifest_with("location_id = 5", "");
    key_without_similar_key: manifest_with("", "[defaults]\nzzz = 1");
    rate_with_plural: manifest_with("schedule = \"rate(1 minutes)\"\ntimeout = \"1m\"", "");
    rate_with_singular: manifest_with("schedule = \"rate(5 minute)\"", "");
    unix_cron: manifest_with("schedule = \"cron(*/5 * * * *)\"", "");
    cron_field_out_of_range: manifest_with("schedule = \"cron(0 8,24 * * ? *)\"", "");
    timeout_longer_than_interval: manifest_with("timeout = \"10m\"", "[defaults]\nschedule = \"rate(5 minutes)\"");
    default_timeout_longer_than_interval: manifest_with("schedule = \"rate(1 minute)\"", "");
    timeout_without_unit: manifest_with("timeout = 240", "");
    timeout_too_long: manifest_with("timeout = \"20m\"\nschedule = \"rate(1 hour)\"", "");
    memory_out_of_range: manifest_with("memory_mb = 64", "");
    unsupported_log_retention: manifest_with("log_retention_days = 31", "");
    unknown_status: manifest_with("status = \"actve\"", "");
    unknown_architecture: manifest_with("architecture = \"aarch64\"", "");
    wrong_types: manifest_with("protect = \"yes\"\nfields = [1]", "");
    name_too_long: format!("{HEAD}{}", venue_table("the-long-room-on-the-second-floor-of-the-old-mill", ""));
    name_with_invalid_characters: format!("{HEAD}{}", venue_table("bar", "").replace("venues.bar", "venues.\"Café Bar\""));
    deployment_name_too_long: manifest_with("", "").replace("\"venue-sync\"", &format!("\"{}\"", "x".repeat(60)));
    duplicate_venue: format!("{HEAD}{}\n{}", venue_table("venue-a", ""), venue_table("venue-a", "status = \"paused\""));
    duplicate_key: manifest_with("memory_mb = 128\nmemory_mb = 256", "");
    shared_name: format!("{HEAD}{}\n{}", venue_table("roof-top", ""), venue_table("roof_top", "").replace("env:", "env:OTHER_"));
    shared_display_name: format!(
        "{HEAD}{}\n{}",
        venue_table("a", "").replace("\"a\"", "\"The Old Mill\""),
        venue_table("b", "").replace("\"b\"", "\"the old  mill\""),
    );
    shared_flag: format!("{HEAD}{}\n{}", venue_table("a", "flag_property = \"sync\""), venue_table("b", "flag_property = \"sync\""));
    invalid_flag_property: manifest_with("flag_property = \"Tripleseat Sync\"", "");
    literal_secret: manifest_with("", "").replace("env:VENUE_A_KEY", "f2a9c0ffee");
    missing_secret: manifest_with("", "").replace("tripleseat_public_key = \"env:VENUE_A_KEY\"\n", "");
    incomplete_oauth_client: manifest_with("", "").replace("hubspot_token", "tripleseat_client_id = \"env:X\"\nhubspot_token");
    unused_secret: manifest_with("", "").replace("hubspot_token", "destination_credential = \"env:X\"\nhubspot_token");
    blocked_without_blocker: manifest_with("status = \"blocked\"", "");
    unknown_kind: manifest_with("", "").replace("\"tripleseat\"", "\"triplesat\"");
    missing_kind: manifest_with("", "").replace("kind = \"tripleseat\"\n", "");
    missing_destination: format!("{HEAD}[venues.a]\ndisplay_name = \"A\"\nstatus = \"paused\"");
    missing_required_tables: "[venues.a]\n";
    region_and_account: manifest_with("", "").replace("\"us-east-1\"", "\"us-east-1a\"\naccount = 123456789012");
    tags_that_aws_refuses: manifest_with(
        "tags = { \"deployer:venue\" = \"x\", \"AWS:x\" = \"x\", Cost = 4711, Team = \"ops & dev\", \" x\" = \"\" }",
        "",
    );
    tags_that_iam_takes_for_one: manifest_with("tags = { costcenter = \"1\" }", "")
        .replacen("[deployment]", "[deployment]\ntags = { CostCenter = \"4711\" }", 1);
    company_rules_that_cannot_be: manifest_with(
        "permissions_boundary = \"boundary\"\nkms_key = \"alias/company\"\ntracing = \"on\"\n\
         dead_letter = \"arn:aws:sqs:us-east-1:123456789012:failed.fifo\"\n\
         vpc = { subnet_ids = [\"subnet-1\", \"sg-1\"], security_group_ids = [] }",
        "",
    );
    company_rules_of_another_region: manifest_with(
        "kms_key = \"arn:aws:kms:eu-west-1:123456789012:key/1234abcd\"\n\
         dead_letter = \"arn:aws:sns:eu-west-1:123456789012:failed\"\nvpc = { subnet_ids = \"subnet-1\" }",
        "",
    );
    role_path_without_slashes: with_role_path("app/deployer");
    role_path_with_wildcard: with_role_path("/app/*/");
    role_path_too_long: with_role_path(&format!("/{}/", "x".repeat(500)));
    url_without_https: manifest_with("", "base_uri = \"http://api.tripleseat.com\"");
    unmappable_lead_field: manifest_with("", "[venues.venue-a.fields]\nfirst_nam = \"firstname\"\nlocation_id = \"=5\"");
    invalid_filters: manifest_with(
        "",
        "[venues.venue-a.fields]\nevent_description = \"{event_type:lable}\"\nevent_date = \"on:date('%&')\"\n\
         company = \"{company:shorten}\"\nlast_name = '{name:split(\" \":rest}'\nreferral_source_other = \"Source: web\"",
    );
    time_without_timezone: manifest_with("", "[venues.venue-a.fields]\nstart_time = \"{starts:time}\"");
    unknown_timezone: manifest_with("timezone = \"New York\"", "[defaults]\ntimezone = \"EST\"");
    retick_window_too_long: manifest_with("retick_window = \"9000h\"\non_retick = \"new\"", "");
    linking_without_oauth: manifest_with("on_existing = \"link\"", "");
    invalid_mappings: manifest_with(
        "",
        "[venues.venue-a.fields]\ncompany = \"Private event\"\nfirst_name = \"{firstname\"\nlast_name = \"{First Name}\"",
    );
    invalid_json_pointer: manifest_with("", "").replace(
        "kind = \"tripleseat\"",
        "kind = \"http\"\nurl = \"https://p.example.com\"\nid_pointer = \"data.id\"\nlookup_url = \"https://p.example.com\"",
    );
    missing_value: "[deployment]\nname =\nregion = us-east-1\n";
    unclosed_table_and_string: "[deployment\nname = \"a\n";
    empty_file: " \n";
}

#[test]
fn reports_all_mistakes_at_once() {
    let text = format!(
        r#"[deployment]
name = "venue-sync"
regoin = "us-east-1"

[defaults]
schedule = "rate(5 minute)"
timeout = 240

[venues.venue-a]
display_name = "Venue A"
status = "blocked"
[venues.venue-a.secrets]
hubspot_token = "pat-na1-0123456789"
[venues.venue-a.destination]
kind = "tripelseat"

{}
[venues.venue_b]
display_name = 2
memory_mb = 64
flag_property = "tripleseat_sync__venue_a"
[venues.venue_b.destination]
kind = "http"
url = "http://platform.example.com"
"#,
        venue_table("venue-b", "")
    );
    insta::assert_snapshot!(render_errors(&text));
    let listed = error_codes(&text);
    assert!(listed.len() >= 12, "{listed:?}");
}

#[test]
fn missing_file_suggests_init() {
    let errors = manifest::load_manifest("no/such/venues.toml").unwrap_err();
    insta::assert_snapshot!(errors.render_report(ReportStyle::PLAIN));
    let error = deployer_core::error::Error::from(errors);
    assert_eq!(error.exit_code, deployer_core::exit_code::ExitCode::Usage);
    assert_eq!((error.code, error.report.is_none()), (deployer_core::error::ErrorCode::NotFound, true));
}

#[test]
fn renders_color_only_on_request() {
    let errors = parse_errors(&manifest_with("x = 1", ""));
    assert!(!errors.render_report(ReportStyle::PLAIN).contains('\u{1b}'));
    assert!(errors.render_report(ReportStyle { color: true, width: 100 }).contains('\u{1b}'));
}

#[test]
fn unknown_lead_fields_are_advice() {
    let fields = "[venues.venue-a.fields]\nfirst_nam = \"firstname\"\nfavorite_color = \"color\"\ngclid = \"hs_google_click_id\"\n\
                  gdpr_consent_granted = \"=true\"\nevent_style = \"=seated\"";
    let loaded = manifest::parse_manifest(&manifest_with("", fields), "venues.toml").expect("it is only advice");
    let advice: Vec<String> = loaded.advice.iter().map(ToString::to_string).collect();
    assert_eq!(
        advice,
        [
            "venues.toml:15:1: `first_nam` is not a known field of Tripleseat's leads (did you mean `first_name`? It is \
             sent as it is)",
            "venues.toml:16:1: `favorite_color` is not a known field of Tripleseat's leads (it is sent as it is, for a \
             lead form that has such a field)",
        ]
    );
}

#[test]
fn settings_of_reticks_and_times_reach_the_function() {
    let settings =
        "timezone = \"Europe/Berlin\"\non_retick = \"review\"\nretick_window = \"1h\"\non_existing = \"link\"";
    let oauth = "tripleseat_client_id = \"env:I\"\ntripleseat_client_secret = \"env:S\"\nhubspot_token";
    let text = manifest_with(settings, "[venues.venue-a.fields]\nstart_time = \"{starts:time}\"");
    let loaded =
        manifest::parse_manifest(&text.replace("hubspot_token", oauth), "venues.toml").expect("a valid manifest");
    let config = |loaded: &manifest::LoadedManifest| {
        let config = loaded.manifest.venues[0].sync_config(&loaded.manifest.hubspot);
        serde_json::to_string(&config).expect("JSON")
    };
    assert_eq!(
        config(&loaded),
        r#"{"fields":{"start_time":"{starts:time}"},"on_retick":"review","retick_window_s":3600,"on_existing":"link","timezone":"Europe/Berlin","metrics":"off"}"#
    );
    let defaults =
        manifest::parse_manifest(&manifest_with("retick_window = \"24h\"", ""), "venues.toml").expect("valid");
    assert_eq!(
        config(&defaults),
        r#"{"metrics":"off"}"#,
        "what else is set to its default changes no deployed function"
    );
}

#[test]
fn rejects_a_mapping_too_long_for_lambda() {
    let text = manifest_with("", &format!("[venues.venue-a.fields]\ncompany = \"={}\"", "x".repeat(4000)));
    assert_eq!(error_codes(&text), ["environment_too_long"]);
}

#[test]
fn limits_the_number_and_the_length_of_tags() {
    let tags = |count: usize| {
        let tags: Vec<String> = (0..count).map(|number| format!("key{number} = \"\"")).collect();
        manifest_with(&format!("tags = {{ {} }}", tags.join(", ")), "")
    };
    super::parse_accepted(&tags(40));
    assert_eq!(error_codes(&tags(41)), ["tag"]);
    let long = |key: usize, value: usize| {
        manifest_with(&format!("tags = {{ {} = \"{}\" }}", "k".repeat(key), "v".repeat(value)), "")
    };
    super::parse_accepted(&long(128, 256));
    assert_eq!(error_codes(&long(129, 256)), ["tag"]);
    assert_eq!(error_codes(&long(128, 257)), ["tag"]);
}

#[test]
fn a_misspelled_region_is_advice() {
    let text = |region: &str| {
        format!("[deployment]\nname = \"sync\"\nregion = \"{region}\"\n\n{}", crate::fixtures::venue_tables("a", ""))
    };
    let advice = |region: &str| {
        let loaded = deployer_core::manifest::parse_manifest(&text(region), "venues.toml").expect("it is valid");
        loaded.advice.iter().map(|advice| (advice.code, advice.help.clone())).collect::<Vec<_>>()
    };
    assert_eq!(advice("us-east-1"), []);
    assert_eq!(advice("nz-central-9"), [], "it may be new");
    assert_eq!(advice("us-esat-1"), [("unknown_region", Some("did you mean us-east-1?".to_owned()))]);
}

#[test]
fn addresses_that_serve_credentials_are_refused_in_every_form() {
    for host in [
        "169.254.169.254",
        "2852039166",
        "0xa9.0xfe.0xa9.0xfe",
        "0251.0376.0251.0376",
        "[::ffff:169.254.169.254]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "metadata.google.internal",
    ] {
        let errors = parse_errors(&manifest_with("", &format!("base_uri = \"https://{host}/\""))).to_string();
        assert!(errors.contains("an instance's own credentials"), "{host}: {errors}");
    }
}

/// Whatever is wrong with a cron expression, what is suggested is accepted as it stands.
#[test]
fn a_suggested_cron_expression_is_final() {
    for (written, suggested) in [
        ("*/5 * * * *", "cron(*/5 * * * ? *)"),
        ("0 8 * * 1-5", "cron(0 8 ? * MON-FRI *)"),
        ("0 8 * * 0", "cron(0 8 ? * SUN *)"),
        ("0 8 * * 5,6,7", "cron(0 8 ? * FRI,SAT,SUN *)"),
        ("0 8 1 * *", "cron(0 8 1 * ? *)"),
        ("cron(0 8 * * 1-5)", "cron(0 8 ? * MON-FRI *)"),
        ("cron(0 8 * * * *)", "cron(0 8 * * ? *)"),
        ("cron(0 8 * * MON *)", "cron(0 8 ? * MON *)"),
        ("cron(0 8 ? * ? *)", "cron(0 8 * * ? *)"),
        ("0 8 * * ? *", "cron(0 8 * * ? *)"),
        // Both days are given, so either can be left out.
        ("cron(0 8 1 * MON *)", "cron(0 8 1 * ? *)"),
    ] {
        let report = render_errors(&manifest_with(&format!("schedule = \"{written}\""), ""));
        assert!(report.contains(&format!("write {suggested}")), "{written}: {report}");
        manifest::parse_manifest(&manifest_with(&format!("schedule = \"{suggested}\""), ""), "venues.toml")
            .unwrap_or_else(|errors| panic!("{suggested}: {errors}"));
    }
}

#[test]
fn two_days_that_cannot_be_suggest_nothing_wrong() {
    for written in ["0 8 1 * 1", "cron(0 8 99 * MON *)", "cron(0 8 x * y *)", "cron(0 8 1 * 1)"] {
        let report = render_errors(&manifest_with(&format!("schedule = \"{written}\""), ""));
        assert!(report.contains("error[schedule]"), "{written}: {report}");
    }
}
