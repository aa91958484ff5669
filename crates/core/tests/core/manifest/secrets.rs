//! References to secrets. No report may show anything that could be a secret.

use std::path::{Path, PathBuf};

use deployer_core::manifest::{ReportStyle, SecretRef, SecretValue};

use super::{HEAD, manifest_with, parse_errors};
use crate::assertions::assert_contains;

const CANARY: &str = "pat-na1-5ecre7-c0ffee";

fn assert_redacted(text: &str) -> String {
    let errors = parse_errors(text);
    let shown = format!(
        "{}{errors}{}{errors:?}{}",
        errors.render_report(ReportStyle::PLAIN),
        errors.render_report(ReportStyle { color: true, width: 60 }),
        serde_json::to_string(&errors.list_findings()).unwrap()
    );
    for part in [CANARY, "5ecre7", "c0ffee"] {
        assert!(!shown.contains(part), "{shown}");
    }
    shown
}

#[test]
fn literal_secret_is_rejected_and_never_shown() {
    let venue = |secret_line: &str| {
        format!(
            "{HEAD}[venues.a]\ndisplay_name = \"A\"\n[venues.a.destination]\nkind = \"tripleseat\"\n[venues.a.secrets]\n{secret_line}\n"
        )
    };
    let shown = assert_redacted(&venue(&format!("hubspot_token = \"{CANARY}\"")));
    assert!(shown.contains("this is a literal value, not a reference to a secret"), "{shown}");
    assert!(shown.contains("env:NAME"), "{shown}");
    for line in [
        format!("hubspot_token = '{CANARY}' # old: {CANARY}"),
        format!("hubspot_token = \"\"\"{CANARY}\nc0ffee\"\"\""),
        format!("hubspot_tokn = \"{CANARY}\""),
        format!("hubspot_token = \"env:{CANARY}\""),
        format!("hubspot_token = [\"{CANARY}\"]"),
        format!("hubspot_token = {{ value = \"{CANARY}\" }}"),
        format!("hubspot_token = {CANARY}"),
        format!("hubspot_token = \"{CANARY}"),
        format!("hubspot_token \"{CANARY}\""),
        "tripleseat_public_key = \"my5ecre7key\nkey = 5ecre7".to_owned(),
        "tripleseat_public_key \"my5ecre7key\"".to_owned(),
        "tripleseat_public_key: my5ecre7key".to_owned(),
        "my5ecre7key".to_owned(),
        "tripleseat_public_key = \"my5ecre7key\"\nbad line".to_owned(),
        "tripleseat_public_key = \"env:K\"\ntripleseat_public_key = \"my5ecre7key\"".to_owned(),
    ] {
        assert_redacted(&venue(&line));
    }
}

#[test]
fn credentials_in_urls_are_not_shown() {
    for address in ["https://user:5ecre7@h.example", "https://h.example/?public_key=5ecre7", "ftp://u:5ecre7@h"] {
        assert_redacted(&manifest_with("", &format!("base_uri = \"{address}\"")));
        let http = format!("[hubspot]\nbase_uri = \"{address}\"");
        assert_redacted(&manifest_with("", &http));
    }
    let url = "[venues.b]\ndisplay_name = \"B\"\nsecrets = { hubspot_token = \"env:B\" }\n[venues.b.destination]\nkind = \"http\"\nurl = \"https://h.example/x?api_key=5ecre7\"\n[venues.b.fields]\nemail = \"email\"";
    assert_contains(assert_redacted(&manifest_with("", url)), "what looks like a credential");
}

#[test]
fn report_of_a_non_utf8_file_shows_no_secret() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("venues.toml");
    let mut bytes = format!("[venues.a.secrets]\nhubspot_token = \"{CANARY}").into_bytes();
    bytes.extend([0xff, b'"', b'\n']);
    std::fs::write(&path, bytes).unwrap();
    let errors = deployer_core::manifest::load_manifest(&path).unwrap_err();
    let finding = &errors.list_findings()[0];
    assert_eq!((finding.code, finding.line, finding.column), ("not_utf8", Some(2), Some(39)));
    assert!(finding.message.contains("byte 57 is 0xff"), "{}", finding.message);
    assert!(!errors.render_report(ReportStyle::PLAIN).contains("c0ffee"));
}

fn resolve_reference(reference: &str, directory: &Path) -> Result<Option<String>, String> {
    let reference = SecretRef::parse_reference(reference).unwrap();
    match reference.resolve_value(directory) {
        Ok(value) => Ok(value.map(|value| value.expose_value().to_owned())),
        Err(error) => {
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("5ecre7"), "{shown}");
            Err(error.to_string())
        }
    }
}

