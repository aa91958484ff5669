//! Edits of whole venues, `venue show`, `fmt`, what `init` writes beside the manifest, and completion of venues.

use deployer_core::manifest::{check_manifest, remove_venue, rename_venue, tidy_manifest};

use crate::assertions::assert_contains;
use crate::processes::{Site, exit_and_output};

const OWN: &str = include_str!("../../../venues.toml");
const MANIFEST: &str = "venues.toml";

fn manifest_text(site: &Site) -> String {
    std::fs::read_to_string(site.path().join(MANIFEST)).expect("the manifest")
}

#[test]
fn every_venue_of_the_example_can_be_removed_and_renamed() {
    let before = check_manifest(OWN, MANIFEST).expect("the example is valid").manifest;
    for venue in &before.venues {
        let name = &venue.name;
        let without = remove_venue(OWN, name).expect("it has a table");
        let after = check_manifest(&without, MANIFEST).unwrap_or_else(|errors| panic!("without {name}: {errors:?}"));
        let kept: Vec<_> = before.venues.iter().filter(|other| other != &venue).collect();
        assert_eq!(after.manifest.venues.iter().collect::<Vec<_>>(), kept);
        let renamed = rename_venue(OWN, name, "harbor").expect("it has a table");
        assert_eq!(renamed.lines().count(), OWN.lines().count());
        let changed: Vec<_> = OWN.lines().zip(renamed.lines()).filter(|(old, new)| old != new).collect();
        assert!(changed.iter().all(|(old, _)| old.starts_with("[venues.")), "{changed:?}");
        let after = check_manifest(&renamed, MANIFEST).unwrap_or_else(|errors| panic!("{name} renamed: {errors:?}"));
        let harbor = after.manifest.venues.iter().find(|venue| venue.name == "harbor").expect("it is there");
        assert_eq!((&harbor.display_name, &harbor.secrets), (&venue.display_name, &venue.secrets));
    }
}

#[test]
fn our_own_manifests_are_tidy() {
    assert_eq!(tidy_manifest(OWN).expect("it is TOML"), OWN, "run `deployer fmt`");
}

#[test]
fn remove_says_what_the_next_apply_does_and_what_stays() {
    let site = Site::new();
    let before = manifest_text(&site);
    let (code, printed) = site.run_deployer(&["venue", "remove", "b"]);
    assert_eq!(code, 0, "{printed}");
    assert_contains(&printed, "stay flagged");
    let after = manifest_text(&site);
    assert!(before.contains("[venues.b") && !after.contains("[venues.b") && after.contains("[venues.a"), "{after}");
    let (code, printed) = site.run_deployer(&["venue", "remove", "b"]);
    assert_eq!(code, 2, "{printed}");
}

#[test]
fn rename_names_the_commands_that_follow() {
    let site = Site::new();
    let (code, printed) = site.run_deployer(&["venue", "rename", "a", "harbor"]);
    assert_eq!(code, 0, "{printed}");
    assert_contains(&printed, "deployer migrate-flag --from tripleseat_sync__a --to harbor");
    assert!(manifest_text(&site).contains("[venues.harbor]"), "{}", manifest_text(&site));
    let (code, printed) = site.run_deployer(&["venue", "rename", "harbor", "b"]);
    assert_eq!(code, 2, "{printed}");
    let (code, printed) = site.run_deployer(&["venue", "rename", "harbor", "not a name"]);
    assert_eq!(code, 2, "{printed}");
}

#[test]
fn show_fills_in_defaults_and_names() {
    let site = Site::new();
    let (code, printed) = site.run_deployer(&["venue", "show", "a"]);
    assert_eq!(code, 0, "{printed}");
    insta::assert_snapshot!(printed);
    let (code, printed) = site.run_deployer(&["venue", "show", "a", "--json"]);
    let line: serde_json::Value = serde_json::from_str(&printed).expect("one line of JSON");
    assert_eq!(
        (code, &line["type"], &line["hubspot"]["flag"]),
        (0, &"venue_shown".into(), &"tripleseat_sync__a".into())
    );
}

#[test]
fn fmt_changes_spaces_once() {
    let site = Site::new();
    site.write_file(MANIFEST, &manifest_text(&site).replace("display_name = ", "display_name=   "));
    let untidy = manifest_text(&site);
    let (code, printed) = site.run_deployer(&["fmt", "--check"]);
    assert_eq!((code, manifest_text(&site) == untidy), (1, true), "{printed}");
    let (code, printed) = site.run_deployer(&["fmt"]);
    assert_eq!((code, manifest_text(&site) == untidy), (0, false), "{printed}");
    let (code, printed) = site.run_deployer(&["fmt", "--check"]);
    assert_eq!(code, 0, "{printed}");
    site.write_file(MANIFEST, "[venues\n");
    let (code, printed) = site.run_deployer(&["fmt"]);
    assert_eq!(code, 2, "{printed}");
    assert_contains(&printed, "deployer validate");
}

#[test]
fn init_writes_the_schema_and_ignores_private_files() {
    let site = Site::new();
    site.write_file(".gitignore", "target\n.env");
    let (code, printed) = site.run_deployer(&["init", "--force"]);
    assert_eq!(code, 0, "{printed}");
    let read =
        |name: &str| std::fs::read_to_string(site.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(read(".gitignore"), "target\n.env\n.deployer/\n");
    assert!(read(MANIFEST).starts_with("#:schema venues.schema.json\n"));
    let schema: serde_json::Value = serde_json::from_str(&read("venues.schema.json")).expect("it is JSON");
    assert_eq!(schema["type"], "object");
    let (code, printed) = site.run_deployer(&["validate"]);
    assert_eq!(code, 0, "{printed}");
    // A second time, nothing is missing.
    let (_, printed) = site.run_deployer(&["init", "--force"]);
    assert!(!printed.contains(".gitignore"), "{printed}");
}

#[test]
fn a_shell_completes_the_manifests_venues() {
    let site = Site::new();
    let completed = |words: &[&str]| {
        let mut command = site.deployer_command(&[&["--", "deployer"], words].concat());
        command
            .env("DEPLOYER_COMPLETE", "bash")
            .env("_CLAP_IFS", "\n")
            .env("_CLAP_COMPLETE_INDEX", words.len().to_string());
        exit_and_output(&command.output().expect("it starts")).1
    };
    let venues = completed(&["logs", ""]);
    assert!(venues.lines().any(|line| line == "a") && venues.lines().any(|line| line == "b"), "{venues}");
    assert_eq!(completed(&["venue", "pau"]).trim(), "pause");
    site.write_file("other.toml", &manifest_text(&site).replace("venues.a", "venues.zoo"));
    assert_contains(completed(&["-f", "other.toml", "logs", "z"]), "zoo");
}
