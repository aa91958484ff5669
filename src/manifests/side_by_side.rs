//! Does a command's work for several manifests side by side.

use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{Mutex as AsyncMutex, Semaphore, mpsc, oneshot};

use super::again::command_again;
use super::choice::{declares_any, print_mistakes, read_manifest, undeclared_error};
use super::run::{ManifestRun, RunQuestion, RunTurn};
use super::{CommandLine, ManifestComparison};
use crate::cli::{Cli, GlobalArgs};
use crate::commands::{self, wait_for_signal};
use crate::render::{JsonLines, RunResult, heading_text, print_run_results, question_text, run_results_text};
use crate::terminal::{self, RunHeading, RunOutput, TextStream};
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::{Deployment, LoadedManifest, ManifestErrors, compare_manifests, tidy_manifest};

/// How many runs there are at a time. Each reads up to hundreds of things at once.
const RUNS_AT_ONCE: usize = 8;

/// One manifest, and the run for it.
struct SideRun {
    global: GlobalArgs,
    /// What its manifest says; unknown where only its syntax matters.
    deployment: Option<Deployment>,
    /// The venues of the command line that it doesn't declare.
    other_venues: Vec<String>,
    output: Arc<RunOutput>,
    run: Arc<ManifestRun>,
    heading: RunHeading,
    ended: Option<ExitCode>,
}

pub(super) async fn run_side_by_side(
    line: &CommandLine,
    paths: &[PathBuf],
    comparison: ManifestComparison,
) -> Result<ExitCode> {
    let (questions, asked) = mpsc::unbounded_channel();
    let loaded = match comparison {
        ManifestComparison::Nothing => None,
        ManifestComparison::Everything | ManifestComparison::Deployments => Some(load_all(line, paths)?),
    };
    let mut sides = prepare_runs(line, paths, loaded.as_ref(), questions)?;
    let refused = match loaded {
        None => refuse_untidy(line, &mut sides),
        Some(loaded) => refuse_mistakes(line, &mut sides, loaded, comparison),
    };
    if refused {
        return Ok(finish_runs(line, &sides));
    }
    let mut together = SideRuns { line, sides, asked, waiting: Vec::new() };
    together.run_to_end().await;
    commands::finish_documents(
        &line.cli.command,
        line.prints_json(),
        together.sides.iter().filter_map(|side| Some((side.label(), side.run.take_document()?))).collect(),
    )?;
    Ok(finish_runs(line, &together.sides))
}

type LoadResult = std::result::Result<LoadedManifest, ManifestErrors>;

/// Reads all manifests; with venues on the command line, those that declare one.
fn load_all(line: &CommandLine, paths: &[PathBuf]) -> Result<Vec<(PathBuf, LoadResult)>> {
    let all: Vec<_> = paths.iter().map(|path| (path.clone(), read_manifest(path))).collect();
    if line.venues.is_empty() || all.iter().any(|(_, read)| read.is_err()) {
        return Ok(all);
    }
    let is_meant = |(_, read): &(PathBuf, LoadResult)| {
        read.as_ref().is_ok_and(|loaded| declares_any(&loaded.manifest, &line.venues))
    };
    let declared = |name: &String| {
        all.iter().flat_map(|(_, read)| read).any(|loaded| declares_any(&loaded.manifest, std::slice::from_ref(name)))
    };
    let unknown: Vec<String> = line.venues.iter().filter(|name| !declared(name)).cloned().collect();
    match unknown.is_empty() {
        true => Ok(all.into_iter().filter(is_meant).collect()),
        false => Err(undeclared_error(&unknown, paths)),
    }
}

fn prepare_runs(
    line: &CommandLine,
    paths: &[PathBuf],
    loaded: Option<&Vec<(PathBuf, LoadResult)>>,
    questions: mpsc::UnboundedSender<RunQuestion>,
) -> Result<Vec<SideRun>> {
    let Cli { global, .. } = &line.cli;
    let all: Vec<(&Path, Option<&LoadedManifest>)> = match loaded {
        Some(loaded) => loaded.iter().map(|(path, read)| (path.as_path(), read.as_ref().ok())).collect(),
        None => paths.iter().map(|path| (path.as_path(), None)).collect(),
    };
    let permits = Arc::new(Semaphore::new(RUNS_AT_ONCE));
    let mut places: BTreeMap<_, Arc<AsyncMutex<()>>> = BTreeMap::new();
    let mut sides = Vec::new();
    for (index, (path, loaded)) in all.into_iter().enumerate() {
        let manifest = loaded.map(|loaded| &loaded.manifest);
        let deployment = manifest.map(|manifest| manifest.deployment.clone());
        let account = deployment.as_ref().and_then(|deployment| deployment.account.clone());
        let profile = match &deployment {
            Some(_) => global.choose_profile(path, account.as_deref())?,
            None => None,
        };
        let region = deployment.as_ref().map(|deployment| deployment.region.clone());
        let place = places.entry((account, profile.clone(), region)).or_default();
        let own = global.for_manifest(path, profile.clone());
        let flags = line.flags_without_manifest().for_one_of_several(path, profile);
        let other_venues = match manifest {
            Some(manifest) => {
                let is_other = |name: &&String| !declares_any(manifest, std::slice::from_ref(*name));
                line.venues.iter().filter(is_other).cloned().collect()
            }
            None => Vec::new(),
        };
        let label = path.display().to_string();
        sides.push(SideRun {
            global: GlobalArgs { json: line.prints_json(), ..own },
            heading: heading_of(line, &label),
            deployment,
            other_venues,
            output: RunOutput::new(label, flags),
            run: ManifestRun::new(index, RunTurn::new(Arc::clone(place), Arc::clone(&permits)), questions.clone()),
            ended: None,
        });
    }
    Ok(sides)
}

