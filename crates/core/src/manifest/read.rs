//! Turns a file into a valid manifest, or into a list of everything that is wrong with it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bounds::{MAX_TEXT_FILE, read_regular_file};
use jiff::Timestamp;
use toml::de::DeTable;

use super::alarms::{check_digest, read_alarms};
use super::key::TableKeys;
use super::keys::{DEPLOYMENT, DeploymentKeys, HUBSPOT, HubSpotKeys, ROOT, RootKeys};
use super::report::{ManifestProblem, ManifestSource, Span};
use super::shape::{ManifestReading, TablePlace};
use super::syntax::{self, SyntaxState};
use super::table::{ManifestTable, VenueTable};
use super::venue::{self, ParsedVenue};
use super::{
    Advice, Deployment, HubSpotSettings, Manifest, ManifestErrors, SecretRef, SecretValue, Status, isolation, names,
    redact, region, tags,
};
use crate::error::ErrorCode;

/// A valid manifest, with advice about it.
#[derive(Debug, Clone)]
pub struct LoadedManifest {
    /// The manifest.
    pub manifest: Manifest,
    /// What is allowed but could be better, in the order of the file.
    pub advice: Vec<Advice>,
    pub(super) source: ManifestSource,
    pub(super) read: Vec<ParsedVenue>,
    /// Where the deployment's name is.
    pub(super) name_place: Span,
}

impl LoadedManifest {
    /// Compares the venues' credentials by value, including those that [`load`] doesn't resolve. [`load`] reads
    /// environment variables and files but runs no programs, since a password manager may prompt for its password.
    /// `resolve` returns the value of a reference, if there is one.
    ///
    /// Fails if two venues turn out to have the same destination.
    pub fn compare_credential_values(
        &self,
        resolve: impl Fn(&SecretRef) -> Option<SecretValue>,
    ) -> Result<Vec<Advice>, ManifestErrors> {
        let found = isolation::compare_by_value(&self.read, resolve);
        if found.problems.is_empty() {
            Ok(found.advice.iter().map(|advice| self.source.to_finding(advice)).collect())
        } else {
            Err(ManifestErrors { source: self.source.clone(), problems: found.problems })
        }
    }

    /// Refuses schedules that have fired for the last time before `now`. Nothing here has a clock.
    ///
    /// # Errors
    /// The schedules, each once, also if several venues inherit it.
    pub fn check_schedules(&self, now: Timestamp) -> Result<(), ManifestErrors> {
        let mut ended = BTreeMap::new();
        for read in &self.read {
            if read.venue.schedule.next_after(now, now).is_none() {
                let span = read.places.schedule.clone().unwrap_or_else(|| read.places.name.clone());
                let problem = ManifestProblem::new(
                    ErrorCode::ScheduleEnded,
                    span.clone(),
                    format!("`{}` never runs: its schedule has no firing after today", read.venue.name),
                    "all of its years are over",
                );
                let problem = problem.with_help("write * for the year, as in cron(0 12 * * ? *), or a later year");
                ended.entry(span.start).or_insert(problem);
            }
        }
        if ended.is_empty() {
            return Ok(());
        }
        Err(ManifestErrors { source: self.source.clone(), problems: ended.into_values().collect() })
    }

    /// The file's text. It holds no secrets: a literal value instead of a reference is an error, and is redacted here.
    pub fn redacted_text(&self) -> &str {
        &self.source.redacted
    }

    /// `file:line:column` of the venue's table.
    pub fn venue_place(&self, venue: &str) -> Option<String> {
        let read = self.read.iter().find(|read| read.venue.name == venue)?;
        let finding = self.source.to_finding(&ManifestProblem::new(ErrorCode::Value, read.places.name.clone(), "", ""));
        Some(format!("{}:{}:{}", finding.file, finding.line?, finding.column?))
    }
}

