//! Every file of `fuzz/corpus`, and variants of each, through what the fuzzers run: nothing panics. How much is done is
//! counted and not timed, so it is the same on every machine.

mod bodies;
mod mutations;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use bodies::BODIES;
use mutations::{SeededNumbers, mutate_file};

/// Variants of each file of a corpus. `DEPLOYER_FUZZ_VARIANTS` is for a longer run.
const VARIANTS: usize = 100;
/// The largest file of a corpus, in bytes.
const LARGEST_FILE: usize = 64 * 1024;

fn read_corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let entries = std::fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), std::fs::read(&path).expect("readable"))).collect()
}

#[test]
fn nothing_in_the_corpora_or_near_them_panics() {
    let variants = std::env::var("DEPLOYER_FUZZ_VARIANTS").ok().and_then(|text| text.parse().ok()).unwrap_or(VARIANTS);
    let mut total = 0;
    for (target, body) in BODIES {
        let corpus = read_corpus(target);
        assert!(corpus.len() >= 4, "{target}: {} files", corpus.len());
        let mut cases = 0;
        for (number, (path, file)) in corpus.iter().enumerate() {
            assert!(file.len() <= LARGEST_FILE, "{} is large", path.display());
            let (_, other) = &corpus[(number + 1) % corpus.len()];
            let mut numbers = SeededNumbers::new(number as u64 + 1);
            for variant in 0..=variants {
                let case = if variant == 0 { file.clone() } else { mutate_file(file, other, &mut numbers) };
                if catch_unwind(AssertUnwindSafe(|| body(&case))).is_err() {
                    let kept = std::env::temp_dir().join(format!("{target}-{number}-{variant}"));
                    std::fs::write(&kept, &case).expect("written");
                    panic!("{target} panics for variant {variant} of {}: {}", path.display(), kept.display());
                }
                cases += 1;
            }
        }
        println!("{target}: {} files, {cases} cases", corpus.len());
        total += cases;
    }
    println!("{total} cases, no panic");
}

#[test]
fn every_corpus_has_a_target() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let names = |below: &str| {
        let mut names: Vec<String> = std::fs::read_dir(root.join(below))
            .expect("a directory")
            .flatten()
            .map(|entry| entry.path().file_stem().expect("a name").to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    };
    let mut targets: Vec<String> = BODIES.iter().map(|(name, _)| (*name).to_owned()).collect();
    targets.sort();
    assert_eq!(names("corpus"), targets);
    assert_eq!(names("fuzz_targets"), targets);
}
