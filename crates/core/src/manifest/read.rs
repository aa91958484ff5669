//! Turns a file into a valid manifest, or into a list of everything that is wrong with it.

use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::report::{Problem, Source};
use super::shape::{At, Reading, integer, ordered};
use super::syntax::{self, Sound};
use super::venue::{self, Defaults, Read};
use super::{Advice, Deployment, HubSpot, Manifest, ManifestErrors, SecretRef, SecretValue, isolation, names, redact};

/// A valid manifest, with advice about it.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The manifest.
    pub manifest: Manifest,
    /// What is allowed but could be better, in the order of the file.
    pub advice: Vec<Advice>,
    source: Source,
    read: Vec<Read>,
}

impl Loaded {
    /// Compares the venues' credentials by value, including those that [`load`] doesn't resolve. [`load`] reads
    /// environment variables and files but runs no programs, since a password manager may prompt for its password.
    /// `resolve` returns the value of a reference, if there is one.
    ///
    /// Fails if two venues turn out to have the same destination.
    pub fn check_values(
        &self,
        resolve: impl Fn(&SecretRef) -> Option<SecretValue>,
    ) -> Result<Vec<Advice>, ManifestErrors> {
        let found = isolation::by_value(&self.read, resolve);
        if found.problems.is_empty() {
            Ok(found.advice.iter().map(|advice| self.source.finding(advice)).collect())
        } else {
            Err(ManifestErrors { source: self.source.clone(), problems: found.problems })
        }
    }

    /// The file's text. It holds no secrets: a literal value in place of a reference is an error, and is redacted here.
    pub fn text(&self) -> &str {
        &self.source.redacted
    }

    /// `file:line:column` of the venue's table.
    pub fn place_of(&self, venue: &str) -> Option<String> {
        let read = self.read.iter().find(|read| read.venue.name == venue)?;
        let finding = self.source.finding(&Problem::new("", read.places.name.clone(), "", ""));
        Some(format!("{}:{}:{}", finding.file, finding.line?, finding.column?))
    }
}

/// Reads and checks the manifest at `path`, and compares those credentials of its venues that come from environment
/// variables or files.
pub fn load(path: impl AsRef<Path>) -> Result<Loaded, ManifestErrors> {
    let path = path.as_ref();
    let bytes = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return Err(not_utf8(path, error.as_bytes(), error.utf8_error().valid_up_to())),
    };
    check(&text, path)
}

/// [`load`] for text that has not been written to `path` yet.
pub fn check(text: &str, path: impl AsRef<Path>) -> Result<Loaded, ManifestErrors> {
    let path = path.as_ref();
    let mut loaded = parse(text, path)?;
    let dir = path.parent().unwrap_or(Path::new("")).to_owned();
    let known: Vec<_> = loaded.advice.iter().map(|advice| (advice.line, advice.code)).collect();
    let advice = loaded.check_values(|reference| match reference {
        SecretRef::Env(_) | SecretRef::File(_) => reference.resolve(&dir).ok().flatten(),
        SecretRef::Cmd(_) | SecretRef::Managed => None,
    })?;
    loaded.advice.extend(advice.into_iter().filter(|advice| !known.contains(&(advice.line, advice.code))));
    Ok(loaded)
}

