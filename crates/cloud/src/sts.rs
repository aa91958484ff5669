//! AWS Security Token Service: who is calling.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/>

use super::query::{self, QueryForm};
use super::{ApiError, CloudContext, CloudRequest, HandlerOutcome, dispatch};

pub(super) const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

pub(super) fn handle_request(
    cx: &CloudContext<'_>,
    operation: &str,
    _form: &QueryForm,
    request: &CloudRequest,
) -> Result<HandlerOutcome, ApiError> {
    match operation {
        "GetCallerIdentity" => Ok(query::xml_answer(NAMESPACE, operation, &request.id, |xml| {
            xml.write_text("Arn", &cx.build_iam_arn("user/local"));
            xml.write_text("UserId", "AIDALOCALLOCALLOCAL00");
            xml.write_text("Account", cx.account_id());
        })
        .into()),
        _ => Err(dispatch::not_implemented("sts", operation)),
    }
}
