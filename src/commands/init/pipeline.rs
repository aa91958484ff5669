//! Pipelines that plan, apply and watch for drift.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use deployer_core::manifest::{Manifest, SecretRef};

/// Where the manifest's repository is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PipelineHost {
    /// GitHub Actions: .github/workflows/deployer.yml
    Github,
    /// GitLab CI: .gitlab-ci.yml
    Gitlab,
}

impl PipelineHost {
    /// The pipeline's file, from the root of the repository.
    pub(super) fn file(self) -> PathBuf {
        match self {
            Self::Github => Path::new(".github/workflows/deployer.yml").to_owned(),
            Self::Gitlab => Path::new(".gitlab-ci.yml").to_owned(),
        }
    }

    /// The pipeline for a manifest: its path in the repository, its region, and the variables that it refers to.
    pub(super) fn pipeline_text(self, path: &Path, manifest: &Manifest) -> String {
        let template = match self {
            Self::Github => include_str!("github.yml"),
            Self::Gitlab => include_str!("gitlab.yml"),
        };
        let secrets: Vec<_> = referenced_variables(manifest)
            .into_iter()
            .map(|name| format!("          {name}: ${{{{ secrets.{name} }}}}"))
            .collect();
        template
            .replace("@INSTALL@\n", include_str!("github_install.yml"))
            .replace("@MANIFEST@", &path.display().to_string())
            .replace("@REGION@", &manifest.deployment.region)
            .replace("@SECRETS@", &secrets.join("\n"))
    }
}

/// The variables of `env:` references, in alphabetical order.
fn referenced_variables(manifest: &Manifest) -> BTreeSet<&str> {
    let of_venues = manifest.venues.iter().flat_map(|venue| venue.secrets.iter().map(|(_, reference)| reference));
    let references = of_venues.chain(manifest.hubspot.token.as_ref());
    references
        .filter_map(|reference| match reference {
            SecretRef::Env(name) => Some(name.as_str()),
            SecretRef::File(_) | SecretRef::Cmd(_) | SecretRef::Managed => None,
        })
        .collect()
}
