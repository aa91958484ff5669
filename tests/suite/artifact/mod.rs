//! The artifact: the same source produces the same bytes, and nothing is uploaded that Lambda couldn't start.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod build;
mod check;

use std::os::unix::fs::PermissionsExt;

use deployer_artifact::{self, Artifact, ArtifactBuilder, ArtifactOrigin, ArtifactPlatform, zip};
use sha2::{Digest, Sha256};

use crate::processes::Site;
use crate::world::two_venue_manifest;

const SCRIPT: &[u8] = b"#!/bin/sh\nexit 0\n";

#[test]
fn zip_depends_only_on_names_and_contents() {
    let one = zip::build_deterministic_zip(&[("bootstrap", SCRIPT), ("a/b", b"x")]).unwrap();
    let two = zip::build_deterministic_zip(&[("a/b", b"x"), ("bootstrap", SCRIPT)]).unwrap();
    assert_eq!(one, two);
    let entries = zip::list_entries(&one).unwrap();
    let names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["a/b", "bootstrap"]);
    assert!(entries.iter().all(|entry| entry.mode.unwrap() & 0o777 == 0o755));
    // The MS-DOS date of 1980-01-01 (1 << 5 | 1) and time 0, in the first local header.
    assert_eq!(one[10..14], [0, 0, 0x21, 0]);
    assert_ne!(one, zip::build_deterministic_zip(&[("bootstrap", b"#!/bin/sh\nexit 1\n"), ("a/b", b"x")]).unwrap());
}

proptest::proptest! {
    #[test]
    fn zip_contents_round_trip(content in proptest::collection::vec(proptest::num::u8::ANY, 0..4096)) {
        let zipped = zip::build_deterministic_zip(&[("bootstrap", &content)]).unwrap();
        proptest::prop_assert_eq!(zip::read_entry(&zipped, "bootstrap", 4096).unwrap(), content);
    }

    #[test]
    fn never_panics_on_arbitrary_bytes(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..512), magic in 0..3) {
        let magic: &[u8] = [&b"\x7fELF\x02\x01\x01"[..], b"PK\x03\x04", b""][magic as usize];
        let bytes = [magic, &bytes].concat();
        let _ = zip::list_entries(&bytes);
        let _ = deployer_artifact::elf::read_requirements(&bytes);
    }
}

#[test]
fn unzipped_bootstrap_is_zipped_and_zip_is_used_unchanged() {
    let directory = tempfile::tempdir().unwrap();
    let alone = directory.path().join("my-bootstrap");
    std::fs::write(&alone, SCRIPT).unwrap();
    let from_alone = Artifact::from_path(&alone, ArtifactPlatform::Local).unwrap();
    assert_eq!(from_alone.source, ArtifactOrigin::Given { path: alone });
    assert_eq!(from_alone.architecture, None);
    assert_eq!(from_alone.size, from_alone.bootstrap_zip.len() as u64);

    // Trailing bytes are kept too, since Lambda hashes the whole file.
    let mut bytes = zip::build_deterministic_zip(&[("bootstrap", SCRIPT), ("extra.txt", b"x")]).unwrap();
    let comment = b"made elsewhere";
    let end = bytes.len() - 2;
    bytes[end] = comment.len() as u8;
    bytes.extend(comment);
    let zipped = directory.path().join("it.zip");
    std::fs::write(&zipped, &bytes).unwrap();
    let from_zip = Artifact::from_path(&zipped, ArtifactPlatform::Local).unwrap();
    assert_eq!(from_zip.bootstrap_zip, bytes);
    use base64::Engine;
    assert_eq!(from_zip.code_sha256, base64::engine::general_purpose::STANDARD.encode(Sha256::digest(&bytes)));
    assert_ne!(from_zip.code_sha256, from_alone.code_sha256);
}

#[test]
fn unpacked_bootstrap_is_executable() {
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("script");
    std::fs::write(&script, SCRIPT).unwrap();
    let artifact = Artifact::from_path(&script, ArtifactPlatform::Local).unwrap();
    let bootstrap = artifact.unpack_into(&directory.path().join("out")).unwrap();
    assert_eq!(bootstrap, directory.path().join("out/bootstrap"));
    assert_eq!(std::fs::metadata(&bootstrap).unwrap().permissions().mode() & 0o777, 0o755);
    assert!(std::process::Command::new(&bootstrap).status().unwrap().success());
}

#[test]
fn missing_artifact_error_says_what_to_pass() {
    let error = Artifact::from_path("no/such.zip".as_ref(), ArtifactPlatform::Local).unwrap_err().to_string();
    assert!(
        error.contains("could not read the artifact no/such.zip") && error.contains("an unzipped bootstrap"),
        "{error}"
    );
}

/// A function that starts and ends would do the same in Lambda.
#[test]
fn apply_refuses_an_artifact_that_answers_no_dry_run() {
    let site = Site::new();
    std::fs::copy("/usr/bin/true", site.path().join("ends")).unwrap();
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    let manifest =
        two_venue_manifest("sync").replace("display_name", &format!("architecture = \"{architecture}\"\ndisplay_name"));
    site.write_file("venues.toml", &manifest);
    let (code, text) = site.run_deployer(&["apply", "--yes", "--artifact", "ends"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("`bootstrap` in the artifact ends doesn't answer a dry run on this machine"), "{text}");
    assert!(text.contains("Runtime exited") && text.contains("cargo lambda build"), "{text}");
    let created = site.take_write_calls().into_iter().find(|call| call.contains("CreateFunction"));
    assert_eq!(created, None, "nothing is uploaded");
}

#[test]
fn apply_accepts_the_function_after_a_dry_run() {
    let site = Site::new();
    let builder = ArtifactBuilder::new(ArtifactPlatform::Local, env!("CARGO_MANIFEST_DIR").as_ref());
    let artifact = builder.build_artifact(&mut |_| ()).unwrap();
    std::fs::write(site.path().join("function.zip"), &artifact.bootstrap_zip).unwrap();
    let (code, text) = site.run_deployer(&["apply", "--local", "--yes", "--artifact", "function.zip"]);
    assert_eq!(code, 0, "{text}");
}
