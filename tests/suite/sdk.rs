//! The generated clients of services that the program itself calls with JSON: tests make and look at resources through
//! them, which shows that the embedded cloud speaks to real clients.

use deployer_aws::Aws;

/// Generated clients with the region, endpoint, HTTP client and credentials of the program's own.
#[derive(Debug, Clone)]
pub struct SdkClients {
    pub logs: aws_sdk_cloudwatchlogs::Client,
    pub tagging: aws_sdk_resourcegroupstagging::Client,
    pub sqs: aws_sdk_sqs::Client,
    pub sns: aws_sdk_sns::Client,
    pub apigateway: aws_sdk_apigateway::Client,
    pub apigatewayv2: aws_sdk_apigatewayv2::Client,
    pub scheduler: aws_sdk_scheduler::Client,
    pub sfn: aws_sdk_sfn::Client,
    pub cloudwatch: aws_sdk_cloudwatch::Client,
}

/// `aws.sdk()`.
pub trait GeneratedClients {
    /// The generated clients.
    fn sdk(&self) -> SdkClients;
}

impl GeneratedClients for Aws {
    fn sdk(&self) -> SdkClients {
        let config = self.signed.sdk_config();
        SdkClients {
            logs: aws_sdk_cloudwatchlogs::Client::new(config),
            tagging: aws_sdk_resourcegroupstagging::Client::new(config),
            sqs: aws_sdk_sqs::Client::new(config),
            sns: aws_sdk_sns::Client::new(config),
            apigateway: aws_sdk_apigateway::Client::new(config),
            apigatewayv2: aws_sdk_apigatewayv2::Client::new(config),
            scheduler: aws_sdk_scheduler::Client::new(config),
            sfn: aws_sdk_sfn::Client::new(config),
            cloudwatch: aws_sdk_cloudwatch::Client::new(config),
        }
    }
}
