//! Mistakes that are found before Lambda would find them.

use deployer_artifact::elf::{self, GlibcVersion};
use deployer_artifact::{Artifact, ArtifactPlatform, zip};
use deployer_core::manifest::Architecture;

use super::SCRIPT;
use crate::assertions::assert_contains;

const X86_64: u16 = 62;
const AARCH64: u16 = 183;
const RISCV: u16 = 243;
const LAMBDA: ArtifactPlatform = ArtifactPlatform::Lambda(Architecture::X86_64);

/// A 64-bit ELF file with no code, and these needed versions of `libc.so.6`.
fn elf_file(machine: u16, versions: &[&str], interpreter: Option<&str>) -> Vec<u8> {
    let mut strings = b"\0libc.so.6\0".to_vec();
    let mut auxiliary = Vec::new();
    for (index, version) in versions.iter().enumerate() {
        let next: u32 = if index + 1 == versions.len() { 0 } else { 16 };
        auxiliary.extend([0; 8]);
        auxiliary.extend((strings.len() as u32).to_le_bytes());
        auxiliary.extend(next.to_le_bytes());
        strings.extend(version.as_bytes());
        strings.push(0);
    }
    let mut verneed = Vec::new();
    verneed.extend(1_u16.to_le_bytes());
    verneed.extend((versions.len() as u16).to_le_bytes());
    verneed.extend(1_u32.to_le_bytes());
    verneed.extend(16_u32.to_le_bytes());
    verneed.extend(0_u32.to_le_bytes());
    verneed.extend(auxiliary);
    let loader = interpreter.map_or_else(Vec::new, |path| [path.as_bytes(), b"\0"].concat());

    let segments: u16 = interpreter.is_some().into();
    let strings_at = 64 + 56 * u64::from(segments);
    let verneed_at = strings_at + strings.len() as u64;
    let loader_at = verneed_at + verneed.len() as u64;
    let sections_at = loader_at + loader.len() as u64;
    let sections: u16 = if versions.is_empty() { 2 } else { 3 };

    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    file.extend(3_u16.to_le_bytes());
    file.extend(machine.to_le_bytes());
    file.extend(1_u32.to_le_bytes());
    file.extend(0_u64.to_le_bytes());
    file.extend(64_u64.to_le_bytes());
    file.extend(sections_at.to_le_bytes());
    file.extend(0_u32.to_le_bytes());
    for half in [64, 56, segments, 64, sections, 1] {
        file.extend(half.to_le_bytes());
    }
    if segments == 1 {
        file.extend(3_u32.to_le_bytes());
        file.extend(4_u32.to_le_bytes());
        for word in [loader_at, 0, 0, loader.len() as u64, loader.len() as u64, 1] {
            file.extend(word.to_le_bytes());
        }
    }
    file.extend(&strings);
    file.extend(&verneed);
    file.extend(&loader);
    let mut section = |kind: u32, at: u64, size: u64, link: u32, info: u32| {
        file.extend(0_u32.to_le_bytes());
        file.extend(kind.to_le_bytes());
        for word in [0, 0, at, size] {
            file.extend(word.to_le_bytes());
        }
        file.extend(link.to_le_bytes());
        file.extend(info.to_le_bytes());
        file.extend([0; 16]);
    };
    section(0, 0, 0, 0, 0);
    section(3, strings_at, strings.len() as u64, 0, 0);
    if sections == 3 {
        section(0x6fff_fffe, verneed_at, verneed.len() as u64, 1, 1);
    }
    file
}

fn read_artifact(bytes: &[u8], platform: ArtifactPlatform) -> Result<Artifact, String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("artifact");
    std::fs::write(&path, bytes).unwrap();
    let hide = |text: String| text.replace(&directory.path().display().to_string(), "DIR");
    Artifact::from_path(&path, platform).map_err(|error| hide(error.to_string()))
}

#[test]
fn reads_the_running_test_program() {
    let needs = elf::read_requirements(&std::fs::read("/proc/self/exe").unwrap()).unwrap();
    let host = if cfg!(target_arch = "aarch64") { Architecture::Arm64 } else { Architecture::X86_64 };
    assert_eq!(needs.architecture, Some(host));
    assert_contains(needs.interpreter.unwrap(), "ld-linux");
    let glibc = needs.glibc.unwrap();
    assert!(glibc >= GlibcVersion { major: 2, minor: 17 } && glibc < GlibcVersion { major: 3, minor: 0 }, "{glibc}");
}

#[test]
fn newest_glibc_version_is_found_numerically() {
    let newest = |versions: &[&str]| elf::read_requirements(&elf_file(X86_64, versions, None)).unwrap().glibc;
    let glibc = |minor| Some(GlibcVersion { major: 2, minor });
    assert_eq!(newest(&["GLIBC_2.2.5", "GLIBC_2.34", "GLIBC_2.9"]), glibc(34));
    assert_eq!(newest(&["GLIBC_2.4", "GLIBC_2.3.4"]), glibc(4));
    assert_eq!(newest(&["GLIBC_PRIVATE", "GCC_3.0"]), None);
    assert_eq!(newest(&["GLIBC_2.2.5", "GLIBC_ABI_DT_RELR"]), glibc(36));
    assert_eq!(newest(&[]), None);
}

