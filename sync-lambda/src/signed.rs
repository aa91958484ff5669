//! Signed requests to AWS, one function call each. There is no SDK, because it would account for most of the bootstrap's
//! size and startup time.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials as AwsCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use serde_json::Value;

use crate::error::RunError;
use crate::http::send_request;
use crate::secret::EnvironmentReader;

const TIMEOUT: Duration = Duration::from_secs(5);

/// A service with the JSON protocol.
#[derive(Debug)]
pub struct AwsService {
    /// Its name in signatures and host names.
    pub name: &'static str,
    /// What the names of its operations are prefixed with.
    pub target: &'static str,
    /// The environment variable with the address to use instead of AWS's.
    pub endpoint_variable: &'static str,
    /// Whether a successful response can be empty.
    pub may_be_empty: bool,
}

/// CloudWatch Logs.
pub const LOGS: AwsService = AwsService {
    name: "logs",
    target: "Logs_20140328",
    endpoint_variable: "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS",
    may_be_empty: true,
};

/// A service with the Query protocol: a form in, XML out.
#[derive(Debug)]
pub struct QueryService {
    /// Its name in signatures and host names.
    pub name: &'static str,
    /// The version of its API.
    pub version: &'static str,
    /// The environment variable with the address to use instead of AWS's.
    pub endpoint_variable: &'static str,
}

/// Why a call has no result.
#[derive(Debug)]
pub enum FailedAwsCall {
    /// No usable response came. The call may have been carried out.
    Unanswered(String),
    /// There were too many calls. This one wasn't carried out.
    Throttled(String),
    /// It was refused, with this code.
    Refused(String),
    /// It couldn't be signed.
    NotSigned(RunError),
}

impl FailedAwsCall {
    /// Whether the next attempt may succeed.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Unanswered(_) | Self::Throttled(_) => true,
            Self::Refused(_) | Self::NotSigned(_) => false,
        }
    }

    /// What happened, in a few words.
    pub fn reason(&self) -> String {
        match self {
            Self::Unanswered(message) | Self::Throttled(message) => message.clone(),
            Self::Refused(code) => code.clone(),
            Self::NotSigned(error) => error.to_string(),
        }
    }
}

/// Makes calls with the credentials of the function's role, which Lambda puts into the environment.
#[derive(Clone)]
pub struct AwsCaller {
    client: reqwest::Client,
    variables: Arc<EnvironmentReader>,
}

impl fmt::Debug for AwsCaller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsCaller").finish_non_exhaustive()
    }
}

impl AwsCaller {
    /// `variables` reads the environment.
    pub fn new(client: reqwest::Client, variables: Arc<EnvironmentReader>) -> Self {
        Self { client, variables }
    }

    /// An environment variable.
    ///
    /// # Errors
    /// It isn't set.
    pub fn required_variable(&self, name: &str) -> Result<String, RunError> {
        (self.variables)(name).ok_or_else(|| {
            RunError::Settings(format!("the environment variable {name} isn't set; normally Lambda sets it"))
        })
    }