/// Reads and checks the manifest at `path`, and compares those credentials of its venues that come from environment
/// variables or files.
pub fn load_manifest(path: impl AsRef<Path>) -> Result<LoadedManifest, ManifestErrors> {
    let path = path.as_ref();
    let bytes = read_regular_file(path, MAX_TEXT_FILE).map_err(|error| unreadable_file(path, &error))?;
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return Err(invalid_utf8(path, error.as_bytes(), error.utf8_error().valid_up_to())),
    };
    check_manifest(&text, path)
}

/// [`load`] for text that has not been written to `path` yet.
pub fn check_manifest(text: &str, path: impl AsRef<Path>) -> Result<LoadedManifest, ManifestErrors> {
    let path = path.as_ref();
    let mut loaded = parse_manifest(text, path)?;
    let dir = path.parent().unwrap_or(Path::new("")).to_owned();
    let known: Vec<_> = loaded.advice.iter().map(|advice| (advice.line, advice.code)).collect();
    let advice = loaded.compare_credential_values(|reference| match reference {
        SecretRef::Env(_) | SecretRef::File(_) => reference.resolve_value(&dir).ok().flatten(),
        SecretRef::Cmd(_) | SecretRef::Managed => None,
    })?;
    loaded.advice.extend(advice.into_iter().filter(|advice| !known.contains(&(advice.line, advice.code))));
    Ok(loaded)
}

/// Checks the text of a manifest without looking at the environment. `path` is used in messages only.
pub fn parse_manifest(text: &str, path: impl Into<PathBuf>) -> Result<LoadedManifest, ManifestErrors> {
    let path = path.into();
    let (root, errors) = DeTable::parse_recoverable(text);
    let root = root.get_ref();
    let (mut problems, sound) = syntax::syntax_problems(text, &errors);
    let source =
        ManifestSource { path: path.clone(), redacted: redact::redact_secrets(text, root, !errors.is_empty()) };
    if sound == SyntaxState::No {
        problems.sort_by_key(|problem| problem.span.as_ref().map(|span| span.start));
        return Err(ManifestErrors { source, problems });
    }
    if text.trim_start_matches('\u{feff}').trim().is_empty() {
        let problem = ManifestProblem::without_place(ErrorCode::Empty, format!("{} is empty", path.display()));
        let problem = problem.with_help("`deployer init` writes a commented manifest to start from");
        return Err(ManifestErrors { source, problems: vec![problem] });
    }

    let mut reading = ManifestReading { text, problems };
    let start = first_line_span(text);
    reading.check_table(root, RootKeys::SPEC, &TablePlace { path: String::new(), span: start.clone() });
    let root = ManifestTable::from_root(root);
    let table = root.open_or_empty(&ROOT.deployment);
    let deployment = read_deployment(table);
    let name_place = table.value_span(&DEPLOYMENT.name).unwrap_or_else(|| start.clone());
    let hubspot = read_hubspot(root.open_or_empty(&ROOT.hubspot));
    let defaults = root.open_or_empty(&ROOT.defaults);
    let mut advice = Vec::new();
    if let (Some(meant), Some(span)) =
        (region::probably_meant(&deployment.region), table.value_span(&DEPLOYMENT.region))
    {
        let message = format!("AWS has no region {} that this version knows of", deployment.region);
        let unknown = ManifestProblem::new(ErrorCode::UnknownRegion, span, message, "");
        advice.push(unknown.with_help(format!("did you mean {meant}?")));
    }
    let alarms = root.open_table(&ROOT.alarms).map(|table| read_alarms(&mut reading, table, &deployment.region));
    let mut read = Vec::new();
    for (name, own) in root.list_tables(&ROOT.venues) {
        let table = VenueTable { own, defaults, deployment: table, alarms: alarms.as_ref() };
        read.push(venue::read_venue(&mut reading, &mut advice, name, table, &hubspot));
    }
    if let (Some(table), Some(alarms)) = (root.open_table(&ROOT.alarms), &alarms) {
        let like = read.iter().find(|read| read.venue.status != Status::Blocked);
        let limited = like.is_some_and(|read| read.venue.company.permissions_boundary.is_some());
        check_digest(&mut reading, table, alarms, (&deployment.region, limited));
    }
    names::check_name_lengths(&mut reading, &deployment, root, &read);
    let by_reference = isolation::compare_by_reference(&read);
    by_reference.problems.into_iter().for_each(|problem| reading.push_problem(problem));
    advice.extend(by_reference.advice);
    if read.is_empty() {
        let nothing = ManifestProblem::new(ErrorCode::NoVenue, start, "the manifest has no venues", "");
        advice.push(nothing.with_help("add a [venues.NAME] table"));
    }

    let mut problems = reading.problems;
    if problems.is_empty() {
        advice.sort_by_key(|advice| advice.span.as_ref().map(|span| span.start));
        let advice = advice.iter().map(|advice| source.to_finding(advice)).collect();
        let venues = read.iter().map(|read| read.venue.clone()).collect();
        let manifest = Manifest { path, deployment, hubspot, alarms, venues };
        Ok(LoadedManifest { manifest, advice, source, read, name_place })
    } else {
        problems.sort_by_key(|problem| problem.span.as_ref().map(|span| span.start));
        Err(ManifestErrors { source, problems })
    }
}

