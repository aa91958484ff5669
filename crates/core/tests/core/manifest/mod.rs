//! The manifest: what is accepted, how each mistake is reported, and what must hold for any input.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod across;
mod bounded;
mod isolation;
mod reports;
mod schedule;
mod schema;
mod secrets;

use deployer_core::manifest::{self, Architecture, LoadedManifest, ManifestErrors, SecretRef, Status};
use sync_config::config::{DestinationConfig, OnAmbiguous};

use crate::assertions::assert_contains;

const HEAD: &str = r#"[deployment]
name = "venue-sync"
region = "us-east-1"
"#;

/// A manifest with one valid venue, whose table has `keys`, followed by `more`.
fn manifest_with(keys: &str, more: &str) -> String {
    format!("{HEAD}\n{}\n{more}", venue_table("venue-a", keys))
}

/// A valid venue with its own credentials.
fn venue_table(name: &str, keys: &str) -> String {
    let variable = name.to_uppercase().replace('-', "_");
    format!(
        r#"[venues.{name}]
display_name = "{name}"
{keys}
[venues.{name}.secrets]
hubspot_token = "env:{variable}_TOKEN"
tripleseat_public_key = "env:{variable}_KEY"
[venues.{name}.destination]
kind = "tripleseat"
"#
    )
}

fn parse_errors(text: &str) -> ManifestErrors {
    match manifest::parse_manifest(text, "venues.toml") {
        Ok(loaded) => panic!("accepted: {:?}", loaded.manifest),
        Err(errors) => errors,
    }
}

fn parse_accepted(text: &str) -> LoadedManifest {
    manifest::parse_manifest(text, "venues.toml").unwrap_or_else(|errors| panic!("{errors}"))
}

/// The codes of all mistakes, in the order of the file.
fn error_codes(text: &str) -> Vec<&'static str> {
    parse_errors(text).list_findings().iter().map(|finding| finding.code).collect()
}

#[test]
fn repository_manifest_is_valid_and_has_every_status() {
    let own = manifest::load_manifest(concat!(env!("CARGO_MANIFEST_DIR"), "/../../venues.toml")).unwrap();
    let venues: Vec<_> =
        own.manifest.venues.iter().map(|v| (v.name.as_str(), v.display_name.as_str(), v.status)).collect();
    assert_eq!(
        venues,
        [
            ("venue-a", "Venue A", Status::Active),
            ("venue-b", "Venue B", Status::Active),
            ("venue-c", "Venue C", Status::Paused),
            ("marina", "Marina", Status::Blocked),
        ]
    );
    let env = |(_, reference): &(String, SecretRef)| matches!(reference, SecretRef::Env(_));
    assert!(own.manifest.venues.iter().flat_map(|venue| &venue.secrets).all(env));
    assert!(own.advice.is_empty(), "{:?}", own.advice);
    assert_contains(own.venue_place("venue-b").unwrap(), "venues.toml:");
}

#[test]
fn template_is_valid_with_any_name_and_region() {
    let text = manifest::init_template("group-sync", "eu-west-1");
    let loaded = parse_accepted(&text);
    assert!(loaded.advice.is_empty(), "{:?}", loaded.advice);
    assert_eq!(
        (loaded.manifest.deployment.name.as_str(), loaded.manifest.deployment.region.as_str()),
        ("group-sync", "eu-west-1")
    );
    parse_accepted(manifest::TEMPLATE);
}

#[test]
fn venue_values_override_defaults_and_built_in_values() {
    let text = manifest_with(
        "schedule = \"cron(0  8 ? * mon-fri *)\"\narchitecture = \"arm64\"",
        "[defaults]\ntimeout = \"1m30s\"\nschedule = \"rate(1 hour)\"\non_ambiguous = \"resend\"\n[hubspot]\nbase_uri = \"http://127.0.0.1:8080/\"",
    );
    let loaded = parse_accepted(&text);
    let venue = &loaded.manifest.venues[0];
    assert_eq!(venue.schedule.expression, "cron(0 8 ? * MON-FRI *)");
    assert_eq!(venue.schedule.interval_s, Some(86_400));
    assert_eq!(venue.architecture, Architecture::Arm64);
    assert_eq!(venue.timeout_s, 90);
    assert_eq!(venue.on_ambiguous, OnAmbiguous::Resend);
    assert_eq!((venue.memory_mb, venue.log_retention_days), (128, 30));
    assert_eq!(venue.flag_property, "tripleseat_sync__venue_a");
    assert_eq!(venue.tripleseat_base_uri.as_deref(), Some("https://api.tripleseat.com"));
    assert_eq!(venue.destination, DestinationConfig::default());
    let keys: Vec<&str> = venue.secrets.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["HUBSPOT_TOKEN", "TRIPLESEAT_PUBLIC_KEY"]);
    assert_eq!(loaded.manifest.hubspot.base_uri, "http://127.0.0.1:8080");
}

