//! `docs/schemas`: what `--json` prints is what the schemas say. Every command that any test runs through
//! [`crate::processes::Site`] with `--json` is checked; here, every command is, and that none is forgotten.

mod real;
mod validator;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use clap::CommandFactory;
use serde_json::{Value, json};

use validator::SchemaFiles;

static SCHEMAS: LazyLock<SchemaFiles> = LazyLock::new(SchemaFiles::read_files);

/// Commands that print no lines: a document of its own format, or nothing.
const WITHOUT_LINES: [&str; 4] = ["init", "schema", "completions", "man"];

/// Checks everything that a command line printed to stdout, if it asked for lines.
///
/// # Panics
/// A line isn't what the command's schema says.
pub fn check_printed_lines(args: &[&str], stdout: &str) {
    let json = args.contains(&"--json") || args.windows(2).any(|pair| pair == ["--format", "json"]);
    let words = std::iter::once("deployer").chain(args.iter().copied());
    let Ok(matches) = deployer::cli::Cli::command().try_get_matches_from(words) else { return };
    let Some(command) = matches.subcommand_name().filter(|name| !WITHOUT_LINES.contains(name)) else { return };
    if json {
        let wrong = stdout.lines().find_map(|line| check_line(command, line).err());
        assert!(
            wrong.is_none(),
            "{args:?} isn't as docs/schemas/{command}.v1.json says: {}",
            wrong.unwrap_or_default()
        );
    }
}

fn check_line(command: &str, line: &str) -> Result<(), String> {
    let mut value: Value = serde_json::from_str(line).map_err(|error| format!("{error}: {line}"))?;
    // In a run of several manifests, every line says whose it is.
    if let Some(name) = value.as_object_mut().and_then(|members| members.shift_remove("manifest")) {
        SCHEMAS.check_definition("lines.v1.json", "manifest_name", &name)?;
    }
    SCHEMAS.check_value(&format!("{command}.v1.json"), &value)
}

fn line_types() -> &'static serde_json::Map<String, Value> {
    SCHEMAS.schema("lines.v1.json").and_then(|schema| schema["$defs"].as_object()).expect("lines.v1.json has types")
}

#[test]
fn every_command_has_a_schema_and_every_schema_a_command() {
    let command = deployer::cli::Cli::command();
    let commands: BTreeSet<String> = command
        .get_subcommands()
        .map(|command| command.get_name().to_owned())
        .filter(|name| !WITHOUT_LINES.contains(&name.as_str()))
        .map(|name| format!("{name}.v1.json"))
        .chain(["lines.v1.json".to_owned()])
        .collect();
    let files: BTreeSet<String> = SCHEMAS.names().map(ToOwned::to_owned).collect();
    assert_eq!(files, commands, "docs/schemas has a file for each command that prints lines");
}

/// The kinds that the source prints, wherever it does, are the types that the schemas have.
#[test]
fn every_kind_of_line_has_a_schema() {
    let mut printed = BTreeSet::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("readable") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            for call in text.split("print_line(").skip(1) {
                let argument = call.trim_start();
                if let Some((kind, _)) = argument.strip_prefix('"').and_then(|rest| rest.split_once('"')) {
                    printed.insert(kind.to_owned());
                }
            }
        }
    }
    assert!(printed.len() > 40, "{printed:?}");
    let known: BTreeSet<&str> =
        line_types().values().filter_map(|line| line["properties"]["type"]["const"].as_str()).collect();
    let missing: Vec<_> = printed.iter().filter(|kind| !known.contains(kind.as_str())).collect();
    assert!(missing.is_empty(), "docs/schemas/lines.v1.json has no {missing:?}");
}

#[test]
fn the_schemas_are_versioned_and_every_type_is_of_some_command() {
    let mut used = BTreeSet::new();
    for name in SCHEMAS.names() {
        let schema = SCHEMAS.schema(name).expect("it is there");
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{name}");
        assert!(schema["title"].as_str().is_some_and(|title| title.ends_with("version 1")), "{name}");
        for reference in schema["oneOf"].as_array().into_iter().flatten() {
            let target = reference["$ref"].as_str().and_then(|text| text.strip_prefix("lines.v1.json#/$defs/"));
            let target = target.unwrap_or_else(|| panic!("{name}: {reference}"));
            assert!(line_types().contains_key(target), "{name}: {target}");
            used.insert(target);
        }
    }
    let types = line_types().iter().filter(|(_, line)| line["properties"]["type"].is_object());
    let unused: Vec<_> = types.map(|(name, _)| name.as_str()).filter(|name| !used.contains(name)).collect();
    assert!(unused.is_empty(), "no command prints {unused:?}");
    assert_eq!(deployer::render::FORMAT_VERSION, 1, "another version needs files of its own");
}

#[test]
fn the_check_refuses_unknown_members_types_and_values() {
    let check = |value: Value| check_line("fmt", &value.to_string());
    assert_eq!(check(json!({ "type": "formatted", "changed": true, "written": false })), Ok(()));
    for wrong in [
        json!({ "type": "formatted", "changed": true, "written": false, "more": 1 }),
        json!({ "type": "formatted", "changed": true }),
        json!({ "type": "formatted", "changed": "yes", "written": false }),
        json!({ "type": "edited", "changed": true, "written": false }),
        json!([]),
    ] {
        assert!(check(wrong.clone()).is_err(), "{wrong}");
    }
    assert!(check_line("fmt", "no JSON").is_err());
}