fn unreadable_file(path: &Path, error: &std::io::Error) -> ManifestErrors {
    let shown = path.display();
    let problem = if error.kind() == std::io::ErrorKind::NotFound {
        ManifestProblem::without_place(ErrorCode::NotFound, format!("{shown} does not exist"))
            .with_help("run `deployer init` to create it, or pass `--manifest PATH` to use another file")
    } else {
        ManifestProblem::without_place(ErrorCode::Unreadable, format!("could not read {shown}: {error}"))
    };
    ManifestErrors {
        source: ManifestSource { path: path.to_owned(), redacted: String::new() },
        problems: vec![problem],
    }
}

fn invalid_utf8(path: &Path, bytes: &[u8], at: usize) -> ManifestErrors {
    let lossy = String::from_utf8_lossy(bytes).into_owned();
    let redacted = redact::redact_secrets(&lossy, &DeTable::default(), true);
    let byte = bytes.get(at).copied().unwrap_or_default();
    let help = if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        "the file is UTF-16; save it as UTF-8"
    } else {
        "save the file as UTF-8"
    };
    let span = at..at + char::REPLACEMENT_CHARACTER.len_utf8();
    let message = format!("the file is not valid UTF-8: byte {at} is 0x{byte:02x}");
    let problem = ManifestProblem::new(ErrorCode::NotUtf8, span, message, "invalid byte").with_help(help);
    ManifestErrors { source: ManifestSource { path: path.to_owned(), redacted }, problems: vec![problem] }
}

/// Where to point if the file as a whole lacks a key.
fn first_line_span(text: &str) -> std::ops::Range<usize> {
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

fn read_deployment(table: ManifestTable<'_, '_, DeploymentKeys>) -> Deployment {
    Deployment {
        name: table.read(&DEPLOYMENT.name),
        region: table.read(&DEPLOYMENT.region),
        account: table.read(&DEPLOYMENT.account),
        role_path: table.read(&DEPLOYMENT.role_path),
        may_share_with: table
            .read(&DEPLOYMENT.may_share_with)
            .map(|names| names.split_whitespace().map(ToOwned::to_owned).collect())
            .unwrap_or_default(),
        recovery_window_days: table.read(&DEPLOYMENT.recovery_window_days),
        tags: tags::tag_map(&table.list_tags(&DEPLOYMENT.tags)),
    }
}

fn read_hubspot(table: ManifestTable<'_, '_, HubSpotKeys>) -> HubSpotSettings {
    HubSpotSettings {
        portal_id: table.read(&HUBSPOT.portal_id),
        token: table.read(&HUBSPOT.token),
        base_uri: table.read(&HUBSPOT.base_uri).0,
        test_domain: table.read(&HUBSPOT.test_domain),
    }
}