#[test]
fn resolves_references() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    for (name, content) in [
        ("plain", "5ecre7\n"),
        ("crlf", "5ecre7\r\n"),
        ("two", "5ecre7\n\n"),
        ("empty", "\n"),
        ("binary", "5ecre7\u{0}"),
    ] {
        std::fs::write(here.join(name), content).unwrap();
    }
    std::fs::write(here.join("latin"), [0xff]).unwrap();
    assert_eq!(resolve_reference("file:plain", here), Ok(Some("5ecre7".to_owned())));
    assert_eq!(resolve_reference("file:crlf", here), Ok(Some("5ecre7".to_owned())));
    assert_eq!(resolve_reference("managed", here), Ok(None));
    assert_contains(resolve_reference("file:empty", here).unwrap_err(), "the value is empty");
    assert_contains(resolve_reference("file:two", here).unwrap_err(), "line break");
    assert_contains(resolve_reference("file:binary", here).unwrap_err(), "control character");
    assert_contains(resolve_reference("file:latin", here).unwrap_err(), "not UTF-8");
    let error = resolve_reference("file:missing", here).unwrap_err();
    assert!(error.contains("could not read") && error.contains("missing: No such file"), "{error}");
    assert_contains(resolve_reference("env:DEPLOYER_TEST_THAT_IS_NOT_SET", here).unwrap_err(), "isn't set");
    assert_eq!(resolve_reference("env:CARGO_PKG_NAME", here), Ok(Some("deployer-core".to_owned())));
    // Programs run in the manifest's directory, and no shell interprets the words.
    assert_eq!(resolve_reference("cmd:cat plain", here), Ok(Some("5ecre7".to_owned())));
    assert_eq!(resolve_reference("cmd:printf '%s' \"a $HOME ; b\"", here), Ok(Some("a $HOME ; b".to_owned())));
    assert_contains(resolve_reference("cmd:sh -c 'echo 5ecre7; exit 3'", here).unwrap_err(), "exit status: 3");
    assert_contains(resolve_reference("cmd:no-such-program-here", here).unwrap_err(), "could not start");
}

#[test]
fn secret_values_are_never_shown() {
    let value = SecretValue::new("5ecre7").unwrap();
    assert!(!format!("{value} {value:?}").contains("5ecre7"));
    assert_eq!(value.expose_value(), "5ecre7");
}

#[test]
fn splits_commands_with_quotes() {
    let words = |text: &str| {
        SecretRef::parse_reference(text).map(|reference| match reference {
            SecretRef::Cmd(words) => words,
            other => panic!("{other}"),
        })
    };
    assert_eq!(words("cmd:op read 'a b'\"c\\\"\" d\\ e ''").unwrap(), ["op", "read", "a bc\"", "d e", ""]);
    for wrong in [
        "cmd:",
        "cmd:  ",
        "cmd:op 'x",
        "cmd:op \\",
        "cmd:'' x",
        "env:",
        "env:1A",
        "env:A B",
        "file:",
        "Managed",
        "ENV:A",
        "literal",
    ] {
        let flaw = SecretRef::parse_reference(wrong).expect_err(wrong);
        assert!(
            !flaw.to_string().contains("literal ")
                || wrong != "literal"
                || flaw.message.starts_with("this is a literal value"),
            "{}",
            flaw.message
        );
    }
}

proptest::proptest! {
    #[test]
    fn references_round_trip(words in proptest::collection::vec("[ -~é]{0,8}", 1..5)) {
        proptest::prop_assume!(!words[0].is_empty());
        let reference = SecretRef::Cmd(words);
        proptest::prop_assert_eq!(SecretRef::parse_reference(&reference.to_string()), Ok(reference));
    }

    #[test]
    fn never_panics_on_references(text in "(env:|file:|cmd:)?\\PC{0,24}") {
        if let Ok(reference) = SecretRef::parse_reference(&text) {
            proptest::prop_assert_eq!(SecretRef::parse_reference(&reference.to_string()), Ok(reference));
        }
    }

    /// No report contains a secret's literal value, whatever it is.
    #[test]
    fn literal_values_are_never_shown(value in "[A-Za-z0-9/+_.-]{12,40}", key in "(hubspot_token|tripleseat_public_key|tripleseat_client_secret|api_password)") {
        proptest::prop_assume!(SecretRef::parse_reference(&value).is_err());
        let text = format!("{HEAD}[venues.a.secrets]\n{key} = \"{value}\"\n");
        let shown = parse_errors(&text).render_report(ReportStyle::PLAIN);
        proptest::prop_assert!(!shown.contains(&value));
    }
}

#[test]
fn file_paths_may_contain_spaces() {
    assert_eq!(SecretRef::parse_reference("file:a b/c"), Ok(SecretRef::File(PathBuf::from("a b/c"))));
}
