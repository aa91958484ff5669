//! AWS Security Token Service: who is calling.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/>

use super::query::{self, Form};
use super::{ApiError, Context, Handled, Request, dispatch};

pub(super) const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

pub(super) fn handle(cx: &Context<'_>, operation: &str, _form: &Form, request: &Request) -> Result<Handled, ApiError> {
    match operation {
        "GetCallerIdentity" => Ok(query::answer(NAMESPACE, operation, &request.id, |xml| {
            xml.text("Arn", &format!("arn:aws:iam::{}:user/local", cx.account()));
            xml.text("UserId", "AIDALOCALLOCALLOCAL00");
            xml.text("Account", cx.account());
        })
        .into()),
        _ => Err(dispatch::not_implemented("sts", operation)),
    }
}
