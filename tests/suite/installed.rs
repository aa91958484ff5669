//! The release archive, installed into an empty directory and used without cargo, zig or python: `PATH` is empty.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use crate::assertions::assert_contains;
use crate::processes::exit_and_output;
use crate::servers::start_moto;
use crate::sync::process::build_bootstrap;

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The archive that `.ci/dist` packs from this build, made once for all tests.
pub async fn release_archive() -> &'static Path {
    static ARCHIVE: OnceLock<PathBuf> = OnceLock::new();
    if let Some(archive) = ARCHIVE.get() {
        return archive;
    }
    let function = build_bootstrap().await;
    ARCHIVE.get_or_init(|| {
        let room = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dist");
        std::fs::create_dir_all(&room).expect("the directory can be made");
        let zip = room.join("function.zip");
        std::fs::write(&zip, &function.bootstrap_zip).expect("the zip can be written");
        let mut dist = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/dist"));
        dist.arg("--out").arg(&room).args(["--deployer", env!("CARGO_BIN_EXE_deployer")]);
        dist.arg("--function").arg(format!("x86_64={}", zip.display()));
        let (code, printed) = exit_and_output(&dist.output().expect("bash is there"));
        assert_eq!(code, 0, "{printed}");
        room.join(format!("deployer-{}-{TARGET}.tar.gz", env!("CARGO_PKG_VERSION")))
    })
}

/// `cargo binstall` takes the binary from where Cargo.toml says that an archive has it, and nothing else.
#[tokio::test]
async fn the_binary_alone_is_an_installation() {
    let manifest: toml::Value = toml::from_str(include_str!("../../Cargo.toml")).expect("it is valid TOML");
    let binstall = &manifest["package"]["metadata"]["binstall"];
    let expand = |template: &toml::Value| {
        let values =
            [("{ name }", "deployer"), ("{ bin }", "deployer"), ("{ binary-ext }", ""), ("{ target }", TARGET)];
        let template = template.as_str().expect("a template").replace("{ version }", env!("CARGO_PKG_VERSION"));
        values.into_iter().fold(template, |text, (name, value)| text.replace(name, value))
    };
    let archive = release_archive().await;
    let url = expand(&binstall["pkg-url"]);
    assert!(url.ends_with(&format!("/{}", archive.file_name().expect("a name").display())), "{url}");
    let room = tempfile::tempdir().expect("a directory");
    let unpack = Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(room.path()).status();
    assert!(unpack.expect("tar is there").success());
    let alone = room.path().join("alone");
    // Not copied: a program that this process had open for writing is busy while another test's child has the file too.
    std::fs::rename(room.path().join(expand(&binstall["bin-dir"])), &alone).expect("the archive has the binary there");
    let mut package = Command::new(&alone);
    package.args(["package", "--out", "function.zip"]).current_dir(room.path()).env_clear().env("PATH", "");
    let (code, printed) = exit_and_output(&package.output().expect("it starts"));
    assert_eq!(code, 0, "{printed}");
    assert_contains(&printed, "came with the deployer");
}

/// An installation in a directory of its own, and an empty directory to work in.
struct Installed {
    room: tempfile::TempDir,
}

impl Installed {
    async fn new() -> Self {
        let archive = release_archive().await;
        let installed = Self { room: tempfile::tempdir().expect("a directory") };
        std::fs::create_dir(installed.work()).expect("the directory can be made");
        let mut install = Command::new("sh");
        install.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("install.sh"));
        let (code, printed) = exit_and_output(
            &install.arg("--prefix").arg(installed.prefix()).arg(archive).output().expect("sh is there"),
        );
        assert_eq!(code, 0, "{printed}");
        assert_contains(&printed, "Next: deployer dev");
        std::fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/venues.toml"), installed.work().join("venues.toml"))
            .expect("the example can be copied");
        installed
    }

    fn prefix(&self) -> PathBuf {
        self.room.path().join("prefix")
    }

    fn work(&self) -> PathBuf {
        self.room.path().join("work")
    }

    /// Runs a command with nothing in its environment but these variables.
    fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> (i32, String) {
        exit_and_output(&self.output_of(arguments, environment))
    }

    fn output_of(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
        let mut command = Command::new(self.prefix().join("bin/deployer"));
        command.args(arguments).current_dir(self.work()).env_clear().env("PATH", "");
        command.env("HOME", self.room.path()).envs(environment.iter().copied());
        command.output().expect("the installed deployer starts")
    }
}

