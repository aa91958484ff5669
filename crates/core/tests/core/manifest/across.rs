//! What several manifests must not share, each time with its place in both.

use deployer_core::manifest::{LoadedManifest, compare_manifests, parse_manifest};

/// A manifest with one venue. `deployment` and `venue` are further lines of these tables.
fn manifest(file: &str, name: &str, deployment: &str, venue: &str, lines: &str, destination: &str) -> LoadedManifest {
    let variable = name.replace('-', "_");
    let text = format!(
        "[deployment]\nname = \"{name}\"\nregion = \"us-east-1\"\n{deployment}\n[venues.{venue}]\ndisplay_name = \"V\"\n\
         {lines}[venues.{venue}.secrets]\nhubspot_token = \"env:TOKEN_{variable}\"\ntripleseat_public_key = \
         \"env:KEY_{variable}\"\n[venues.{venue}.destination]\nkind = \"tripleseat\"\n{destination}"
    );
    parse_manifest(&text, file).unwrap_or_else(|errors| panic!("{errors}"))
}

fn clashes(manifests: &[LoadedManifest]) -> Vec<String> {
    compare_manifests(manifests)
        .into_iter()
        .map(|clash| {
            let (line, column) = (clash.finding.line.expect("a line"), clash.finding.column.expect("a column"));
            format!("{} {}:{line}:{column} {}", clash.finding.code, clash.finding.file, clash.also)
        })
        .collect()
}

#[test]
fn manifests_that_share_nothing_are_fine() {
    let manifests = [
        manifest("eu.toml", "eu", "", "mill", "", "location_id = 1\n"),
        manifest("us.toml", "us", "", "loft", "", "location_id = 2\n"),
    ];
    assert_eq!(clashes(&manifests), Vec::<String>::new());
}

#[test]
fn one_deployment_is_in_one_manifest_only() {
    let pair = |first: &str, second: &str| {
        clashes(&[
            manifest("a.toml", "sync", first, "mill", "", ""),
            manifest("b.toml", "sync", second, "mill", "", ""),
        ])
    };
    let [one, other] = ["account = \"111111111111\"\n", "account = \"222222222222\"\n"];
    let same = ["shared_name b.toml:2:8 a.toml:2:8"];
    assert_eq!(pair("", ""), same, "what else they share follows from that");
    assert_eq!(pair(one, ""), same);
    assert_eq!(pair(one, one), same);
    // In two accounts they are two deployments, but the flag is the same.
    assert!(pair(one, other).iter().all(|clash| !clash.contains(":2:8")), "{:?}", pair(one, other));
}

#[test]
fn flags_ledgers_functions_and_destinations_are_compared() {
    let one = manifest("a.toml", "sync", "", "eu-mill", "flag_property = \"go\"\n", "location_id = 7\n");
    for (other, expected) in [
        (manifest("b.toml", "us", "", "loft", "flag_property = \"go\"\n", ""), "shared_flag b.toml:7:17 a.toml:7:17"),
        (manifest("b.toml", "us", "", "eu_mill", "", ""), "shared_name b.toml:5:9 a.toml:5:9"),
        (manifest("b.toml", "sync-eu", "", "mill", "", ""), "shared_name b.toml:5:9 a.toml:5:9"),
        (
            manifest("b.toml", "us", "", "loft", "flag_property = \"tripleseat_sync_status__eu_mill\"\n", ""),
            "shared_flag b.toml:7:17 a.toml:5:9",
        ),
        (manifest("b.toml", "us", "", "loft", "", "location_id = 7\n"), "shared_destination b.toml:12:15 a.toml:13:15"),
    ] {
        assert_eq!(clashes(&[one.clone(), other.clone()]), [expected], "{}", other.redacted_text());
        // A paused venue may have what another one took over, but not its names.
        let paused = other.redacted_text().replace("display_name", "status = \"paused\"\ndisplay_name");
        let paused = parse_manifest(&paused, "b.toml").expect("valid");
        let names_only = expected.starts_with("shared_name") && other.manifest.deployment.name == "sync-eu";
        assert_eq!(!clashes(&[one.clone(), paused]).is_empty(), names_only);
    }
}

#[test]
fn other_portals_and_accepted_deployments_may_share() {
    let flag = "flag_property = \"go\"\n";
    let in_portal = |file: &str, name: &str, hubspot: &str, venue: &str| manifest(file, name, hubspot, venue, flag, "");
    let pair = |first: &str, second: &str| {
        clashes(&[in_portal("a.toml", "eu", first, "mill"), in_portal("b.toml", "us", second, "loft")]).len()
    };
    assert_eq!(pair("[hubspot]\nportal_id = 1\n", "[hubspot]\nportal_id = 2\n"), 0);
    assert_eq!(pair("[hubspot]\nportal_id = 1\n", "[hubspot]\nportal_id = 1\n"), 1);
    assert_eq!(pair("[hubspot]\nportal_id = 1\n", ""), 1, "it may be the same portal");
    assert_eq!(pair("may_share_with = \"us\"\n", ""), 1, "the other one's plan would be refused");
    assert_eq!(pair("may_share_with = \"us\"\n", "may_share_with = \"eu@us-east-1\"\n"), 0);
}

#[test]
fn one_public_key_is_one_account_unless_locations_tell_them_apart() {
    let pair = |first: &str, second: &str| {
        let shared = |loaded: LoadedManifest| {
            let text = loaded.redacted_text().replace("env:KEY_us", "env:KEY_eu");
            parse_manifest(&text, loaded.manifest.path.clone()).expect("valid")
        };
        let other = shared(manifest("b.toml", "us", "", "loft", "", second));
        clashes(&[manifest("a.toml", "eu", "", "mill", "", first), other]).len()
    };
    assert_eq!(pair("", ""), 1);
    assert_eq!(pair("location_id = 1\n", ""), 1);
    assert_eq!(pair("location_id = 1\n", "location_id = 2\n"), 0);
    assert_eq!(pair("location_id = 1\n", "location_id = 1\n"), 1, "said once");
}

#[test]
fn a_clash_is_shown_with_both_places_and_what_to_do() {
    let flag = "flag_property = \"go\"\n";
    let manifests = [
        manifest("venues/eu.toml", "eu", "", "mill", flag, ""),
        manifest("venues/us.toml", "us", "", "loft", flag, ""),
    ];
    let shown: Vec<String> = compare_manifests(&manifests).iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "`mill` in venues/eu.toml and `loft` in venues/us.toml share the flag property `go`: a contact ticked for one \
          would go to both\n  --> venues/us.toml:7:17\n  --> venues/eu.toml:7:17\n  hint: give one another flag_property; if \
          they are in different portals, set `portal_id` in both"
        ]
    );
}
