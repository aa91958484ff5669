//! Whether the destination is up, and whether it is where the settings say: from a read that creates nothing.

use super::response_excerpt;
use crate::http::{NoResponse, VendorResponse};

/// The answer to a read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeAnswer {
    /// A response.
    Status {
        /// The request's method and path.
        request: String,
        /// The HTTP status.
        status: u16,
        /// Whether the body is an HTML page, as from a firewall or a proxy.
        is_page: bool,
    },
    /// No response, and why.
    NoAnswer(String),
}

impl ProbeAnswer {
    pub(super) fn from_response(request: &str, answer: Result<VendorResponse, NoResponse>) -> Self {
        match answer {
            Ok(answer) => Self::Status {
                request: request.to_owned(),
                status: answer.status,
                is_page: answer.body.trim_start().starts_with('<'),
            },
            Err(error) => Self::NoAnswer(format!("{request}: {}", response_excerpt(&error.message))),
        }
    }

    /// Why the destination counts as down; `None` if it is up. Also a refusal of the read comes from a destination that
    /// is up: many platforms don't allow such a read.
    pub fn down_reason(&self) -> Option<String> {
        match self {
            Self::NoAnswer(why) => Some(why.clone()),
            Self::Status { request, status, .. } if matches!(status, 408 | 429 | 500..) => {
                Some(format!("{request}: {status}"))
            }
            Self::Status { .. } => None,
        }
    }

    /// Whether the read is answered like the lead was, with a status that says that nothing is at this address. Then
    /// nothing there took the lead.
    pub fn confirms_wrong_address(&self, of_lead: u16) -> bool {
        matches!(self, Self::Status { status, .. } if *status == of_lead && matches!(of_lead, 301 | 302 | 307 | 308 | 404))
    }

    /// Whether a firewall blocks this read, too, so that it isn't about what the lead contains.
    pub fn is_blocked(&self) -> bool {
        matches!(self, Self::Status { status: 403, is_page: true, .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, body: &str) -> ProbeAnswer {
        let answer = VendorResponse { status, retry_after: None, body: body.to_owned() };
        ProbeAnswer::from_response("GET /v1/locations.json", Ok(answer))
    }

    #[test]
    fn a_refused_read_comes_from_a_destination_that_is_up() {
        for status in [200, 204, 301, 400, 401, 403, 404, 405] {
            assert_eq!(answered(status, "{}").down_reason(), None, "{status}");
        }
        for status in [408, 429, 500, 502, 503, 504] {
            let reason = answered(status, "").down_reason().expect("it is down");
            assert_eq!(reason, format!("GET /v1/locations.json: {status}"));
        }
        let silent = ProbeAnswer::from_response(
            "GET /",
            Err(NoResponse { not_sent: true, lease_ended: false, message: "connection refused".to_owned() }),
        );
        assert_eq!(silent.down_reason().as_deref(), Some("GET /: connection refused"));
    }

    #[test]
    fn only_the_same_answer_confirms_a_wrong_address() {
        assert!(answered(404, "").confirms_wrong_address(404) && answered(308, "").confirms_wrong_address(308));
        for (read, of_lead) in [(200, 404), (404, 405), (303, 303), (304, 304), (405, 405), (410, 410), (500, 404)] {
            assert!(!answered(read, "").confirms_wrong_address(of_lead), "{read} {of_lead}");
        }
        assert!(answered(403, " <html>").is_blocked());
        assert!(!answered(403, r#"{"error":"no permission"}"#).is_blocked() && !answered(200, "<html>").is_blocked());
    }
}
