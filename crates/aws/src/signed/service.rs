//! The services that are called without a generated client, one row each.

use aws_config::SdkConfig;
use aws_sdk_lambda::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_types::service_config::ServiceConfigKey;
use futures_util::FutureExt;

use super::callers::CALLERS;

/// How a service writes requests and answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WireProtocol {
    /// [AWS JSON](https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html): the operation is in the header
    /// `X-Amz-Target`, behind `target`.
    Json {
        /// `1.0` or `1.1`.
        version: &'static str,
        target: &'static str,
        /// The service spoke the Query protocol before. Its errors have their earlier codes in a header when the request
        /// asks for them.
        was_query: bool,
    },
    /// [AWS Query](https://smithy.io/2.0/aws/protocols/aws-query-protocol.html): a form with the parameters in, XML out.
    Query {
        api_version: &'static str,
        /// Parameters that are maps. A map and a structure look the same in JSON, and differ in the form.
        maps: &'static [&'static str],
    },
    /// [REST JSON](https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html): method, path, query and body.
    Rest {
        /// The first segment of all paths; empty where paths have no common one.
        root: &'static str,
    },
    /// [REST XML](https://smithy.io/2.0/aws/protocols/aws-restxml-protocol.html) of Amazon S3: method, path and query in,
    /// XML out.
    RestXml,
}

/// One service.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ServiceEntry {
    /// Its operations' prefix in IAM, as in `states:ListStateMachines`.
    pub(super) prefix: &'static str,
    /// Its name in a signature.
    pub(super) signing_name: &'static str,
    /// The first part of its host name.
    pub(super) host: &'static str,
    /// Its id in the shared configuration, and upper case with `_` in the variable `AWS_ENDPOINT_URL_<ID>`.
    pub(super) id: &'static str,
    /// What names the next page in a request, and in an answer unless it is [`answer_token`](Self::answer_token).
    pub(super) page_token: &'static str,
    /// What names the next page in an answer, where it isn't named as in a request; empty otherwise.
    pub(super) answer_token: &'static str,
    /// The host and the region of a service that has one endpoint for all regions.
    pub(super) global: Option<(&'static str, &'static str)>,
    pub(super) protocol: WireProtocol,
}

/// Names and protocols as AWS's own models have them (<https://github.com/aws/api-models-aws>). CloudWatch also speaks
/// newer protocols, but every AWS-compatible server knows Query.
const SERVICES: &[ServiceEntry] = &[
    ServiceEntry {
        prefix: "logs",
        signing_name: "logs",
        host: "logs",
        id: "CloudWatch Logs",
        page_token: "nextToken",
        answer_token: "",
        global: None,
        protocol: WireProtocol::Json { version: "1.1", target: "Logs_20140328", was_query: false },
    },
    ServiceEntry {
        prefix: "sqs",
        signing_name: "sqs",
        host: "sqs",
        id: "SQS",
        page_token: "NextToken",
        answer_token: "",
        global: None,
        protocol: WireProtocol::Json { version: "1.0", target: "AmazonSQS", was_query: true },
    },
    ServiceEntry {
        prefix: "states",
        signing_name: "states",
        host: "states",
        id: "SFN",
        page_token: "nextToken",
        answer_token: "",
        global: None,
        protocol: WireProtocol::Json { version: "1.0", target: "AWSStepFunctions", was_query: false },
    },
    ServiceEntry {
        prefix: "tag",
        signing_name: "tagging",
        host: "tagging",
        id: "Resource Groups Tagging API",
        page_token: "PaginationToken",
        answer_token: "",
        global: None,
        protocol: WireProtocol::Json { version: "1.1", target: "ResourceGroupsTaggingAPI_20170126", was_query: false },
    },
    ServiceEntry {
        prefix: "servicequotas",
        signing_name: "servicequotas",
        host: "servicequotas",
        id: "Service Quotas",
        page_token: "NextToken",
        answer_token: "",
        global: None,
        protocol: WireProtocol::Json { version: "1.1", target: "ServiceQuotasV20190624", was_query: false },
    },
    ServiceEntry {
        prefix: "kms",
        signing_name: "kms",
        host: "kms",
        id: "KMS",
        page_token: "Marker",
        answer_token: "NextMarker",
        global: None,
        protocol: WireProtocol::Json { version: "1.1", target: "TrentService", was_query: false },
    },
    ServiceEntry {
        prefix: "sns",
        signing_name: "sns",
        host: "sns",
        id: "SNS",
        page_token: "NextToken",
        answer_token: "",
        global: None,
        protocol: WireProtocol::Query { api_version: "2010-03-31", maps: &["Attributes"] },
    },
    ServiceEntry {
        prefix: "cloudwatch",
        signing_name: "monitoring",
        host: "monitoring",
        id: "CloudWatch",
        page_token: "NextToken",
        answer_token: "",
        global: None,
        protocol: WireProtocol::Query { api_version: "2010-08-01", maps: &[] },
    },
    ServiceEntry {
        prefix: "scheduler",
        signing_name: "scheduler",
        host: "scheduler",
        id: "Scheduler",
        page_token: "NextToken",
        answer_token: "",
        global: None,
        protocol: WireProtocol::Rest { root: "" },
    },
    // Before the other one of this prefix: its paths have a root.
    ServiceEntry {
        prefix: "apigateway",
        signing_name: "apigateway",
        host: "apigateway",
        id: "ApiGatewayV2",
        page_token: "nextToken",
        answer_token: "",
        global: None,
        protocol: WireProtocol::Rest { root: "v2" },
    },
    ServiceEntry {
        prefix: "apigateway",
        signing_name: "apigateway",
        host: "apigateway",
        id: "API Gateway",
        page_token: "position",
        answer_token: "",
        global: None,
        protocol: WireProtocol::Rest { root: "" },
    },
];

