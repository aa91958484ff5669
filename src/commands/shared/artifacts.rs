//! The artifact for each architecture in the manifest, built once or passed with `--artifact`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::session::{Session, manifest_directory};
use super::trial::try_artifact;
use deployer_artifact::{Artifact, ArtifactBuilder, ArtifactPlatform, BuildEvent};
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::manifest::{Architecture, Status, Venue};
use pacing::CallUnderWay;

/// An artifact of this run.
struct PreparedArtifact {
    platform: ArtifactPlatform,
    /// The file that was given, or the directory of the manifest.
    source: PathBuf,
    artifact: Artifact,
}

/// Artifacts by platform.
pub(in crate::commands) struct Artifacts(Vec<(ArtifactPlatform, Artifact)>);

impl Artifacts {
    /// Builds or reads one artifact per platform that the deployed venues need.
    pub(in crate::commands) async fn prepare_artifacts(session: &Session, given: Option<&Path>) -> Result<Self> {
        let mut platforms = Vec::new();
        for venue in session.manifest().venues.iter().filter(|venue| venue.status != Status::Blocked) {
            let platform = artifact_platform(session.local, venue.architecture);
            if !platforms.contains(&platform) {
                platforms.push(platform);
            }
        }
        let mut artifacts = Vec::new();
        for platform in platforms {
            let (manifest, quiet) = (&session.manifest().path, session.json.is_some());
            artifacts.push((platform, prepare_artifact(platform, manifest, given, quiet).await?));
        }
        Ok(Self(artifacts))
    }

    /// Dry-runs each given artifact that this machine can run.
    ///
    /// # Errors
    /// One doesn't answer.
    pub(in crate::commands) async fn try_artifacts(&self) -> Result<()> {
        for (_, artifact) in &self.0 {
            try_artifact(artifact).await?;
        }
        Ok(())
    }

    /// The hash of the artifact that a venue runs.
    pub(in crate::commands) fn code_sha256(&self, session: &Session, venue: &Venue) -> String {
        let wanted = artifact_platform(session.local, venue.architecture);
        let found = self.0.iter().find(|(platform, _)| *platform == wanted);
        found.map(|(_, artifact)| artifact.code_sha256.clone()).unwrap_or_default()
    }

    /// Bytes of the largest zip.
    pub(in crate::commands) fn code_bytes(&self) -> Option<u64> {
        self.0.iter().map(|(_, artifact)| artifact.size).max()
    }

    /// The hash of each artifact.
    pub(in crate::commands) fn artifact_hashes(&self) -> Vec<String> {
        self.0.iter().map(|(_, artifact)| artifact.code_sha256.clone()).collect()
    }

    /// The zips by hash, for the executor.
    pub(in crate::commands) fn zips_by_hash(&self) -> BTreeMap<String, Bytes> {
        self.0.iter().map(|(_, artifact)| (artifact.code_sha256.clone(), artifact.bootstrap_zip.clone())).collect()
    }
}

fn artifact_platform(local: bool, architecture: Architecture) -> ArtifactPlatform {
    if local { ArtifactPlatform::Local } else { ArtifactPlatform::Lambda(architecture) }
}

/// Reads the given artifact, or builds one from the directory of the manifest. `quiet` shows no progress.
///
/// # Errors
/// The artifact can't be read, or the build fails.
pub(in crate::commands) async fn prepare_artifact(
    platform: ArtifactPlatform,
    manifest: &Path,
    given: Option<&Path>,
    quiet: bool,
) -> Result<Artifact> {
    let given = given.map(ToOwned::to_owned);
    let directory = manifest_directory(manifest);
    // Several manifests have one function: who comes second waits for the first one's build.
    static PREPARED: tokio::sync::Mutex<Vec<PreparedArtifact>> = tokio::sync::Mutex::const_new(Vec::new());
    let mut prepared = PREPARED.lock().await;
    let source =
        given.clone().unwrap_or_else(|| std::fs::canonicalize(&directory).unwrap_or_else(|_| directory.clone()));
    let is_same = |known: &&PreparedArtifact| (known.platform, &known.source) == (platform, &source);
    if let Some(known) = prepared.iter().find(is_same) {
        return Ok(known.artifact.clone());
    }
    let _under_way = CallUnderWay::begin("the function's zip");
    let artifact = tokio::task::spawn_blocking(move || match given {
        Some(path) => Artifact::from_path(&path, platform),
        None => ArtifactBuilder::new(platform, &directory).build_artifact(&mut |event| {
            if !quiet {
                show_build_event(event);
            }
        }),
    })
    .await
    .map_err(|error| Error::failed(ErrorCode::Build, "the build of sync-lambda was interrupted").caused_by(&error))??;
    prepared.push(PreparedArtifact { platform, source, artifact: artifact.clone() });
    Ok(artifact)
}

/// Shows the progress of a build on stderr.
fn show_build_event(event: BuildEvent<'_>) {
    match event {
        BuildEvent::Building { command } => errln!("Building sync-lambda: {command}"),
        BuildEvent::Line(line) => errln!("  {line}"),
        BuildEvent::Built { size } => errln!("Built sync-lambda: {} kB zipped", size / 1000),
        BuildEvent::Cached { .. } => {}
    }
}
