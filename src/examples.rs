//! The examples that `--help` of each command opens with.

use clap::Command;

/// A command line, and what it is for.
type Example = (&'static str, &'static str);

/// By command, as it is typed after `deployer`.
const EXAMPLES: &[(&str, &[Example])] = &[
    (
        "",
        &[
            ("deployer dev", "try everything on this machine"),
            ("deployer plan", "what would change"),
            ("deployer apply", "make AWS match"),
        ],
    ),
    ("init", &[("deployer init --name bookings --region eu-west-1", "a venues.toml to start from")]),
    (
        "validate",
        &[("deployer validate", "every mistake at once"), ("deployer validate -f staging.toml", "another manifest")],
    ),
    ("schema", &[("deployer schema > venues.schema.json", "for an editor")]),
    (
        "plan",
        &[
            ("deployer plan", "what would change, and the cost"),
            ("deployer plan --target venue-a --out venue-a.plan", "one venue, saved for `apply`"),
            ("deployer plan --format markdown > plan.md", "for a pull request"),
            ("deployer plan --refresh fast --detailed-exitcode", "a quick check for a script: 10 means changes"),
            ("deployer plan -f 'venues/*.toml'", "several deployments side by side"),
        ],
    ),
    (
        "apply",
        &[
            ("deployer apply", "show the plan, ask, carry it out"),
            ("deployer apply --target venue-a", "one venue"),
            ("deployer apply venue-a.plan", "a saved plan, exactly as it was shown"),
            ("deployer apply --yes --json", "for a pipeline"),
            ("deployer apply -f 'venues/*.toml'", "several deployments, with one question"),
        ],
    ),
    (
        "destroy",
        &[
            ("deployer destroy --dry-run", "show all that would be deleted"),
            ("deployer destroy", "show it, and ask"),
            ("deployer destroy --target venue-a", "one venue; the manifest stays as it is"),
        ],
    ),
    (
        "move",
        &[
            ("deployer move --to-region eu-west-1 --dry-run", "what would be paused, created and deleted"),
            ("deployer move --to-region eu-west-1", "move, and edit the manifest; run it again if it was interrupted"),
            ("deployer move --profile old --to-profile new", "move to the account of another profile"),
        ],
    ),
    ("adopt", &[("deployer adopt venue-a", "take over what has the venue's names")]),
    (
        "rollback",
        &[
            ("deployer rollback venue-a", "back to the previous code"),
            ("deployer rollback venue-a --to 7", "to this version"),
            ("deployer rollback venue-a --unpin", "let applies update it again"),
        ],
    ),
    (
        "package",
        &[
            ("deployer package", "the function that an apply would upload"),
            ("deployer package --architecture arm64 --out function.zip", "for Graviton"),
        ],
    ),
    (
        "secret",
        &[
            ("deployer secret set venue-a hubspot_token", "type a new value"),
            ("deployer secret status", "what is stored, and since when"),
        ],
    ),
    (
        "secret set",
        &[
            ("deployer secret set venue-a hubspot_token", "from a prompt without echo"),
            ("deployer secret set venue-a hubspot_token < token.txt", "from a file or a password manager"),
        ],
    ),
    ("secret push", &[("deployer secret push venue-a", "store what the references resolve to")]),
    (
        "secret status",
        &[
            ("deployer secret status", "of all venues"),
            ("deployer secret status venue-a --compare", "is it what the references say?"),
        ],
    ),
    (
        "connect",
        &[
            ("deployer connect venue-a", "opens Tripleseat's consent page"),
            ("deployer connect venue-a --paste", "where no browser can reach this machine"),
        ],
    ),
    (
        "status",
        &[
            ("deployer status", "all venues, one line each; exits 1 if one is unhealthy"),
            ("deployer status venue-a --since 7d", "one venue in all its parts, its last week"),
            ("deployer status --watch", "redrawn in place every 10 s; q ends it"),
            ("deployer status --format prometheus", "for a file that Prometheus' node exporter collects"),
        ],
    ),
    (
        "report",
        &[
            ("deployer report --out report.html", "a page to share"),
            ("deployer report --send", "a digest to everybody who gets the alarms"),
            ("deployer report --format markdown --since 7d > report.md", "the last week, for an e-mail or a wiki"),
        ],
    ),
    (
        "logs",
        &[
            ("deployer logs venue-a --since 2h", "the last two hours"),
            ("deployer logs venue-a --follow", "as it is written"),
            ("deployer logs venue-a --outcome failed --since 7d", "the contacts that were refused"),
            ("deployer logs venue-a --contact 4711 --since 30d", "what happened to one contact"),
        ],
    ),
    (
        "invoke",
        &[
            ("deployer invoke venue-a", "run it now"),
            ("deployer invoke venue-a --dry-run --show-contacts", "what would be sent, without sending"),
        ],
    ),
    (
        "retry",
        &[
            ("deployer retry venue-a --dry-run", "which contacts would be ticked again"),
            ("deployer retry venue-a --failed --since 7d", "last week's, after a mapping was mended"),
        ],
    ),
    ("unlock", &[("deployer unlock", "show who holds the lock, ask, remove it")]),
    (
        "dev",
        &[
            ("deployer dev", "everything on this machine, with a page"),
            ("deployer dev --every 10s --contacts contacts.csv", "faster, with your contacts"),
            ("deployer dev --once", "one run of each venue, then the result"),
        ],
    ),
    ("venue", &[("deployer venue list", "all venues"), ("deployer venue add venue-d", "asks for what it needs")]),
    ("venue list", &[("deployer venue list", "status, schedule, destination, blockers")]),
    (
        "venue show",
        &[("deployer venue show venue-a", "with every default filled in, and the names in AWS and HubSpot")],
    ),
    (
        "venue add",
        &[
            ("deployer venue add venue-d", "asks for what it needs"),
            (
                "deployer venue add venue-d --display-name \"Venue D\" --destination tripleseat --location-id 4",
                "without questions",
            ),
        ],
    ),
    ("venue remove", &[("deployer venue remove venue-d", "the next apply deletes what it had in AWS")]),
    ("venue rename", &[("deployer venue rename venue-d harbor", "shows what moves and what stays behind")]),
    ("venue pause", &[("deployer venue pause venue-a", "no runs after the next apply; flags wait")]),
    ("venue resume", &[("deployer venue resume venue-a", "runs again after the next apply")]),
    (
        "venue block",
        &[(
            "deployer venue block venue-a --reason \"no API access\" --owner \"Ana\" --next-step \"ask Tripleseat\"",
            "nothing is deployed until it is unblocked",
        )],
    ),
    ("venue unblock", &[("deployer venue unblock venue-a --status paused", "deploy it, but don't run it yet")]),
    ("doctor", &[("deployer doctor", "all venues"), ("deployer doctor venue-a --only hubspot", "one venue, one side")]),
    (
        "iam-policy",
        &[
            ("deployer iam-policy --for plan > plan-policy.json", "the least policy of a role that plans"),
            ("deployer iam-policy --for apply", "what an apply of this manifest needs"),
            ("deployer iam-policy --for move --to-region eu-west-1", "what a move needs in each of the two regions"),
        ],
    ),
    (
        "duplicates",
        &[("deployer duplicates venue-a --out duplicates --fee 2.50", "with what a duplicate lead costs you")],
    ),
    (
        "migrate-flag",
        &[("deployer migrate-flag --from tripleseat_sync --to venue-a --dry-run", "how many contacts would move")],
    ),
    (
        "audit",
        &[
            ("deployer audit --out audit.json", "for `decommission`"),
            ("deployer audit --format html > audit.html", "a page with the graph"),
            ("deployer audit --local --sample", "a made-up account, to try it"),
        ],
    ),
    (
        "decommission",
        &[
            ("deployer decommission audit.json --stale --archive old --dry-run", "what would be deleted"),
            (
                "deployer decommission audit.json --stale --archive old --quarantine 14",
                "switched off now, deleted in two weeks",
            ),
        ],
    ),
    (
        "restore",
        &[
            ("deployer restore old --dry-run", "what would be created"),
            ("deployer restore old hubspot-webhook-handler", "one resource"),
        ],
    ),
    (
        "explain",
        &[("deployer explain locked", "what `error[locked]` means, and what to do"), ("deployer explain", "all codes")],
    ),
    (
        "verify",
        &[
            ("deployer verify venue-a --now", "a test contact becomes a lead, and is removed again"),
            ("deployer verify --isolation", "no venue can reach another's data"),
        ],
    ),
    (
        "fmt",
        &[
            ("deployer fmt", "align and tidy the manifest"),
            ("deployer fmt --check", "for a pipeline: 1 if it isn't tidy"),
        ],
    ),
    (
        "completions",
        &[
            ("deployer completions bash > ~/.local/share/bash-completion/completions/deployer", "for Bash"),
            ("deployer completions zsh > ~/.zfunc/_deployer", "for Zsh"),
            ("deployer completions fish > ~/.config/fish/completions/deployer.fish", "for Fish"),
        ],
    ),
    ("man", &[("deployer man | man -l -", "read it"), ("deployer man ~/.local/share/man/man1", "install all pages")]),
];

