//! Which of several manifests a command works on.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::run::ManifestRun;
use super::{CommandLine, one_file_error};
use crate::terminal;
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::{LoadedManifest, Manifest, ManifestErrors, load_manifest};

/// Reads a manifest as every command does.
///
/// # Errors
/// Its mistakes.
pub(super) fn read_manifest(path: &Path) -> std::result::Result<LoadedManifest, ManifestErrors> {
    let loaded = load_manifest(path)?;
    loaded.check_schedules(Timestamp::now())?;
    Ok(loaded)
}

/// The one manifest of a command that works on one: the one that declares all the venues that it names.
///
/// # Errors
/// It names none, or there isn't exactly one such manifest.
pub(super) fn choose_by_venue(line: &CommandLine, paths: &[PathBuf], why: &str) -> Result<PathBuf> {
    if line.venues.is_empty() {
        return Err(one_file_error(&line.words, paths, why));
    }
    let mut declaring = Vec::new();
    let mut unreadable = None;
    for path in paths {
        match read_manifest(path) {
            Ok(loaded) if declares_any(&loaded.manifest, &line.venues) => declaring.push(path.clone()),
            Ok(_) => {}
            Err(errors) => unreadable = unreadable.or(Some(errors)),
        }
    }
    match (declaring.as_slice(), unreadable) {
        // The one with mistakes may declare it too.
        (_, Some(errors)) => Err(errors.into()),
        ([one], None) => Ok(one.clone()),
        ([], None) => Err(undeclared_error(&line.venues, paths)),
        (several, None) => {
            let why = format!("{} in more than one of them", declared_words(&line.venues));
            Err(one_file_error(&line.words, several, &why))
        }
    }
}

fn declared_words(venues: &[String]) -> String {
    match venues {
        [one] => format!("{one} is declared"),
        several => format!("{} are declared", several.join(", ")),
    }
}

/// The error for venues that no manifest declares.
pub(super) fn undeclared_error(venues: &[String], paths: &[PathBuf]) -> Error {
    let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    let what = format!("none of the manifests declares {}: {}", venues.join(" or "), names.join(", "));
    Error::new(ExitCode::Usage, ErrorCode::UnknownVenue, what)
        .hint("`deployer venue list` shows the venues of each; of one that is only deployed, name the manifest")
}

pub(super) fn declares_any(manifest: &Manifest, venues: &[String]) -> bool {
    manifest.venues.iter().any(|venue| venues.contains(&venue.name))
}

/// Those of the venues on the command line that a command works on: of several manifests, each has its own.
pub fn own_venues(manifest: &Manifest, named: &[String]) -> Vec<String> {
    if ManifestRun::current().is_none() {
        return named.to_vec();
    }
    let declared = |name: &&String| manifest.venues.iter().any(|venue| venue.name == **name);
    named.iter().filter(declared).cloned().collect()
}

/// Prints what is wrong with a manifest, in its own block.
pub(super) fn print_mistakes(errors: ManifestErrors, json: bool) {
    if json {
        let lines = crate::render::JsonLines::default();
        errors.list_findings().iter().for_each(|finding| lines.print_line("manifest_error", finding));
    }
    terminal::print_error(&errors.into(), json);
}
