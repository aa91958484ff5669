//! The commands and files of a page of the documentation.
//!
//! A block ```` ```console ```` has commands (`$ command`) and what they print. A line `...` stands for any lines. A command
//! that isn't to succeed is in a block ```` ```console exit 1 ````. A comment right before a block of TOML says what it is:
//! `<!-- venues.toml -->` is the whole file, `<!-- append to venues.toml -->` its end. `<!-- event: NAME -->` is something that
//! happens outside, such as a vendor that revokes a token.

use std::path::{Path, PathBuf};

/// A page, and where its blocks are, so that what commands print now can be written into it.
pub struct GuidePage {
    path: PathBuf,
    lines: Vec<String>,
    pub steps: Vec<GuideStep>,
}

pub enum GuideStep {
    Command(GuideCommand),
    WriteFile { name: String, append: bool, text: String },
    Event(String),
}

/// A command with its number of line, its expected exit code and what the page says that it prints.
pub struct GuideCommand {
    pub line: usize,
    pub text: String,
    pub exit_code: i32,
    pub output: Vec<String>,
}

impl GuidePage {
    pub fn read(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let steps = parse_steps(&lines);
        assert!(steps.iter().any(|step| matches!(step, GuideStep::Command(_))), "{name} has no command");
        Self { path, lines, steps }
    }

    /// Writes what commands printed where the page has something else: the same number of lines before a `...`, or all.
    pub fn update(&self, printed: &[(&GuideCommand, &Vec<String>)]) {
        let mut lines = self.lines.clone();
        for (command, now) in printed.iter().rev() {
            let first = command.line + command.text.lines().count() - 1;
            let kept = command.output.iter().position(|line| line == "...");
            let kept_lines = now.iter().take(kept.unwrap_or(usize::MAX));
            let cut = &command.output[kept.unwrap_or(command.output.len())..];
            let indent = " ".repeat(lines[first - 1].len() - lines[first - 1].trim_start().len());
            let now: Vec<String> =
                kept_lines.chain(cut).map(|line| format!("{indent}{line}").trim_end().to_owned()).collect();
            lines.splice(first..first + command.output.len(), now);
        }
        std::fs::write(&self.path, lines.join("\n") + "\n").expect("the page can be written");
    }
}

fn parse_steps(lines: &[String]) -> Vec<GuideStep> {
    let mut steps = Vec::new();
    let mut file = None;
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at].trim();
        at += 1;
        let comment = line.strip_prefix("<!-- ").and_then(|line| line.strip_suffix(" -->"));
        if let Some(event) = comment.and_then(|comment| comment.strip_prefix("event: ")) {
            steps.push(GuideStep::Event(event.to_owned()));
        } else if let Some(comment) = comment {
            file = Some(comment.to_owned());
        }
        let Some(language) = line.strip_prefix("```").filter(|language| !language.is_empty()) else { continue };
        let end = at + lines[at..].iter().position(|line| line.trim() == "```").expect("a block ends");
        let block = &lines[at..end];
        if let Some(exit) = language.strip_prefix("console") {
            let exit_code = exit.trim().strip_prefix("exit ").map_or(0, |code| code.parse().expect("an exit code"));
            parse_commands(block, at, exit_code, &mut steps);
        } else if let Some(file) = file.take() {
            let append = file.strip_prefix("append to ");
            let name = append.unwrap_or(&file).to_owned();
            steps.push(GuideStep::WriteFile { name, append: append.is_some(), text: block.join("\n") + "\n" });
        }
        at = end + 1;
    }
    steps
}

fn parse_commands(block: &[String], first: usize, exit_code: i32, steps: &mut Vec<GuideStep>) {
    let mut commands: Vec<GuideCommand> = Vec::new();
    // A block of a list is indented.
    let indent = block.first().map_or(0, |line| line.len() - line.trim_start().len());
    for (number, line) in block.iter().enumerate() {
        let line = line.get(indent..).unwrap_or_default().to_owned();
        let last = commands.last_mut();
        match (line.strip_prefix("$ "), last) {
            (Some(text), _) => commands.push(GuideCommand {
                line: first + number + 1,
                text: text.to_owned(),
                exit_code,
                output: Vec::new(),
            }),
            (None, Some(command)) if command.output.is_empty() && command.text.ends_with('\\') => {
                command.text.push('\n');
                command.text.push_str(&line);
            }
            (None, Some(command)) => command.output.push(line),
            (None, None) => panic!("line {}: a block starts with a command", first + number + 1),
        }
    }
    steps.extend(commands.into_iter().map(GuideStep::Command));
}

/// Of a function's code, as `status` shows it.
const HASH_LENGTH: usize = 8;

/// Whether a command printed what the page says. What differs from run to run doesn't count: numbers, times and ids.
pub fn is_as_written(written: &[String], printed: &[String]) -> bool {
    let written: Vec<String> = written.iter().map(|line| without_numbers(line)).collect();
    let printed: Vec<String> = printed.iter().map(|line| without_numbers(line)).collect();
    let parts: Vec<&[String]> = written.split(|line| line == "...").collect();
    let mut rest = &printed[..];
    for (number, part) in parts.iter().enumerate() {
        let (first, last) = (number == 0, number + 1 == parts.len());
        let found = match (first, last) {
            (true, true) => rest == *part,
            (true, false) => rest.starts_with(part),
            (false, true) => rest.ends_with(part),
            (false, false) => part.is_empty() || rest.windows(part.len()).any(|window| window == *part),
        };
        if !found {
            return false;
        }
        let start = rest.windows(part.len().max(1)).position(|window| window == *part).unwrap_or(0);
        rest = &rest[start + part.len()..];
    }
    true
}

/// Each word that has a digit becomes `0`, as does the hash of a function's code, which may have none; units of time become
/// one, and so do blanks in a row.
fn without_numbers(line: &str) -> String {
    let mut before = "";
    let words = line.split_whitespace().map(|word| {
        let is_hash = std::mem::replace(&mut before, word) == "code" && word.trim_end_matches(',').len() == HASH_LENGTH;
        if is_hash {
            return format!("0{}", &word[HASH_LENGTH..]);
        }
        let parts = word.split_inclusive(|character: char| !character.is_alphanumeric()).map(|part| {
            let (letters, mark) = match part.char_indices().last() {
                Some((at, last)) if !last.is_alphanumeric() => part.split_at(at),
                _ => (part, ""),
            };
            let same = if letters.contains(|letter: char| letter.is_ascii_digit()) { "0" } else { letters };
            format!("{same}{mark}")
        });
        let word: String = parts.collect();
        // 0.0 and 0 are both a number.
        let word = word.replace("0.0", "0");
        if matches!(word.as_str(), "ms" | "ms)") { word.replace("ms", "s") } else { word }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn numbers_differ_and_words_do_not() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let printed = lines("  0.1 s  contact 3402 created\n  lead 5 found\nDone");
    for (written, same) in [
        ("0.3 s contact 17 created\nlead 9 found\nDone", true),
        ("0.3 s contact 17 created\n...", true),
        ("...\nDone", true),
        ("...\nlead 1 found\n...", true),
        ("0.3 s contact 17 created\n...\nDone", true),
        ("contact 17 created\n...", false),
        ("0.3 s contact 17 created\nDone", false),
        ("...\nlead 1 lost\n...", false),
        ("", false),
    ] {
        assert_eq!(is_as_written(&lines(written), &printed), same, "{written}");
    }
    assert!(is_as_written(&lines("live, code iHXh+OLB, changed"), &lines("live, code uoybtnds, changed")));
}