fn heading_of(line: &CommandLine, label: &str) -> RunHeading {
    let is_document = line.cli.command.prints_document();
    let stream = match (line.prints_json(), is_document) {
        (true, _) => None,
        (false, true) => Some(TextStream::Err),
        (false, false) => Some(TextStream::Out),
    };
    RunHeading { text: heading_text(label), stream }
}

/// Prints the mistakes of all manifests, and what they must not share. Returns whether there is anything: nothing is run then.
fn refuse_mistakes(
    line: &CommandLine,
    sides: &mut [SideRun],
    loaded: Vec<(PathBuf, LoadResult)>,
    comparison: ManifestComparison,
) -> bool {
    let mut valid = Vec::new();
    for (side, (_, read)) in sides.iter_mut().zip(loaded) {
        match read {
            Ok(loaded) => valid.push(loaded),
            Err(errors) => {
                side.output.keep_printed(|| print_mistakes(errors, line.prints_json()));
                side.ended = Some(ExitCode::Usage);
                side.print_kept();
            }
        }
    }
    let mut clashes = compare_manifests(&valid);
    if comparison == ManifestComparison::Deployments {
        clashes.retain(|clash| clash.is_same_deployment);
    }
    for clash in &clashes {
        if line.prints_json() {
            JsonLines::default().print_line("manifest_error", clash);
        }
        let code = clash.finding.code;
        errln!("{}", terminal::error_head(code) + &clash.to_string());
        let files = [clash.finding.file.as_str(), clash.also.file.as_str()];
        let named = sides.iter_mut().filter(|side| files.contains(&side.label().as_str()));
        named.for_each(|side| side.ended = Some(ExitCode::Usage));
    }
    sides.iter().any(|side| side.ended.is_some())
}

/// The same for a command that only formats them.
fn refuse_untidy(line: &CommandLine, sides: &mut [SideRun]) -> bool {
    for side in sides.iter_mut() {
        let path = &side.global.manifest;
        let read = bounds::read_regular_text(path, bounds::MAX_TEXT_FILE).map_err(|error| {
            Error::failed(ErrorCode::FileUnreadable, format!("could not read {}", path.display())).caused_by(&error)
        });
        let tidied = read.and_then(|text| {
            tidy_manifest(&text).map_err(|why| {
                Error::usage(ErrorCode::Syntax, format!("{} can't be tidied: {why}", path.display()))
                    .hint("`deployer validate` shows the place of every mistake")
            })
        });
        if let Err(error) = tidied {
            side.output.keep_printed(|| terminal::print_error(&error, line.prints_json()));
            side.ended = Some(error.exit_code);
            side.print_kept();
        }
    }
    sides.iter().any(|side| side.ended.is_some())
}

impl SideRun {
    fn label(&self) -> String {
        self.global.manifest.display().to_string()
    }

    fn print_kept(&self) {
        self.output.print_kept(&self.heading);
    }
}

/// The runs under way.
struct SideRuns<'l> {
    line: &'l CommandLine,
    sides: Vec<SideRun>,
    asked: mpsc::UnboundedReceiver<RunQuestion>,
    /// The questions of those that wait for an answer.
    waiting: Vec<RunQuestion>,
}