/// Checks the text of a manifest without looking at the environment. `path` is used in messages only.
pub fn parse(text: &str, path: impl Into<PathBuf>) -> Result<Loaded, ManifestErrors> {
    let path = path.into();
    let (root, errors) = DeTable::parse_recoverable(text);
    let root = root.get_ref();
    let (mut problems, sound) = syntax::problems(text, &errors);
    let source = Source { path: path.clone(), redacted: redact::redact(text, root, !errors.is_empty()) };
    if sound == Sound::No {
        problems.sort_by_key(|problem| problem.span.as_ref().map(|span| span.start));
        return Err(ManifestErrors { source, problems });
    }
    if text.trim_start_matches('\u{feff}').trim().is_empty() {
        let problem = Problem::without_place("empty", format!("{} is empty", path.display()));
        let problem = problem.help("`deployer init` writes a commented manifest to start from");
        return Err(ManifestErrors { source, problems: vec![problem] });
    }

    let mut reading = Reading { text, problems };
    let start = first_line(text);
    reading.check_table(root, &super::keys::ROOT, &At { path: String::new(), span: start.clone() });
    let deployment = deployment(root);
    let hubspot = hubspot(root);
    let defaults = Defaults::read(table(root, "defaults"));
    let mut advice = Vec::new();
    let mut read = Vec::new();
    for (name, value) in table(root, "venues").map(ordered).unwrap_or_default() {
        if let DeValue::Table(table) = value.get_ref() {
            read.push(venue::read(&mut reading, &mut advice, name, table, &defaults, &hubspot));
        }
    }
    names::check(&mut reading, &deployment, root, &read);
    let by_reference = isolation::by_reference(&read);
    by_reference.problems.into_iter().for_each(|problem| reading.push(problem));
    advice.extend(by_reference.advice);
    if read.is_empty() {
        let nothing = Problem::new("no_venue", start, "the manifest has no venues", "");
        advice.push(nothing.help("add a [venues.NAME] table"));
    }

    let mut problems = reading.problems;
    if problems.is_empty() {
        advice.sort_by_key(|advice| advice.span.as_ref().map(|span| span.start));
        let advice = advice.iter().map(|advice| source.finding(advice)).collect();
        let venues = read.iter().map(|read| read.venue.clone()).collect();
        let manifest = Manifest { path, deployment, hubspot, venues };
        Ok(Loaded { manifest, advice, source, read })
    } else {
        problems.sort_by_key(|problem| problem.span.as_ref().map(|span| span.start));
        Err(ManifestErrors { source, problems })
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> ManifestErrors {
    let shown = path.display();
    let problem = if error.kind() == std::io::ErrorKind::NotFound {
        Problem::without_place("not_found", format!("{shown} does not exist"))
            .help("run `deployer init` to create it, or pass `--manifest PATH` to use another file")
    } else {
        Problem::without_place("unreadable", format!("could not read {shown}: {error}"))
    };
    ManifestErrors { source: Source { path: path.to_owned(), redacted: String::new() }, problems: vec![problem] }
}

fn not_utf8(path: &Path, bytes: &[u8], at: usize) -> ManifestErrors {
    let lossy = String::from_utf8_lossy(bytes).into_owned();
    let redacted = redact::redact(&lossy, &DeTable::default(), true);
    let byte = bytes.get(at).copied().unwrap_or_default();
    let help = if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        "the file is UTF-16; save it as UTF-8"
    } else {
        "save the file as UTF-8"
    };
    let span = at..at + char::REPLACEMENT_CHARACTER.len_utf8();
    let message = format!("the file is not valid UTF-8: byte {at} is 0x{byte:02x}");
    let problem = Problem::new("not_utf8", span, message, "invalid byte").help(help);
    ManifestErrors { source: Source { path: path.to_owned(), redacted }, problems: vec![problem] }
}

/// Where to point if the file as a whole lacks a key.
fn first_line(text: &str) -> std::ops::Range<usize> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_start_matches('\u{feff}').trim();
        if !content.is_empty() {
            let indent = line.find(content).unwrap_or_default();
            return start + indent..start + indent + content.len();
        }
        start += line.len();
    }
    0..0
}

pub(super) fn table<'t, 's>(table: &'t DeTable<'s>, key: &str) -> Option<&'t DeTable<'s>> {
    table.get(key).and_then(|value| value.get_ref().as_table())
}

pub(super) fn string(table: &DeTable<'_>, key: &str) -> Option<String> {
    Some(table.get(key)?.get_ref().as_str()?.to_owned())
}

pub(super) fn unsigned(table: &DeTable<'_>, key: &str) -> Option<u64> {
    u64::try_from(integer(table.get(key)?)?).ok()
}

fn deployment(root: &DeTable<'_>) -> Deployment {
    let table = table(root, "deployment");
    let text = |key| table.and_then(|table| string(table, key));
    Deployment {
        name: text("name").unwrap_or_default(),
        region: text("region").unwrap_or_default(),
        account: text("account"),
        recovery_window_days: table
            .and_then(|table| unsigned(table, "recovery_window_days"))
            .and_then(|days| u32::try_from(days).ok())
            .unwrap_or(super::keys::DEFAULT_RECOVERY_WINDOW_DAYS),
    }
}

fn hubspot(root: &DeTable<'_>) -> HubSpot {
    let table = table(root, "hubspot");
    let text = |key| table.and_then(|table| string(table, key));
    HubSpot {
        portal_id: table.and_then(|table| unsigned(table, "portal_id")),
        token: text("token").and_then(|text| SecretRef::parse(&text).ok()),
        base_uri: venue::base_uri(text("base_uri"), sync_config::config::HUBSPOT_BASE_URI),
        test_domain: text("test_domain").unwrap_or_else(|| super::keys::DEFAULT_TEST_DOMAIN.to_owned()),
    }
}
