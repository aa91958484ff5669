//! Finds the source of `sync-lambda`.

use std::path::{Path, PathBuf};

use deployer_core::error::{Error, Result};

/// The workspace that contains `sync-lambda`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SourceWorkspace {
    pub(super) root: PathBuf,
    /// Whether the deployer is in it too, so that one build covers both.
    pub(super) has_deployer: bool,
}

impl SourceWorkspace {
    /// Searches `starts` and their ancestors, and then the directory where this deployer was built.
    pub(super) fn find_from(starts: &[PathBuf]) -> Result<Self> {
        let built_in = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        let ancestors = starts.iter().flat_map(|start| start.ancestors());
        let mut candidates = ancestors.chain(std::iter::once(built_in));
        let root = candidates.find(|dir| is_root(dir)).ok_or_else(|| {
            let looked: Vec<String> = starts.iter().map(|start| start.display().to_string()).collect();
            Error::failed(format!(
                "could not find the source of sync-lambda in {} or a directory above",
                looked.join(" or ")
            ))
            .hint("run this in the deployer's source tree, or pass a built artifact with --artifact PATH")
        })?;
        Ok(Self { root: root.to_owned(), has_deployer: has_deployer(root) })
    }

    /// Where cargo builds: `CARGO_TARGET_DIR`, or `target` in the workspace.
    pub(super) fn target_dir(&self) -> PathBuf {
        let from_environment = std::env::var_os("CARGO_TARGET_DIR").filter(|dir| !dir.is_empty());
        let dir = from_environment.map_or_else(|| self.root.join("target"), PathBuf::from);
        std::path::absolute(&dir).unwrap_or(dir)
    }
}

fn is_root(dir: &Path) -> bool {
    dir.join("Cargo.toml").is_file() && dir.join("sync-lambda").join("Cargo.toml").is_file()
}

fn has_deployer(root: &Path) -> bool {
    let manifest = bounds::read_regular_text(&root.join("Cargo.toml"), bounds::MAX_TEXT_FILE).unwrap_or_default();
    let manifest: Option<toml::Table> = manifest.parse().ok();
    let name = manifest.as_ref().and_then(|table| table.get("package")?.get("name")?.as_str());
    name == Some("deployer")
}
