//! Finds test files that no `mod` reaches, which would never run, and snapshots that no test reads.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// The files below `directory` that the test binary `main` of the same directory leaves out: `.rs` files that no `mod`
/// reaches, and `.snap` files whose test is in none of those it reaches.
///
/// Each `.rs` file below `directory` must belong to `main`. A `mod` counts if it is on a line of its own and has no
/// `#[cfg]`.
pub fn find_forgotten_files(directory: &Path, main: &Path) -> Vec<PathBuf> {
    let mut reached = BTreeSet::new();
    follow_modules(&directory.join(main), true, &mut reached);
    let mut files = Vec::new();
    list_files(directory, &mut files);
    files.retain(|file| match file.extension().and_then(|extension| extension.to_str()) {
        Some("rs") => !reached.contains(file),
        Some("snap") => !is_snapshot_of(file, &reached),
        _ => false,
    });
    files.sort();
    files
}

/// Adds `file` and every file that its `mod` declarations reach to `reached`. The modules of a `main.rs` or a `mod.rs`
/// are beside it, those of any other file in the directory with its name.
fn follow_modules(file: &Path, is_root: bool, reached: &mut BTreeSet<PathBuf>) {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    reached.insert(file.to_owned());
    let here = file.parent().expect("a file has a directory");
    let below = match is_root || file.ends_with("mod.rs") {
        true => here.to_owned(),
        false => file.with_extension(""),
    };
    let mut path_attribute = None;
    for line in text.lines() {
        if let Some(path) = line.strip_prefix("#[path = \"").and_then(|rest| rest.strip_suffix("\"]")) {
            path_attribute = Some(normalize_path(&here.join(path)));
        } else if let Some(name) = module_name(line) {
            let candidates = [below.join(format!("{name}.rs")), below.join(name).join("mod.rs")];
            let module = path_attribute.take().or_else(|| candidates.into_iter().find(|candidate| candidate.exists()));
            let module = module.unwrap_or_else(|| panic!("{} has no file for mod {name}", file.display()));
            follow_modules(&module, false, reached);
        }
    }
}

/// The name in `mod name;` or `pub mod name;`.
fn module_name(line: &str) -> Option<&str> {
    line.strip_prefix("pub ").unwrap_or(line).strip_prefix("mod ")?.strip_suffix(';')
}

/// Resolves `..` without asking the file system, so that a path is equal to the one that a listing has.
fn normalize_path(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        if part == Component::ParentDir {
            normal.pop();
        } else {
            normal.push(part);
        }
    }
    normal
}

fn list_files(directory: &Path, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    for entry in entries {
        let path = entry.unwrap_or_else(|error| panic!("{}: {error}", directory.display())).path();
        if path.is_dir() {
            list_files(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// Whether the source that a snapshot belongs to contains its name, which is the test's or the one that the test chose or
/// formats.
/// A snapshot is `BINARY__MODULE__NAME.snap` in the directory `snapshots` beside the module; the second and later ones
/// of a test end with `-2`, `-3` and so on.
fn is_snapshot_of(snapshot: &Path, sources: &BTreeSet<PathBuf>) -> bool {
    let stem = snapshot.file_stem().and_then(|stem| stem.to_str()).expect("the name is UTF-8");
    let Some((modules, name)) = stem.rsplit_once("__") else { return false };
    let name = match name.rsplit_once('-') {
        Some((name, number)) if number.parse::<u32>().is_ok() => name,
        _ => name,
    };
    let module = modules.rsplit("__").next().expect("a split has a first part");
    let beside = snapshot.parent().and_then(Path::parent).expect("the directory snapshots has a parent");
    [beside.join(format!("{module}.rs")), beside.join("mod.rs")].iter().filter(|file| sources.contains(*file)).any(
        |file| {
            let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            contains_word(&text, name) || formats_name(&text, name)
        },
    )
}

fn contains_word(text: &str, word: &str) -> bool {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').any(|found| found == word)
}

/// Whether the text has a `format!("prefix_{…}")` with a prefix of `name`.
fn formats_name(text: &str, name: &str) -> bool {
    let formats = text.split("format!(\"").skip(1).filter_map(|rest| rest.split('"').next()?.strip_suffix('}'));
    let mut prefixes = formats.filter_map(|format| format.split('{').next());
    prefixes.any(|prefix| !prefix.is_empty() && name.starts_with(prefix))
}