#[test]
fn rejects_a_newer_glibc_only_for_lambda() {
    let newer = elf_file(X86_64, &["GLIBC_2.35"], Some("/lib64/ld-linux-x86-64.so.2"));
    insta::assert_snapshot!(read_artifact(&newer, LAMBDA).unwrap_err());
    let as_new = elf_file(X86_64, &["GLIBC_2.34"], Some("/lib64/ld-linux-x86-64.so.2"));
    assert_eq!(read_artifact(&as_new, LAMBDA).unwrap().architecture, Some(Architecture::X86_64));
    read_artifact(&elf_file(X86_64, &[], None), LAMBDA).unwrap();
    if cfg!(target_arch = "x86_64") {
        read_artifact(&newer, ArtifactPlatform::Local).unwrap();
    }
}

#[test]
fn processor_must_match_the_function() {
    let error = read_artifact(&elf_file(AARCH64, &[], None), LAMBDA).unwrap_err();
    assert!(error.contains("built for arm64 but must run on x86_64"), "{error}");
    let error = read_artifact(&elf_file(RISCV, &[], None), LAMBDA).unwrap_err();
    assert!(error.contains("a processor that Lambda doesn't support"), "{error}");
    let artifact = read_artifact(&elf_file(AARCH64, &[], None), ArtifactPlatform::Lambda(Architecture::Arm64)).unwrap();
    assert_eq!(artifact.architecture, Some(Architecture::Arm64));
}

#[test]
fn musl_must_be_linked_statically() {
    let error = read_artifact(&elf_file(X86_64, &[], Some("/lib/ld-musl-x86_64.so.1")), LAMBDA).unwrap_err();
    assert!(error.contains("ld-musl") && error.contains("crt-static"), "{error}");
}

#[test]
fn accepts_scripts_and_rejects_other_files() {
    assert_eq!(read_artifact(SCRIPT, LAMBDA).unwrap().architecture, None);
    for bytes in [&b"MZ\x90\0"[..], b"\xcf\xfa\xed\xfe", b"", b"hello"] {
        let error = read_artifact(bytes, LAMBDA).unwrap_err();
        assert!(error.contains("neither a Linux executable"), "{error}");
    }
    let error = read_artifact(b"\x7fELF\x01\x01\x01", LAMBDA).unwrap_err();
    assert!(error.contains("not a 64-bit little-endian"), "{error}");
    let mut cut = elf_file(X86_64, &["GLIBC_2.30"], None);
    cut.truncate(100);
    assert_contains(read_artifact(&cut, LAMBDA).unwrap_err(), "not a readable executable");
}

#[test]
fn zip_needs_a_bootstrap_at_its_top_level() {
    let error =
        read_artifact(&zip::build_deterministic_zip(&[("target/bootstrap", SCRIPT)]).unwrap(), LAMBDA).unwrap_err();
    assert!(error.contains("no `bootstrap` at its top level") && error.contains("`target/bootstrap`"), "{error}");
    let error = read_artifact(&zip::build_deterministic_zip(&[("main", SCRIPT)]).unwrap(), LAMBDA).unwrap_err();
    assert!(error.contains("name the executable `bootstrap`"), "{error}");
    let mut broken = zip::build_deterministic_zip(&[("bootstrap", SCRIPT)]).unwrap();
    broken.truncate(40);
    assert_contains(read_artifact(&broken, LAMBDA).unwrap_err(), "not a readable zip");
}

#[test]
fn rejects_a_bootstrap_that_is_not_executable() {
    let mut bytes = zip::build_deterministic_zip(&[("bootstrap", SCRIPT)]).unwrap();
    // The Unix mode is the upper half of the external attributes, 38 bytes into the central directory entry.
    let central = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    let mode: u16 = 0o100_644;
    bytes[central + 40..central + 42].copy_from_slice(&mode.to_le_bytes());
    let error = read_artifact(&bytes, LAMBDA).unwrap_err();
    assert!(error.contains("not executable") && error.contains("chmod 755"), "{error}");
}

#[test]
fn rejects_sizes_above_lambdas_limit() {
    let declared: u32 = 251 * 1024 * 1024 - 1024;
    let mut bytes = zip::build_deterministic_zip(&[("bootstrap", SCRIPT), ("data", b"")]).unwrap();
    // Only the declared size in the central directory is checked, so that a zip bomb is never unpacked.
    let entries: Vec<usize> = (0..bytes.len() - 4).filter(|at| &bytes[*at..at + 4] == b"PK\x01\x02").collect();
    bytes[entries[1] + 24..entries[1] + 28].copy_from_slice(&declared.to_le_bytes());
    let error = read_artifact(&bytes, LAMBDA).unwrap_err();
    assert!(error.contains("251 MB unzipped, but Lambda's limit is 250 MB"), "{error}");
}

