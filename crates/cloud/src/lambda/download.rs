//! The link to a version's zip in `GetFunction`, and the download of the zip.
//!
//! AWS returns a signed link to a bucket of its own, valid for ten minutes. Here the path serves as the signature,
//! since it names the zip by its hash.

use jiff::Timestamp;

use super::model::VersionConfiguration;
use crate::{ApiError, CloudAnswer, CloudContext, CloudRequest, EmbeddedCloud};

/// How long a link is valid.
const EXPIRES_S: i64 = 600;
/// The path at which AWS stores the zips.
const PATH: &str = "snapshots";

/// The link to a zip: on the server that received the request or, in process, at AWS's address.
pub(super) fn code_link(cx: &CloudContext<'_>, request: &CloudRequest, configuration: &VersionConfiguration) -> String {
    let origin = request.origin.clone().unwrap_or_else(|| {
        let region = cx.request_region();
        format!("https://awslambda-{region}-tasks.s3.{region}.amazonaws.com")
    });
    let at = cx.now.as_second();
    format!("{origin}/{PATH}/{}/{}?X-Amz-Date={at}&X-Amz-Expires={EXPIRES_S}", cx.account_id(), configuration.code)
}

/// Whether a request is a download. Downloads are the only requests without a signature.
pub(in super::super) fn is_download(request: &CloudRequest) -> bool {
    request.service.is_empty() && request.method == http::Method::GET && is_code_path(&request.path)
}

/// Whether a path is that of a link to a version's zip.
pub(in super::super) fn is_code_path(path: &str) -> bool {
    path.strip_prefix('/').and_then(|path| path.split('/').next()) == Some(PATH)
}

/// Returns the zip at a link.
pub(in super::super) fn download_code(cloud: &EmbeddedCloud, request: &CloudRequest) -> Result<CloudAnswer, ApiError> {
    let signed = request.query_value("X-Amz-Date").and_then(|at| at.parse().ok());
    let expires = signed.and_then(|at: i64| Timestamp::from_second(at.checked_add(EXPIRES_S)?).ok());
    if expires.is_none_or(|expires| cloud.current_time() > expires) {
        return Err(ApiError::new(403, "AccessDenied", "Request has expired"));
    }
    let name = request.path_segments().get(2).cloned().unwrap_or_default();
    let missing = || ApiError::new(404, "NoSuchKey", "The specified key does not exist.");
    // The name becomes a file name, so it must be a hash and nothing else.
    if name.len() != 64 || !name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(missing());
    }
    let content = cloud.with_context(|cx| cx.blobs.read_blob(&name)).map_err(|_| missing())?.map_err(|_| missing())?;
    Ok(CloudAnswer { status: 200, content_type: "application/zip", headers: Vec::new(), body: content })
}