impl SideRuns<'_> {
    async fn run_to_end(&mut self) {
        let line = self.line;
        let command = &line.cli.command;
        let mut running: FuturesUnordered<_> = self
            .sides
            .iter()
            .enumerate()
            .map(|(index, side)| {
                let (run, output) = (Arc::clone(&side.run), Arc::clone(&side.output));
                let global = side.global.clone();
                async move { (index, run_one(command, &global, &run, &output).await) }
            })
            .collect();
        let mut signal = Box::pin(wait_for_signal());
        let mut is_stopped = false;
        while self.sides.iter().any(|side| side.ended.is_none()) {
            tokio::select! {
                Some((index, code)) = running.next() => self.sides[index].ended = Some(code),
                Some(question) = self.asked.recv() => self.waiting.push(question),
                _ = &mut signal, if !is_stopped => {
                    is_stopped = true;
                    self.stop_idle();
                }
            }
            let ended = self.sides.iter().filter(|side| side.ended.is_some()).count();
            if !self.waiting.is_empty() && self.waiting.len() + ended == self.sides.len() {
                self.print_blocks(self.sides.len());
                self.waiting.sort_by_key(|question| question.run);
                let answer = ask_together(&self.waiting, &self.sides, self.line.prints_json());
                let confirmed = tokio::select! {
                    confirmed = answer => confirmed,
                    _ = &mut signal, if !is_stopped => {
                        is_stopped = true;
                        Err(Refusal::No)
                    }
                };
                for question in self.waiting.drain(..) {
                    // A run that was stopped no longer listens.
                    let answer = confirmed.as_ref().copied().map_err(|refusal| refusal.to_error(line));
                    let _ = question.reply.send(answer);
                }
            } else {
                let finished = self.sides.iter().take_while(|side| side.ended.is_some()).count();
                self.print_blocks(finished);
            }
        }
    }

    /// Ends every run that isn't changing anything.
    fn stop_idle(&mut self) {
        let stopped: Vec<usize> = (0..self.sides.len())
            .filter(|index| self.sides[*index].ended.is_none() && self.sides[*index].run.stop_if_idle())
            .collect();
        self.waiting.retain(|question| !stopped.contains(&question.run));
    }

    /// Prints what the first `count` runs printed since the last time.
    fn print_blocks(&self, count: usize) {
        self.sides[..count].iter().for_each(SideRun::print_kept);
    }
}

async fn run_one(
    command: &commands::Command,
    global: &GlobalArgs,
    run: &Arc<ManifestRun>,
    output: &Arc<RunOutput>,
) -> ExitCode {
    let work = async {
        match Box::pin(commands::run_command(command, global)).await {
            Ok(code) => code,
            Err(error) => {
                terminal::print_error(&error, global.json);
                error.exit_code
            }
        }
    };
    let work = deployer_network::with_profile(global.profile.as_deref(), run.do_work(work));
    output.keep_output(work).await.unwrap_or(ExitCode::Cancelled)
}

/// Why nothing is changed.
enum Refusal {
    No,
    Nobody,
}

impl Refusal {
    fn to_error(&self, line: &CommandLine) -> Error {
        match self {
            Self::No => Error::new(ExitCode::Cancelled, ErrorCode::Canceled, "not confirmed; nothing was changed"),
            Self::Nobody => Error::usage(
                ErrorCode::NoTerminal,
                "confirmation needed, but stdin is not a terminal or --json was given",
            )
            .hint(format!("review the plans, then run `{} --yes`", command_again(&line.words, &[]))),
        }
    }
}

/// Asks once for all that wait.
async fn ask_together(waiting: &[RunQuestion], sides: &[SideRun], json: bool) -> std::result::Result<(), Refusal> {
    if json || !std::io::stdin().is_terminal() {
        return Err(Refusal::Nobody);
    }
    let mut answers: Vec<&str> = waiting.iter().map(|question| question.answer.as_str()).collect();
    answers.dedup();
    let answer = answers.join(" ");
    let asked: Vec<(RunResult<'_>, &str, &str)> = waiting
        .iter()
        .map(|question| (result_of(&sides[question.run], None), question.summary.as_str(), question.question.as_str()))
        .collect();
    let _quiet = terminal::QuietTerminal::hold();
    err!("\n{}Type `{answer}` to confirm: ", question_text(&asked, sides.len()));
    // Not on the runtime's threads, which would wait for the answer even if a signal ends the question.
    let (line, answered) = oneshot::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        let read = std::io::stdin().lock().read_line(&mut text);
        let _ = line.send(read.map(|_| text).unwrap_or_default());
    });
    match answered.await {
        Ok(text) if text.trim() == answer => Ok(()),
        _ => Err(Refusal::No),
    }
}

fn result_of<'s>(side: &'s SideRun, next: Option<String>) -> RunResult<'s> {
    RunResult {
        manifest: side.label(),
        deployment: side.deployment.as_ref().map(|deployment| deployment.name.as_str()),
        account: side
            .run
            .known_scope()
            .map(|scope| scope.account)
            .or_else(|| side.deployment.as_ref().and_then(|deployment| deployment.account.clone())),
        region: side.deployment.as_ref().map(|deployment| deployment.region.as_str()),
        code: side.ended,
        next,
    }
}

/// Prints what is left, and returns the exit code of all.
fn finish_runs(line: &CommandLine, sides: &[SideRun]) -> ExitCode {
    let results: Vec<RunResult<'_>> = sides
        .iter()
        .map(|side| {
            let is_left = !matches!(side.ended, Some(ExitCode::Done | ExitCode::Changes));
            let others: Vec<&str> = side.other_venues.iter().map(String::as_str).collect();
            let again = || side.output.complete_command(&command_again(&line.words, &others));
            result_of(side, is_left.then(again))
        })
        .collect();
    let code = ExitCode::worst_of(sides.iter().filter_map(|side| side.ended));
    if line.prints_json() {
        print_run_results(&JsonLines::default(), &results, code);
    } else if line.cli.command.prints_document() {
        err!("\n{}", run_results_text(&results));
    } else {
        out!("\n{}", run_results_text(&results));
    }
    code
}
