//! The link of `GetFunction` to a version's zip, and the download of it.
//!
//! AWS signs a link to a bucket of its own, good for ten minutes. Here the path is the signature: it names the zip by
//! its hash.

use jiff::Timestamp;

use super::model::Configuration;
use crate::{Answer, ApiError, Cloud, Context, Request};

/// How long a link is good.
const EXPIRES_S: i64 = 600;
/// Where AWS keeps the zips.
const PATH: &str = "snapshots";

/// The link: to the server that was asked or, in process, to where AWS has it.
pub(super) fn link(cx: &Context<'_>, request: &Request, configuration: &Configuration) -> String {
    let origin = request.origin.clone().unwrap_or_else(|| {
        let region = cx.region();
        format!("https://awslambda-{region}-tasks.s3.{region}.amazonaws.com")
    });
    let at = cx.now.as_second();
    format!("{origin}/{PATH}/{}/{}?X-Amz-Date={at}&X-Amz-Expires={EXPIRES_S}", cx.account(), configuration.code)
}

/// Whether a request is such a download: it isn't signed otherwise.
pub(in super::super) fn is_download(request: &Request) -> bool {
    request.service.is_empty()
        && request.method == http::Method::GET
        && request.segments().first().is_some_and(|first| first == PATH)
}

/// The zip of a link.
pub(in super::super) fn download(cloud: &Cloud, request: &Request) -> Result<Answer, ApiError> {
    let signed = request.query("X-Amz-Date").and_then(|at| at.parse().ok());
    let expires = signed.and_then(|at: i64| Timestamp::from_second(at.checked_add(EXPIRES_S)?).ok());
    if expires.is_none_or(|expires| cloud.now() > expires) {
        return Err(ApiError::new(403, "AccessDenied", "Request has expired"));
    }
    let name = request.segments().get(2).cloned().unwrap_or_default();
    let missing = || ApiError::new(404, "NoSuchKey", "The specified key does not exist.");
    // The name becomes a file's name.
    if name.len() != 64 || !name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(missing());
    }
    let content = cloud.with(|cx| cx.blobs.get(&name)).map_err(|_| missing())?.map_err(|_| missing())?;
    Ok(Answer { status: 200, content_type: "application/zip", headers: Vec::new(), body: content })
}
