//! Completes the commands that messages propose, so that they work when they are pasted: with the manifest, the cloud, the
//! AWS profile and the artifact of this run.

use std::borrow::Cow;
use std::path::Path;

use sync_config::text::VENUE_PLACEHOLDER;

/// The start of a proposed command in a text.
const START: &str = "`deployer ";

/// Commands that read no manifest, so that no flag of this run concerns them.
const WITHOUT_MANIFEST: [&str; 5] = ["init", "schema", "completions", "man", "explain"];
/// Commands that always run on this machine.
const ALWAYS_LOCAL: [&str; 1] = ["dev"];
/// Commands that take `--artifact`.
const WITH_ARTIFACT: [&str; 5] = ["plan", "apply", "dev", "rollback", "destroy"];

/// The flags of this run that a proposed command needs too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFlags {
    /// Unless it is the default, or the environment says the same.
    pub manifest: Option<String>,
    pub local: bool,
    /// As given with `--profile`.
    pub profile: Option<String>,
    pub artifact: Option<String>,
    /// The command itself, if it calls AWS: `deployer iam-policy` is proposed for it.
    pub command: Option<&'static str>,
    /// The venue that it is about, if it is about one: what the function says to it names none.
    pub venue: Option<String>,
}

impl RunFlags {
    /// A text whose commands in backticks have the flags of this run.
    pub(super) fn complete_commands<'text>(&self, text: &'text str) -> Cow<'text, str> {
        if *self == Self::default() || !text.contains(START) {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(text.len() + 64);
        let mut rest = text;
        while let Some(at) = rest.find(START) {
            let (before, from) = rest.split_at(at + 1);
            out.push_str(before);
            let Some(end) = from.find('`') else {
                rest = from;
                break;
            };
            let (command, after) = from.split_at(end);
            out.push_str(&self.complete_command(command));
            rest = after;
        }
        out.push_str(rest);
        Cow::Owned(out)
    }

    /// One command with the flags of this run.
    pub(super) fn complete_command(&self, command: &str) -> String {
        let flags = self.flags_for(command);
        let venue = self.venue.as_deref().unwrap_or(VENUE_PLACEHOLDER);
        let command = command.split(' ').map(|word| if word == VENUE_PLACEHOLDER { venue } else { word });
        command.chain(flags.iter().map(String::as_str)).collect::<Vec<_>>().join(" ")
    }

    fn flags_for(&self, command: &str) -> Vec<String> {
        let name = command.split_whitespace().nth(1).unwrap_or_default();
        let is_one_of = |names: &[&str]| names.contains(&name);
        if is_one_of(&WITHOUT_MANIFEST) || name.starts_with('-') {
            return Vec::new();
        }
        let given = |flag: &str| command.split_whitespace().any(|word| word == flag);
        let mut flags = Vec::new();
        if let Some(manifest) = self.manifest.as_ref().filter(|_| !given("--manifest") && !given("-f")) {
            flags.push(format!("--manifest {}", quote_for_shell(manifest)));
        }
        if let Some(command) = self.command.filter(|_| name == "iam-policy" && !given("--for")) {
            flags.push(format!("--for {command}"));
        }
        if self.local && !given("--local") && !is_one_of(&ALWAYS_LOCAL) {
            flags.push("--local".to_owned());
        }
        if let Some(profile) = self.profile.as_ref().filter(|_| !given("--profile") && !given("--local")) {
            flags.push(format!("--profile {}", quote_for_shell(profile)));
        }
        // A saved plan knows its artifact by its hash, and needs the same file.
        if let Some(artifact) = self.artifact.as_ref().filter(|_| is_one_of(&WITH_ARTIFACT) && !given("--artifact")) {
            flags.push(format!("--artifact {}", quote_for_shell(artifact)));
        }
        flags
    }

    /// The same flags for one manifest of several, which is always named.
    pub fn for_one_of_several(&self, manifest: &Path, profile: Option<String>) -> Self {
        Self { manifest: Some(manifest.display().to_string()), profile, ..self.clone() }
    }

    /// The flags of a run with this manifest. The default and what `DEPLOYER_MANIFEST` says needn't be repeated.
    pub fn for_run(manifest: &Path, local: bool, artifact: Option<&Path>) -> Self {
        let shown = |path: &Path| path.display().to_string();
        let from_environment = std::env::var_os("DEPLOYER_MANIFEST").is_some_and(|value| value == manifest.as_os_str());
        let usual = manifest == Path::new("venues.toml") || from_environment;
        Self {
            manifest: (!usual).then(|| shown(manifest)),
            local,
            profile: None,
            artifact: artifact.map(shown),
            command: None,
            venue: None,
        }
    }
}

/// A word for a POSIX shell.
pub fn quote_for_shell(word: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_./:=@%+,".contains(character);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proposed_commands_have_the_flags_of_this_run() {
        let flags = RunFlags {
            manifest: Some("my venues/it's.toml".to_owned()),
            local: true,
            profile: None,
            artifact: Some("build/bootstrap".to_owned()),
            command: Some("apply"),
            venue: None,
        };
        let manifest = r"--manifest 'my venues/it'\''s.toml'";
        for (text, expected) in [
            ("run `deployer doctor a`", format!("run `deployer doctor a {manifest} --local`")),
            (
                "`deployer apply`, then `deployer status`.",
                format!(
                    "`deployer apply {manifest} --local --artifact build/bootstrap`, then `deployer status {manifest} --local`."
                ),
            ),
            ("start `deployer dev` first", format!("start `deployer dev {manifest} --artifact build/bootstrap` first")),
            ("`deployer iam-policy`", format!("`deployer iam-policy {manifest} --for apply --local`")),
            ("`deployer iam-policy --for all`", format!("`deployer iam-policy --for all {manifest} --local`")),
            ("`deployer init`", "`deployer init`".to_owned()),
            (
                "`deployer plan -f other.toml`",
                "`deployer plan -f other.toml --local --artifact build/bootstrap`".to_owned(),
            ),
            ("`deployer plan without an end", "`deployer plan without an end".to_owned()),
            ("the deployer applies", "the deployer applies".to_owned()),
        ] {
            assert_eq!(flags.complete_commands(text), expected);
        }
        let of_profile = RunFlags { profile: Some("prod".to_owned()), ..RunFlags::default() };
        assert_eq!(of_profile.complete_commands("`deployer plan`"), "`deployer plan --profile prod`");
        assert_eq!(of_profile.complete_commands("`deployer plan --local`"), "`deployer plan --local`");
        let of_venue = RunFlags { venue: Some("loft".to_owned()), ..RunFlags::default() };
        assert_eq!(of_venue.complete_commands("VENUE: `deployer connect VENUE`"), "VENUE: `deployer connect loft`");
        assert!(matches!(RunFlags::default().complete_commands("`deployer plan`"), Cow::Borrowed(_)));
    }

    #[test]
    fn the_default_manifest_is_not_repeated() {
        assert_eq!(RunFlags::for_run(Path::new("venues.toml"), false, None), RunFlags::default());
        let other = RunFlags::for_run(Path::new("other.toml"), false, None);
        assert_eq!(other.manifest.as_deref(), Some("other.toml"));
    }
}
