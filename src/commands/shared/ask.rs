//! Questions to the person at the terminal.

use std::io::{BufRead, IsTerminal, Write};

use crate::cli::GlobalArgs;
use crate::terminal::QuietTerminal;
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;

/// Asks questions and reads the answers.
pub(in crate::commands) struct Prompter<R, W> {
    answers: R,
    questions: W,
}

/// The person at the terminal, if there is one: stdin and stderr are terminals, and the output isn't for a program
/// (`--json`).
pub(in crate::commands) fn terminal_prompter(
    global: &GlobalArgs,
) -> Option<Prompter<std::io::StdinLock<'static>, std::io::Stderr>> {
    let somebody = !global.json && std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    somebody.then(|| Prompter { answers: std::io::stdin().lock(), questions: std::io::stderr() })
}

/// The error where flags are missing and nobody can be asked for their values.
pub(in crate::commands) fn missing_flags_error(flags: &[&str]) -> Error {
    Error::usage(ErrorCode::NoTerminal, format!("{} missing, and there is no terminal to ask on", list_flags(flags)))
        .hint("pass the flags: without a terminal, or with --json, nothing is asked")
}

fn list_flags(flags: &[&str]) -> String {
    match flags {
        [] => "a flag is".to_owned(),
        [one] => format!("{one} is"),
        [first @ .., last] => format!("{} and {last} are", first.join(", ")),
    }
}

impl<R: BufRead, W: Write> Prompter<R, W> {
    /// Asks until `read` accepts the answer. An empty answer means `default`; without a default, the question is
    /// repeated.
    ///
    /// # Errors
    /// The terminal was closed.
    pub(in crate::commands) fn ask_until_valid<T>(
        &mut self,
        question: &str,
        default: Option<&str>,
        read: impl Fn(&str) -> std::result::Result<T, String>,
    ) -> Result<T> {
        let _quiet = QuietTerminal::hold();
        loop {
            let shown = default.filter(|text| !text.is_empty()).map(|text| format!(" [{text}]")).unwrap_or_default();
            let asked = write!(self.questions, "{question}{shown}: ").and_then(|()| self.questions.flush());
            let mut line = String::new();
            match asked.and_then(|()| self.answers.read_line(&mut line)) {
                Ok(0) | Err(_) => {
                    return Err(Error::new(ExitCode::Cancelled, ErrorCode::Canceled, "no answer; nothing was changed"));
                }
                Ok(_) => {}
            }
            let answer = match (line.trim(), default) {
                ("", None) => {
                    let _ = writeln!(self.questions, "  Please enter a value.");
                    continue;
                }
                ("", Some(default)) => default,
                (answer, _) => answer,
            };
            match read(answer) {
                Ok(value) => return Ok(value),
                Err(why) => {
                    let _ = writeln!(self.questions, "  {why}.");
                }
            }
        }
    }

    /// Asks for text.
    ///
    /// # Errors
    /// As for [`Prompter::ask_until_valid`].
    pub(in crate::commands) fn ask_for_text(&mut self, question: &str, default: Option<&str>) -> Result<String> {
        self.ask_until_valid(question, default, |answer| Ok(answer.to_owned()))
    }
}

#[cfg(test)]
impl<'a> Prompter<&'a [u8], Vec<u8>> {
    /// An asker that gets these answers, one per line.
    pub(in crate::commands) fn with_answers(answers: &'a str) -> Self {
        Self { answers: answers.as_bytes(), questions: Vec::new() }
    }

    /// Everything that was asked.
    pub(in crate::commands) fn asked_questions(&self) -> String {
        String::from_utf8_lossy(&self.questions).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_until_the_answer_is_valid() {
        let mut asker = Prompter::with_answers("\nx\n7\n\n");
        let number = |text: &str| text.parse::<u8>().map_err(|_| "a number is needed".to_owned());
        assert_eq!(asker.ask_until_valid("How many", None, number).expect("an answer"), 7);
        assert_eq!(asker.ask_for_text("Of what", Some("eggs")).expect("an answer"), "eggs");
        let asked = "How many:   Please enter a value.\nHow many:   a number is needed.\nHow many: Of what [eggs]: ";
        assert_eq!(asker.asked_questions(), asked);
        let error = asker.ask_for_text("And then", Some("")).expect_err("the answers are used up");
        assert_eq!(error.exit_code, ExitCode::Cancelled);
    }

    #[test]
    fn lists_missing_flags() {
        let error = missing_flags_error(&["--a", "--b", "--c"]);
        assert_eq!(error.message, "--a, --b and --c are missing, and there is no terminal to ask on");
        assert_eq!(missing_flags_error(&["--a"]).message, "--a is missing, and there is no terminal to ask on");
    }
}
