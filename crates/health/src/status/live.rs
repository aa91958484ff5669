//! What exists of a venue in AWS right now: its function with the live version, and its rule or its schedule.

use jiff::Timestamp;
use serde::Serialize;

use deployer_aws::observe::{LiveFiring, read_firing, read_state};
use deployer_aws::{Aws, Call, CallError, Found};
use deployer_core::naming::{ALIAS, TAG_DEPLOYMENT, TAG_PINNED, VenueNames};
use deployer_core::resource::Observed;

/// A function, as it exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LiveCode {
    /// In Lambda's terms: `Active`, `Pending`, `Inactive` or `Failed`.
    pub state: String,
    /// What failed, and why: the function itself or its last update.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Whether this deployment owns it.
    pub owned: bool,
    /// The version that the rule invokes; `None` without the alias.
    pub version: Option<String>,
    /// Base64 of the SHA-256 of that version's zip.
    pub code_sha256: String,
    /// When that version was last changed.
    pub changed_at: Option<Timestamp>,
    /// The version that it was rolled back to and is pinned at.
    pub pinned: Option<String>,
}

pub(super) async fn observe_function(aws: &Aws, deployment: &str, name: &str) -> Observed<LiveCode> {
    into_observed(read_function(aws, deployment, name).await)
}

/// What starts the runs: the rule, or the schedule if the manifest gives the venue one.
pub(super) async fn observe_firing(
    aws: &Aws,
    deployment: &str,
    names: &VenueNames,
    by_schedule: bool,
) -> Observed<LiveFiring> {
    into_observed(read_firing(aws, deployment, names, by_schedule).await)
}

fn into_observed<T>(read: Result<Option<T>, CallError>) -> Observed<T> {
    match read {
        Ok(Some(live)) => Observed::Present(live),
        Ok(None) => Observed::Absent,
        Err(error) => Observed::Unreadable(error.to_string()),
    }
}

async fn read_function(aws: &Aws, deployment: &str, name: &str) -> Result<Option<LiveCode>, CallError> {
    const GET: &str = "lambda:GetFunction";
    let function = || aws.lambda.get_function().function_name(name);
    let (latest, live) = tokio::join!(function().send(), function().qualifier(ALIAS).send());
    let (latest, live) = (latest.call(GET).found()?, live.call(GET).found()?);
    let Some(latest) = latest else { return Ok(None) };
    let tag = |key: &str| latest.tags().and_then(|tags| tags.get(key)).cloned();
    let configuration = latest.configuration();
    let state = configuration.and_then(|found| found.state()).map_or("Active", |state| state.as_str()).to_owned();
    let shown = live.as_ref().and_then(|live| live.configuration());
    let failure = configuration.and_then(|found| read_state(found).failure());
    Ok(Some(LiveCode {
        failure,
        state,
        // Lambda leaves out the tags if the credentials may not list them. Then the name has to be enough.
        owned: latest.tags_error().is_some() || tag(TAG_DEPLOYMENT).as_deref() == Some(deployment),
        version: shown.and_then(|found| found.version()).map(ToOwned::to_owned),
        code_sha256: shown.or(configuration).and_then(|found| found.code_sha256()).unwrap_or_default().to_owned(),
        changed_at: shown
            .or(configuration)
            .and_then(|found| found.last_modified())
            .map(|at| at.parse().map_err(|_| CallError::unexpected(GET, format!("LastModified is not a time: {at}"))))
            .transpose()?,
        pinned: tag(TAG_PINNED),
    }))
}