fn all_services() -> impl Iterator<Item = &'static ServiceEntry> {
    SERVICES.iter().chain(CALLERS)
}

impl ServiceEntry {
    /// The service of an operation with parameters, and the operation's name.
    pub(super) fn of_operation(operation: &str) -> Option<(&'static Self, &str)> {
        let (prefix, name) = operation.split_once(':')?;
        let mut entries = all_services().filter(|entry| entry.prefix == prefix);
        let by_path = |entry: &Self| matches!(entry.protocol, WireProtocol::Rest { .. } | WireProtocol::RestXml);
        Some((entries.find(|entry| !by_path(entry))?, name))
    }

    /// The service of an operation with a path.
    pub(super) fn of_path(operation: &str, first_segment: &str) -> Option<&'static Self> {
        let (prefix, _) = operation.split_once(':')?;
        let mut entries = all_services().filter(|entry| entry.prefix == prefix);
        entries.find(|entry| match entry.protocol {
            WireProtocol::Rest { root } => root.is_empty() || root == first_segment,
            WireProtocol::RestXml => true,
            WireProtocol::Json { .. } | WireProtocol::Query { .. } => false,
        })
    }

    /// What names the next page in an answer.
    pub(super) fn answered_token(&self) -> &'static str {
        if self.answer_token.is_empty() { self.page_token } else { self.answer_token }
    }

    /// The service with this id.
    pub(super) fn of_id(id: &str) -> Option<&'static Self> {
        all_services().find(|entry| entry.id == id)
    }

    /// Where the service is reached: the configured address, or AWS's own in the region. The order is the SDK's: an
    /// address in the program, then one for the service alone, then one for all services
    /// (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>).
    pub(super) fn endpoint_url(&self, config: &SdkConfig, region: &str) -> String {
        let for_all = config.endpoint_url().map(ToOwned::to_owned);
        let configured = if config.get_origin("endpoint_url").is_client_config() {
            for_all
        } else {
            self.own_endpoint(config).or(for_all)
        };
        configured.unwrap_or_else(|| match self.global {
            Some((host, _)) => format!("https://{host}"),
            None => format!("https://{}{}", self.host, host_suffix(config, region)),
        })
    }

    fn own_endpoint(&self, config: &SdkConfig) -> Option<String> {
        let key = ServiceConfigKey::builder().service_id(self.id).env("AWS_ENDPOINT_URL").profile("endpoint_url");
        config.service_config()?.load_config(key.build().ok()?)
    }
}