#[test]
fn venues_and_fields_keep_file_order() {
    let fields = "[venues.venue-a.fields]\nphone_number = \"phone\"\ncompany = \"{company|none}\"\nadditional_information = \"=x\"";
    let text = format!("{HEAD}{}{}{fields}", venue_table("zoo", ""), venue_table("venue-a", ""));
    let loaded = parse_accepted(&text);
    let names: Vec<&str> = loaded.manifest.venues.iter().map(|venue| venue.name.as_str()).collect();
    assert_eq!(names, ["zoo", "venue-a"]);
    let fields: Vec<&str> = loaded.manifest.venues[1].fields.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(fields, ["phone_number", "company", "additional_information"]);
}

#[test]
fn blocked_venue_needs_no_secrets_but_should_have_an_owner() {
    let text = format!(
        "{HEAD}[venues.marina]\ndisplay_name = \"Marina\"\nstatus = \"blocked\"\n\
         [venues.marina.blocker]\nreason = \"No API\"\nsince = 2025-09-15\n\
         [venues.marina.destination]\nkind = \"http\"\nurl = \"https://p.example.com/leads\"\nauth = {{ kind = \"bearer\" }}\n\
         [venues.marina.fields]\nname = \"{{firstname}} {{lastname}}\"\n\"/contact/email\" = \"email\"\n"
    );
    let loaded = parse_accepted(&text);
    assert_eq!(loaded.manifest.venues[0].blocker.as_ref().unwrap().since.as_deref(), Some("2025-09-15"));
    assert_eq!(loaded.advice[0].code, "blocker_without_owner");
    assert_eq!(loaded.advice[0].line, Some(7));
    assert!(loaded.advice[0].message.contains("no owner and no next_step"), "{}", loaded.advice[0].message);
}

#[test]
fn line_endings_and_byte_order_mark_make_no_difference() {
    let text = manifest_with("statsu = \"active\"", "");
    let plain = parse_errors(&text).list_findings();
    assert_eq!(parse_errors(&text.replace('\n', "\r\n")).list_findings(), plain);
    assert_eq!(parse_errors(&format!("\u{feff}{text}")).list_findings(), plain);
    let first = parse_errors("\u{feff}nme = 1\n[deployment]\nname = \"a\"\nregion = \"us-east-1\"").list_findings();
    assert_eq!((first[0].line, first[0].column, first[0].length), (Some(1), Some(1), Some(3)));
}

#[test]
fn findings_count_columns_in_characters() {
    let text = manifest_with("display_nam = \"ü\"; ", "").replace("; ", "");
    let finding = &parse_errors(&text.replace("display_nam =", "\"é_nam\" =")).list_findings()[0];
    assert_eq!((finding.line, finding.column, finding.length), (Some(7), Some(1), Some(7)));
    let json = serde_json::to_value(finding).unwrap();
    let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["file", "line", "column", "length", "code", "message", "help"]);
}

proptest::proptest! {
    #[test]
    fn never_panics_on_arbitrary_text(text in "\\PC{0,80}") {
        let _ = manifest::parse_manifest(&text, "venues.toml").map_err(|errors| errors.to_string());
    }

    /// A damaged valid manifest gets further into the checks than random text does.
    #[test]
    fn never_panics_on_a_damaged_manifest(from in 0_usize..2000, length in 0_usize..40, into in "[\\[\\]=\"'.\\n{}#a-z0-9é]{0,6}") {
        let own = include_str!("../../../../../venues.toml");
        let from = own.floor_char_boundary(from.min(own.len()));
        let to = own.floor_char_boundary((from + length).min(own.len())).max(from);
        let text = format!("{}{into}{}", &own[..from], &own[to..]);
        if let Err(errors) = manifest::parse_manifest(&text, "venues.toml") {
            proptest::prop_assert!(!errors.list_findings().is_empty());
            let _ = errors.render_report(manifest::ReportStyle::PLAIN);
        }
    }

    #[test]
    fn durations_round_trip(seconds in 1_u32..200_000) {
        let text = manifest::format_duration(u64::from(seconds));
        proptest::prop_assert_eq!(manifest::parse_duration(&text), Ok(seconds));
    }

    #[test]
    fn never_panics_on_durations(text in "[0-9hms. ]{0,24}") {
        let _ = manifest::parse_duration(&text);
    }
}

#[test]
fn rejects_invalid_durations() {
    for text in ["", "5", "m", "4 m", "1s1m", "1m1m", "-1m", "1.5m", "99999999999h", "1d"] {
        assert!(manifest::parse_duration(text).is_err(), "{text}");
    }
}