/// Puts each command's examples before its help.
pub(crate) fn add_examples(command: Command) -> Command {
    add_below(command, "")
}

fn add_below(command: Command, path: &str) -> Command {
    let names: Vec<_> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    let command = names.into_iter().fold(command, |command, name| {
        let below = format!("{path} {name}");
        command.mut_subcommand(name, |sub| add_below(sub, below.trim()))
    });
    match EXAMPLES.iter().find(|(of, _)| *of == path) {
        Some((_, examples)) => command.before_long_help(examples_text(examples)),
        None => command,
    }
}

fn examples_text(examples: &[Example]) -> String {
    let width = examples.iter().map(|(line, _)| line.len()).max().unwrap_or_default();
    let fits = examples.iter().all(|(_, purpose)| 2 + width + 4 + purpose.len() <= 100);
    let line = |(line, purpose): &Example| match fits {
        true => format!("  {line:width$}  # {purpose}"),
        false => format!("  # {purpose}\n  {line}"),
    };
    format!("Examples:\n{}", examples.iter().map(line).collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::cli::Cli;

    /// The words of a command line, as a shell splits them, up to a redirection.
    fn split_words(line: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut quoted = false;
        for sign in line.chars() {
            match sign {
                '"' => quoted = !quoted,
                ' ' if !quoted => words.push(String::new()),
                sign => words.last_mut().expect("there is a first word").push(sign),
            }
        }
        words.into_iter().take_while(|word| !matches!(word.as_str(), ">" | "<" | "|")).collect()
    }

    fn command_paths(command: &Command, path: &str, paths: &mut Vec<String>) {
        paths.push(path.to_owned());
        for sub in command.get_subcommands() {
            command_paths(sub, format!("{path} {}", sub.get_name()).trim(), paths);
        }
    }

    #[test]
    fn every_command_has_examples_and_no_other() {
        let mut paths = Vec::new();
        command_paths(&Cli::command(), "", &mut paths);
        paths.sort();
        let mut known: Vec<_> = EXAMPLES.iter().map(|(path, _)| (*path).to_owned()).collect();
        known.sort();
        assert_eq!(known, paths);
    }

    #[test]
    fn every_example_is_a_valid_command_line_of_its_command() {
        for (path, examples) in EXAMPLES {
            assert!(!examples.is_empty(), "{path}");
            for (line, _) in *examples {
                assert!(line.starts_with(format!("deployer {path}").trim_end()), "{line} is not about {path}");
                if let Err(error) = Cli::try_parse_from(split_words(line)) {
                    panic!("{line}: {error}");
                }
            }
        }
    }

    #[test]
    fn help_opens_with_them() {
        let mut command = add_examples(Cli::command());
        let plan = command.find_subcommand_mut("plan").expect("there is a plan");
        assert!(plan.render_long_help().to_string().starts_with("Examples:\n  deployer plan "));
    }
}