/// What follows a service's name in its host: `.us-east-1.amazonaws.com`. Taken from the SDK's own rules for a service
/// that has no exceptions, so that every partition that the SDK knows is right.
fn host_suffix(config: &SdkConfig, region: &str) -> String {
    const SERVICE: &str = "https://lambda";
    let parameters = Params::builder()
        .region(region)
        .use_fips(config.use_fips().unwrap_or_default())
        .use_dual_stack(config.use_dual_stack().unwrap_or_default())
        .build();
    let endpoint = parameters.ok().and_then(|parameters| {
        // The rules are evaluated at once; nothing is waited for.
        DefaultResolver::new().resolve_endpoint(&parameters).now_or_never()?.ok()
    });
    let suffix = endpoint.as_ref().and_then(|endpoint| endpoint.url().strip_prefix(SERVICE));
    // A setting that the partition doesn't have: the host doesn't exist, and the call's error names it.
    suffix.map_or_else(|| format!(".{region}.amazonaws.com"), ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use aws_types::origin::Origin;
    use aws_types::service_config::LoadServiceConfig;

    use super::*;

    #[test]
    fn finds_the_service_of_every_operation() {
        let (states, name) = ServiceEntry::of_operation("states:ListStateMachines").expect("a service");
        assert_eq!((states.id, name), ("SFN", "ListStateMachines"));
        assert_eq!(ServiceEntry::of_operation("apigateway:GetApis"), None);
        assert_eq!(ServiceEntry::of_operation("s3:ListBuckets"), None, "S3 has paths");
        let id = |operation, segment| ServiceEntry::of_path(operation, segment).map(|entry| entry.id);
        assert_eq!(id("apigateway:GetApis", "v2"), Some("ApiGatewayV2"));
        assert_eq!(id("apigateway:GetRestApis", "restapis"), Some("API Gateway"));
        assert_eq!(id("scheduler:GetSchedule", "schedules"), Some("Scheduler"));
        assert_eq!(id("sqs:ListQueues", "queues"), None);
    }

    #[test]
    fn builds_endpoints_of_every_partition() {
        let url = |region: &str, fips: bool, dual_stack: bool| {
            let config = SdkConfig::builder().use_fips(fips).use_dual_stack(dual_stack).build();
            let (entry, _) = ServiceEntry::of_operation("tag:GetResources").expect("a service");
            entry.endpoint_url(&config, region)
        };
        assert_eq!(url("eu-west-1", false, false), "https://tagging.eu-west-1.amazonaws.com");
        assert_eq!(url("cn-north-1", false, false), "https://tagging.cn-north-1.amazonaws.com.cn");
        assert_eq!(url("us-gov-west-1", true, false), "https://tagging-fips.us-gov-west-1.amazonaws.com");
        assert_eq!(url("us-east-1", true, true), "https://tagging-fips.us-east-1.api.aws");
        assert_eq!(url("us-east-1", false, true), "https://tagging.us-east-1.api.aws");
        assert_eq!(url("eusc-de-east-1", false, false), "https://tagging.eusc-de-east-1.amazonaws.eu");
        assert_eq!(url("us-iso-east-1", false, false), "https://tagging.us-iso-east-1.c2s.ic.gov");
        assert_eq!(url("us-isob-east-1", false, false), "https://tagging.us-isob-east-1.sc2s.sgov.gov");
        assert_eq!(url("eu-isoe-west-1", false, false), "https://tagging.eu-isoe-west-1.cloud.adc-e.uk");
        assert_eq!(url("us-isof-south-1", false, false), "https://tagging.us-isof-south-1.csp.hci.ic.gov");
    }

    /// An environment with `AWS_ENDPOINT_URL_SQS`.
    #[derive(Debug)]
    struct QueueEndpoint;

    impl LoadServiceConfig for QueueEndpoint {
        fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
            let wanted = (key.service_id(), key.env(), key.profile()) == ("SQS", "AWS_ENDPOINT_URL", "endpoint_url");
            wanted.then(|| "http://127.0.0.1:9324".to_owned())
        }
    }

    #[test]
    fn prefers_a_configured_endpoint() {
        let url = |operation: &str, config: SdkConfig| {
            let (entry, _) = ServiceEntry::of_operation(operation).expect("a service");
            entry.endpoint_url(&config, "us-east-1")
        };
        let for_all = || SdkConfig::builder().endpoint_url("http://127.0.0.1:4566");
        assert_eq!(url("sqs:ListQueues", for_all().build()), "http://127.0.0.1:4566");
        assert_eq!(url("sqs:ListQueues", for_all().service_config(QueueEndpoint).build()), "http://127.0.0.1:9324");
        assert_eq!(url("sns:ListTopics", for_all().service_config(QueueEndpoint).build()), "http://127.0.0.1:4566");
        let mut in_program = for_all().service_config(QueueEndpoint);
        in_program.insert_origin("endpoint_url", Origin::shared_config());
        assert_eq!(url("sqs:ListQueues", in_program.build()), "http://127.0.0.1:4566");
    }
}
