//! The manifests that a command line names: paths, and patterns such as `venues/*.toml`.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::isolation::glob_matches;

/// The most manifests of one run: more are a pattern that means something else.
const MOST_MANIFESTS: usize = 200;

/// The manifests of a command line, each once: in the order in which they are named, those of a pattern by name. A file
/// that exists is meant by its name, whatever characters that has.
///
/// # Errors
/// A pattern that no file has, or far too many.
pub fn expand_manifests(named: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut known = BTreeSet::new();
    for name in named {
        let paths = match is_pattern(name) && !name.exists() {
            true => expand_pattern(name)?,
            false => vec![name.clone()],
        };
        // A file can have several names: `./a.toml`, a link.
        let new = |path: &PathBuf| known.insert(std::fs::canonicalize(path).unwrap_or_else(|_| path.clone()));
        found.extend(paths.into_iter().filter(new));
    }
    if found.len() > MOST_MANIFESTS {
        return Err(Error::usage(
            ErrorCode::CommandLine,
            format!("--manifest names {} files; a run takes {MOST_MANIFESTS} at most", found.len()),
        )
        .hint("name fewer, or run the command once for each directory"));
    }
    Ok(found)
}

/// Whether a path is a pattern: `*` stands for any characters of a name, `?` for one.
pub fn is_pattern(path: &Path) -> bool {
    path.to_string_lossy().contains(['*', '?'])
}

fn expand_pattern(pattern: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = vec![PathBuf::new()];
    let mut parts = pattern.components().peekable();
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        let name = part.as_os_str().to_string_lossy();
        paths = match part {
            Component::Normal(_) if is_pattern(Path::new(&*name)) => {
                paths.iter().flat_map(|directory| list_matching(directory, &name, is_last)).collect()
            }
            _ => paths.into_iter().map(|path| path.join(part)).collect(),
        };
    }
    paths.retain(|path| path.is_file());
    if paths.is_empty() {
        return Err(Error::usage(ErrorCode::NotFound, format!("no file matches {}", pattern.display())).hint(
            "`*` stands for any characters of one name, and `?` for one; put the pattern in quotes, so that the shell \
             leaves it alone",
        ));
    }
    Ok(paths)
}

/// What in a directory has a name like `pattern`, by name. A name that starts with a dot is only meant by one that does.
fn list_matching(directory: &Path, pattern: &str, is_last: bool) -> Vec<PathBuf> {
    let place = if directory == Path::new("") { Path::new(".") } else { directory };
    // What can't be listed has no manifest that could be read.
    let Ok(entries) = std::fs::read_dir(place) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> =
        names.filter(|name| name.starts_with('.') == pattern.starts_with('.') && glob_matches(pattern, name)).collect();
    names.sort_unstable();
    let paths = names.into_iter().map(|name| directory.join(name));
    paths.filter(|path| is_last || path.is_dir()).collect()
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests write the files that are found")]
mod tests {
    use super::*;

    #[test]
    fn names_are_like_patterns() {
        for (pattern, name, expected) in [
            ("*.toml", "eu.toml", true),
            ("*.toml", ".toml", true),
            ("*.toml", "eu.toml.bak", false),
            ("eu-?.toml", "eu-1.toml", true),
            ("eu-?.toml", "eu-.toml", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
            ("?", "ü", true),
            ("**", "", true),
            ("a", "", false),
        ] {
            assert_eq!(glob_matches(pattern, name), expected, "{pattern} {name}");
        }
        // Backtracking over every `*` would never end.
        assert!(!glob_matches(&"*a".repeat(40), &"a".repeat(39)));
    }

    #[test]
    fn finds_each_file_once_in_the_order_of_names() {
        let directory = tempfile::tempdir().expect("a directory");
        for name in
            ["venues/us.toml", "venues/eu.toml", "venues/.hidden.toml", "venues/notes.md", "stages/eu/test.toml"]
        {
            let path = directory.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("created");
            std::fs::write(path, "").expect("written");
        }
        std::fs::create_dir(directory.path().join("venues/old.toml")).expect("created");
        let expand = |names: &[&str]| {
            let named: Vec<PathBuf> = names.iter().map(|name| directory.path().join(name)).collect();
            expand_manifests(&named).map(|paths| {
                let relative =
                    |path: &PathBuf| path.strip_prefix(directory.path()).expect("inside").display().to_string();
                paths.iter().map(relative).collect::<Vec<_>>()
            })
        };
        let all = ["venues/eu.toml", "venues/us.toml"];
        assert_eq!(expand(&["venues/*.toml"]).expect("found"), all);
        assert_eq!(expand(&["venues/us.toml", "venues/*.toml"]).expect("found"), ["venues/us.toml", "venues/eu.toml"]);
        assert_eq!(expand(&["venues/*.toml", "venues/../venues/eu.toml"]).expect("found"), all);
        assert_eq!(expand(&["stages/*/t?st.toml"]).expect("found"), ["stages/eu/test.toml"]);
        assert_eq!(expand(&["venues/.*.toml"]).expect("found"), ["venues/.hidden.toml"]);
        // A path is taken as it is: the command says that it doesn't exist.
        assert_eq!(expand(&["venues/ap.toml"]).expect("named"), ["venues/ap.toml"]);
        for nothing in ["venues/*.json", "nowhere/*.toml", "venues/eu.toml/*"] {
            let error = expand(&[nothing]).expect_err("no file");
            assert!(error.message.contains("no file matches") && error.message.ends_with(nothing), "{error}");
        }
        let literal = directory.path().join("venues/a*.toml");
        std::fs::write(&literal, "").expect("written");
        std::fs::write(directory.path().join("venues/ab.toml"), "").expect("written");
        assert_eq!(expand(&["venues/a*.toml"]).expect("found"), ["venues/a*.toml"], "a file has this name");
    }
}
