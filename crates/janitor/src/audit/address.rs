//! Web addresses, and who owns each, judged by the host alone. Nothing is looked up or called.

/// A web address without the parts that may be a credential: user, query and fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WebAddress {
    pub(super) host: String,
    /// The path with its leading slash; `/` if there is none.
    pub(super) path: String,
    had_query: bool,
}

/// Who owns an address.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AddressOwner<'a> {
    /// An API, under the name that API Gateway assigned.
    Api { id: &'a str, region: &'a str },
    /// A function URL.
    FunctionUrl { region: &'a str },
    /// A queue's URL. Its path is `/<account>/<name>`.
    Queue { region: &'a str },
    /// Anybody else.
    Other,
}

impl WebAddress {
    pub(super) fn parse_url(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
        let end = rest.find(['?', '#']).unwrap_or(rest.len());
        let had_query = rest[end..].starts_with('?');
        let (authority, path) = rest[..end].split_once('/').unwrap_or((&rest[..end], ""));
        let host = authority.rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
        // The default port of https makes no difference.
        let host = host.trim_end_matches(":443").trim_end_matches('.').to_owned();
        (!host.is_empty()).then(|| Self { host, path: format!("/{path}"), had_query })
    }

    /// The address as it is displayed, with `?…` instead of a query.
    pub(super) fn display_url(&self) -> String {
        format!("https://{}{}{}", self.host, self.path, if self.had_query { "?…" } else { "" })
    }

    /// Sources. `execute-api`: <https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-call-api.html>;
    /// function URLs: <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html>.
    pub(super) fn find_owner(&self) -> AddressOwner<'_> {
        let labels: Vec<&str> = self.host.split('.').collect();
        match labels.as_slice() {
            [id, "execute-api", region, "amazonaws", "com", ..] => AddressOwner::Api { id, region },
            [_, "lambda-url", region, "on", "aws"] => AddressOwner::FunctionUrl { region },
            ["sqs", region, "amazonaws", "com", ..] => AddressOwner::Queue { region },
            _ => AddressOwner::Other,
        }
    }
}

/// Whether a route (`POST /hubspot`, `ANY /{proxy+}`, `$default`) accepts a request of `method` to `path`.
pub(super) fn route_matches(route: &str, method: &str, path: &str) -> bool {
    let Some((verb, pattern)) = route.split_once(' ') else { return route == "$default" };
    if verb != "ANY" && verb != method {
        return false;
    }
    let segments = |path: &str| path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let (pattern, path) = (segments(pattern), segments(path));
    let greedy = pattern.last().is_some_and(|last| last.ends_with("+}"));
    let fixed = pattern.len() - usize::from(greedy);
    let long_enough = if greedy { path.len() > fixed } else { path.len() == fixed };
    long_enough && pattern[..fixed].iter().zip(&path).all(|(part, given)| part.starts_with('{') || part == given)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn displays_addresses_without_credentials() {
        let address =
            WebAddress::parse_url("https://me:word@Hooks.Example.com:443/in?key=secret#x").expect("an address");
        assert_eq!(address.display_url(), "https://hooks.example.com/in?…");
        assert_eq!(WebAddress::parse_url("hubspot"), None);
        assert_eq!(WebAddress::parse_url("https://?x"), None);
    }

    #[test]
    fn derives_the_owner_from_the_host() {
        let owner = |text: &str| WebAddress::parse_url(text).map(|address| format!("{:?}", address.find_owner()));
        let is = |text: &str, wanted: AddressOwner<'_>| assert_eq!(owner(text), Some(format!("{wanted:?}")));
        is(
            "https://ab1.execute-api.eu-west-1.amazonaws.com/prod/x",
            AddressOwner::Api { id: "ab1", region: "eu-west-1" },
        );
        is("https://xyz.lambda-url.us-east-1.on.aws/", AddressOwner::FunctionUrl { region: "us-east-1" });
        is("https://sqs.us-east-1.amazonaws.com/1/q", AddressOwner::Queue { region: "us-east-1" });
        is("https://evil.example.com/ab1.execute-api.eu-west-1.amazonaws.com", AddressOwner::Other);
    }

    #[test]
    fn matches_requests_against_route_patterns() {
        assert!(route_matches("POST /hubspot", "POST", "/hubspot"));
        assert!(route_matches("POST /hubspot", "POST", "/hubspot/"));
        assert!(!route_matches("GET /hubspot", "POST", "/hubspot"));
        assert!(!route_matches("POST /hubspot", "POST", "/hubspot/more"));
        assert!(route_matches("ANY /{venue}/in", "POST", "/a/in"));
        assert!(route_matches("ANY /{proxy+}", "POST", "/a/b/c"));
        assert!(!route_matches("ANY /{proxy+}", "POST", "/"));
        assert!(route_matches("$default", "POST", "/whatever"));
    }
}