    /// One request, in a partition and a region.
    ///
    /// # Errors
    /// See [`FailedAwsCall`].
    pub async fn attempt_call(
        &self,
        service: &AwsService,
        place: (&str, &str),
        operation: &str,
        body: &str,
    ) -> Result<Value, FailedAwsCall> {
        let target = format!("{}.{operation}", service.target);
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target.as_str())];
        let signed = self.sign_request((service.name, service.endpoint_variable), place, &headers, body);
        let answer = send_request(signed.map_err(FailedAwsCall::NotSigned)?, TIMEOUT).await;
        let answer = answer.map_err(|error| FailedAwsCall::Unanswered(error.message))?;
        let body: Option<Value> = serde_json::from_str(&answer.body).ok();
        if answer.status == 200 {
            let empty = (service.may_be_empty && answer.body.trim().is_empty()).then_some(Value::Null);
            let unusable = || FailedAwsCall::Unanswered("200, the response isn't JSON".to_owned());
            return body.or(empty).ok_or_else(unusable);
        }
        // An error from a proxy in between has no code.
        let code = body.as_ref().and_then(|body| body.get("__type")?.as_str()).unwrap_or_default();
        Err(failed_call(answer.status, code.rsplit('#').next().unwrap_or(code)))
    }

    /// One request of the Query protocol. Returns the XML.
    ///
    /// # Errors
    /// See [`FailedAwsCall`].
    pub async fn attempt_query(
        &self,
        service: &QueryService,
        place: (&str, &str),
        operation: &str,
        parameters: &[(&str, &str)],
    ) -> Result<String, FailedAwsCall> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", operation).append_pair("Version", service.version).extend_pairs(parameters);
        let headers = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
        let signed = self.sign_request((service.name, service.endpoint_variable), place, &headers, &form.finish());
        let answer = send_request(signed.map_err(FailedAwsCall::NotSigned)?, TIMEOUT).await;
        let answer = answer.map_err(|error| FailedAwsCall::Unanswered(error.message))?;
        match answer.status {
            200 => Ok(answer.body),
            status => Err(failed_call(status, &element_texts(&answer.body, "Code").next().unwrap_or_default())),
        }
    }

    fn sign_request(
        &self,
        (service, endpoint_variable): (&str, &str),
        (partition, region): (&str, &str),
        headers: &[(&'static str, &str)],
        body: &str,
    ) -> Result<reqwest::RequestBuilder, RunError> {
        let variable = |name: &str| (self.variables)(name);
        let domain = if partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
        let endpoint = variable(endpoint_variable)
            .or_else(|| variable("AWS_ENDPOINT_URL"))
            .unwrap_or_else(|| format!("https://{service}.{region}.{domain}"));
        let uri = format!("{}/", endpoint.trim_end_matches('/'));
        let identity = AwsCredentials::new(
            self.required_variable("AWS_ACCESS_KEY_ID")?,
            self.required_variable("AWS_SECRET_ACCESS_KEY")?,
            variable("AWS_SESSION_TOKEN"),
            None,
            "lambda",
        )
        .into();
        let failed = |error: &dyn fmt::Display| RunError::Settings(format!("could not sign the request: {error}"));
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| failed(&error))?
            .into();
        let signable =
            SignableRequest::new("POST", &uri, headers.iter().copied(), SignableBody::Bytes(body.as_bytes()))
                .map_err(|error| failed(&error))?;
        let (instructions, _) = sign(signable, &parameters).map_err(|error| failed(&error))?.into_parts();
        let mut request = http::Request::post(&uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(body.to_owned()).map_err(|error| failed(&error))?;
        instructions.apply_to_request_http1x(&mut request);
        let (parts, body) = request.into_parts();
        Ok(self.client.post(uri).headers(parts.headers).body(body))
    }
}

fn failed_call(status: u16, code: &str) -> FailedAwsCall {
    let failure = format!("{status} {code}");
    match status {
        _ if code.contains("Throttling") => FailedAwsCall::Throttled(failure),
        429 => FailedAwsCall::Throttled(failure),
        500.. => FailedAwsCall::Unanswered(failure),
        _ => FailedAwsCall::Refused(code.to_owned()),
    }
}

/// The texts of all elements with this name, in the order of the document. No element of AWS's answers has attributes.
pub fn element_texts<'x>(xml: &'x str, name: &str) -> impl Iterator<Item = String> + 'x {
    let (begin, end) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = xml;
    std::iter::from_fn(move || {
        rest = rest.get(rest.find(&begin)? + begin.len()..)?;
        let (text, after) = rest.split_once(end.as_str())?;
        rest = after;
        let escapes = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
        Some(escapes.iter().fold(text.to_owned(), |text, (escape, sign)| text.replace(escape, sign)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_in_order() {
        let xml = "<a><Name>x&amp;lt;&lt;</Name><NameOf>z</NameOf></a><Name/><Name></Name><Name>y</Name><Name>cut";
        assert_eq!(element_texts(xml, "Name").collect::<Vec<_>>(), ["x&lt;<", "", "y"]);
        assert_eq!(element_texts(xml, "Code").next(), None);
    }
}
