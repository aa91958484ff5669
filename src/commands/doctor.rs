//! `deployer doctor`

use serde_json::json;

use super::session::{connect, declared, load};
use crate::cli::{DoctorArgs, Global};
use crate::render::{JsonLines, checks_text, verdict_counts};
use deployer_core::error::{Error, Result};
use deployer_core::exit_code::ExitCode;
use deployer_health::doctor::{Area, Check, Patient, Verdict, examine};

pub(super) async fn run_doctor(global: &Global, args: &DoctorArgs) -> Result<ExitCode> {
    let loaded = load(global)?;
    let venue = args.venue.as_deref().map(|name| declared(&loaded.manifest, name)).transpose()?;
    let aws = connect(global, &loaded).await?;
    let client = sync_lambda::http::client().map_err(|error| Error::failed(error.to_string()))?;
    let areas = args.only.iter().map(|area| (*area).into()).collect();
    let patient = Patient { manifest: &loaded.manifest, venue, areas, aws: &aws, local: global.local, client };
    let checks = examine(&patient).await;
    let code = exit_code(&checks);
    if global.json {
        let lines = JsonLines::default();
        checks.iter().for_each(|check| lines.line("check", check));
        let counts = verdict_counts(&checks).into_iter().map(|(verdict, count)| (json!(verdict), count));
        let counts: serde_json::Map<_, _> =
            counts.filter_map(|(verdict, count)| Some((verdict.as_str()?.to_owned(), json!(count)))).collect();
        lines.line("summary", json!({ "checks": checks.len(), "verdicts": counts, "exit_code": code as u8 }));
    } else {
        anstream::print!("{}", checks_text(&checks));
        if checks.iter().any(|check| check.area != Area::Aws && check.verdict != Verdict::Skipped) {
            anstream::eprintln!(
                "The credentials tested are the ones that the manifest refers to. To compare them with those stored in \
                 AWS, run `deployer secret status --compare`."
            );
        }
    }
    Ok(code)
}

fn checks_exit_code(checks: &[Check]) -> ExitCode {
    let has = |verdict: Verdict| checks.iter().any(|check| check.verdict == verdict);
    if has(Verdict::Failed) {
        ExitCode::Failed
    } else if has(Verdict::Unknown) {
        ExitCode::Incomplete
    } else {
        ExitCode::Done
    }
}