#[tokio::test]
async fn dev_plan_apply_and_package_need_no_toolchain() {
    let installed = Installed::new().await;
    let (code, printed) = installed.run(&["dev", "--once"], &[]);
    assert_eq!(code, 0, "{printed}");
    assert_contains(&printed, "21 resources deployed");

    let credentials = [("VENUE_A_HUBSPOT_TOKEN", "t-a"), ("VENUE_A_TRIPLESEAT_PUBLIC_KEY", "k-a")];
    let (code, printed) =
        installed.run(&["plan", "--local", "--target", "venue-a", "--detailed-exitcode"], &credentials);
    assert_eq!(code, 10, "{printed}");

    let (code, printed) = installed.run(&["package", "--out", "function.zip"], &[]);
    assert_eq!(code, 0, "{printed}");
    assert_contains(&printed, "came with the deployer");
    let packaged = std::fs::read(installed.work().join("function.zip")).expect("it was written");
    assert_eq!(packaged, build_bootstrap().await.bootstrap_zip);
    // There is no function for Arm in this archive, and it says so instead of building one.
    let (code, printed) = installed.run(&["package", "--architecture", "arm64"], &[]);
    assert!(code == 1 || printed.contains("cargo"), "{printed}");
}

#[tokio::test]
#[cfg_attr(servers_off, ignore = "DEPLOYER_TEST_SERVERS=off")]
async fn an_installed_deployer_applies_to_moto_and_configuration_needs_no_build() {
    let installed = Installed::new().await;
    let moto = start_moto().await;
    let manifest = "[deployment]\nname = \"installed\"\nregion = \"us-east-1\"\n\n[venues.attic]\ndisplay_name = \"Loft\"\n\
         [venues.attic.secrets]\nhubspot_token = \"env:TOKEN\"\ntripleseat_public_key = \"env:KEY\"\n\
         [venues.attic.destination]\nkind = \"tripleseat\"\n";
    std::fs::write(installed.work().join("venues.toml"), manifest).expect("the manifest can be written");
    let environment = [
        ("AWS_ENDPOINT_URL", moto.uri),
        ("AWS_ACCESS_KEY_ID", "installed"),
        ("AWS_SECRET_ACCESS_KEY", "installed"),
        ("TOKEN", "t"),
        ("KEY", "k"),
    ];
    let (code, printed) = installed.run(&["apply", "--yes", "--no-canary"], &environment);
    assert_eq!(code, 0, "{printed}");
    assert_contains(&printed, "deployer verify attic --now");
    let (code, printed) = installed.run(&["plan", "--detailed-exitcode"], &environment);
    assert_eq!(code, 0, "{printed}");
    let edited = manifest.replace("[venues.attic.secrets]", "memory_mb = 256\n[venues.attic.secrets]");
    std::fs::write(installed.work().join("venues.toml"), edited).expect("the manifest can be written");
    let (code, printed) = installed.run(&["apply", "--yes"], &environment);
    assert_eq!(code, 0, "{printed}");
    assert_contains(&printed, "memory");
    assert!(!printed.contains("code_sha256"), "{printed}");
}

#[tokio::test]
async fn a_damaged_archive_is_not_installed() {
    let archive = release_archive().await;
    let room = tempfile::tempdir().expect("a directory");
    let name = archive.file_name().expect("it has a name");
    let damaged = room.path().join(name);
    let mut bytes = std::fs::read(archive).expect("it can be read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&damaged, bytes).expect("it can be written");
    let sum = format!("{}.sha256", archive.display());
    std::fs::copy(sum, format!("{}.sha256", damaged.display())).expect("it can be copied");
    let mut install = Command::new("sh");
    install
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("install.sh"))
        .arg("--prefix")
        .arg(room.path().join("prefix"));
    let (code, printed) = exit_and_output(&install.arg(&damaged).output().expect("sh is there"));
    assert_eq!(code, 1, "{printed}");
    assert_contains(&printed, "nothing was installed");
    assert!(!room.path().join("prefix").exists());
}