/// A zip with entries that our own writer doesn't make: each with its name and its Unix mode.
fn zip_with_entries(entries: &[(&str, u32)]) -> Vec<u8> {
    // Names of the right length, which are replaced in both places where a zip has them.
    let placeholders: Vec<String> =
        entries.iter().enumerate().map(|(place, (name, _))| format!("{place:0>width$}", width = name.len())).collect();
    let contents: Vec<(&str, &[u8])> = placeholders.iter().map(|name| (name.as_str(), SCRIPT)).collect();
    let mut bytes = zip::build_deterministic_zip(&contents).unwrap();
    for ((name, mode), placeholder) in entries.iter().zip(&placeholders) {
        for (magic, name_at) in [(b"PK\x03\x04", 30), (b"PK\x01\x02", 46)] {
            let of_entry = |at: &usize| {
                bytes[*at..].starts_with(magic) && bytes[*at + name_at..].starts_with(placeholder.as_bytes())
            };
            let at = (0..bytes.len()).find(of_entry).expect("its header");
            bytes[at + name_at..at + name_at + name.len()].copy_from_slice(name.as_bytes());
            if magic == b"PK\x01\x02" {
                bytes[at + 40..at + 42].copy_from_slice(&(*mode as u16).to_le_bytes());
            }
        }
    }
    bytes
}

const FILE: u32 = 0o100_755;

#[test]
fn rejects_entries_that_would_leave_the_directory() {
    let with = |name: &str, mode: u32| read_artifact(&zip_with_entries(&[("bootstrap", FILE), (name, mode)]), LAMBDA);
    with("lib/data-1", FILE).unwrap();
    for name in
        ["../outside", "lib/../../outside", "/etc/passwd", "C:evil.txt", "lib\\..\\x", "./bootstrap", "a//bootstrap"]
    {
        let error = with(name, FILE).unwrap_err();
        assert!(error.contains(&format!("an entry `{name}`")) && error.contains("zip the function's files"), "{error}");
    }
    assert_contains(with("lib/control\u{7}", FILE).unwrap_err(), "control characters");
    assert_contains(with("lib/link", 0o120_777).unwrap_err(), "is a symbolic link");
}

#[test]
fn rejects_a_second_bootstrap() {
    let error = read_artifact(&zip_with_entries(&[("bootstrap", FILE), ("bootstrap", FILE)]), LAMBDA).unwrap_err();
    assert_contains(error, "duplicate file names");
    let error = read_artifact(&zip_with_entries(&[("bootstrap", FILE), ("bootstrap/", 0o40_755)]), LAMBDA).unwrap_err();
    assert_contains(error, "`bootstrap/`, which it has twice");
}

#[test]
fn rejects_a_zip_that_names_a_file_differently_in_two_places() {
    let mut bytes = zip::build_deterministic_zip(&[("bootstrap", SCRIPT)]).unwrap();
    bytes[30..39].copy_from_slice(b"bootstrop");
    assert_contains(read_artifact(&bytes, LAMBDA).unwrap_err(), "contradicts itself");
}

/// What is really unpacked counts, not what the zip says about it.
#[test]
fn measures_content_up_to_a_limit() {
    let bomb = zip::build_deterministic_zip(&[("bootstrap", SCRIPT), ("zeros", &vec![0; 3 << 20])]).unwrap();
    assert!(bomb.len() < 8 << 10, "{} bytes", bomb.len());
    let whole = (3 << 20) + SCRIPT.len() as u64;
    assert_eq!(zip::measure_content(&bomb, 10 << 20).unwrap(), whole);
    assert_eq!(zip::measure_content(&bomb, 1 << 20).unwrap(), (1 << 20) + 1);
    // Its headers say that there are 16 bytes.
    let mut lying = bomb.clone();
    let places: Vec<usize> = (0..bomb.len() - 4).filter(|at| bomb[*at..].starts_with(b"PK")).collect();
    for at in places {
        let size = match &bomb[at..at + 4] {
            b"PK\x03\x04" => at + 22,
            b"PK\x01\x02" => at + 24,
            _ => continue,
        };
        lying[size..size + 4].copy_from_slice(&16_u32.to_le_bytes());
    }
    assert!(read_artifact(&lying, LAMBDA).is_err());
}

#[test]
fn rejects_what_is_no_file() {
    let of = |path: &str| Artifact::from_path(path.as_ref(), LAMBDA).unwrap_err().to_string();
    assert_contains(of("/dev/zero"), "not a file");
    assert_contains(of("/tmp"), "not a file");
}
