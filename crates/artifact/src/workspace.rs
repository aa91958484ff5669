//! Finds the source of `sync-lambda`.

use std::path::{Path, PathBuf};

/// The workspace that contains `sync-lambda`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SourceWorkspace {
    pub(super) root: PathBuf,
    /// Whether the deployer is in it too, so that one build covers both.
    pub(super) has_deployer: bool,
}

impl SourceWorkspace {
    /// Searches `starts` and their ancestors. `None` if the source isn't there.
    pub(super) fn find_from(starts: &[PathBuf]) -> Option<Self> {
        let mut ancestors = starts.iter().flat_map(|start| start.ancestors());
        ancestors.find(|dir| is_root(dir)).map(Self::at_root)
    }

    /// The directory where this deployer was built, if its source is still there.
    pub(super) fn built_in() -> Option<Self> {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        is_root(root).then(|| Self::at_root(root))
    }

    fn at_root(root: &Path) -> Self {
        Self { root: root.to_owned(), has_deployer: has_deployer(root) }
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
