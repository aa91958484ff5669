//! Questions to the person at the terminal.

use std::io::{BufRead, IsTerminal, Write};

use crate::cli::Global;
use deployer_core::error::{Error, Result};
use deployer_core::exit_code::ExitCode;

/// Somebody who can be asked.
pub(super) struct Asker<R, W> {
    answers: R,
    questions: W,
}

/// The person at the terminal, if there is one: standard input and standard error are terminals, and no program reads
/// along (`--json`).
pub(super) fn terminal(global: &Global) -> Option<Asker<std::io::StdinLock<'static>, std::io::Stderr>> {
    let somebody = !global.json && std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    somebody.then(|| Asker { answers: std::io::stdin().lock(), questions: std::io::stderr() })
}

/// The refusal where nobody can be asked for what these flags say.
pub(super) fn nobody(flags: &[&str]) -> Error {
    Error::usage(format!("{} missing, and there is nobody to ask", listed(flags)))
        .hint("standard input is no terminal, or --json was given: say it with flags")
}

fn listed(flags: &[&str]) -> String {
    match flags {
        [] => "something is".to_owned(),
        [one] => format!("{one} is"),
        [first @ .., last] => format!("{} and {last} are", first.join(", ")),
    }
}

impl<R: BufRead, W: Write> Asker<R, W> {
    /// Asks until `read` takes the answer. No answer is `default`; where there is none it is asked again.
    ///
    /// # Errors
    /// The terminal was closed.
    pub(super) fn ask<T>(
        &mut self,
        question: &str,
        default: Option<&str>,
        read: impl Fn(&str) -> std::result::Result<T, String>,
    ) -> Result<T> {
        loop {
            let shown = default.filter(|text| !text.is_empty()).map(|text| format!(" [{text}]")).unwrap_or_default();
            let asked = write!(self.questions, "{question}{shown}: ").and_then(|()| self.questions.flush());
            let mut line = String::new();
            match asked.and_then(|()| self.answers.read_line(&mut line)) {
                Ok(0) | Err(_) => return Err(Error::new(ExitCode::Cancelled, "no answer; nothing was changed")),
                Ok(_) => {}
            }
            let answer = match (line.trim(), default) {
                ("", None) => {
                    let _ = writeln!(self.questions, "  An answer is needed.");
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

    /// Asks for a text.
    ///
    /// # Errors
    /// As of [`Asker::ask`].
    pub(super) fn text(&mut self, question: &str, default: Option<&str>) -> Result<String> {
        self.ask(question, default, |answer| Ok(answer.to_owned()))
    }
}

#[cfg(test)]
impl<'a> Asker<&'a [u8], Vec<u8>> {
    /// Somebody who gives these answers.
    pub(super) fn scripted(answers: &'a str) -> Self {
        Self { answers: answers.as_bytes(), questions: Vec::new() }
    }

    /// What was asked.
    pub(super) fn questions(&self) -> String {
        String::from_utf8_lossy(&self.questions).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_asks_until_the_answer_can_be_used() {
        let mut asker = Asker::scripted("\nx\n7\n\n");
        let number = |text: &str| text.parse::<u8>().map_err(|_| "a number is needed".to_owned());
        assert_eq!(asker.ask("How many", None, number).expect("an answer"), 7);
        assert_eq!(asker.text("Of what", Some("eggs")).expect("an answer"), "eggs");
        let asked = "How many:   An answer is needed.\nHow many:   a number is needed.\nHow many: Of what [eggs]: ";
        assert_eq!(asker.questions(), asked);
        let error = asker.text("And then", Some("")).expect_err("nobody is there any more");
        assert_eq!(error.code, ExitCode::Cancelled);
    }

    #[test]
    fn what_is_missing_is_listed() {
        let error = nobody(&["--a", "--b", "--c"]);
        assert_eq!(error.message, "--a, --b and --c are missing, and there is nobody to ask");
        assert_eq!(nobody(&["--a"]).message, "--a is missing, and there is nobody to ask");
    }
}
