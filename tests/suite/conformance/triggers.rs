//! Other triggers of a function than rules (event source mappings and function URLs), and what blocks invocations.

use aws_sdk_lambda::types::FunctionUrlAuthType;
use deployer_aws::{Call, FailureKind};

use super::lambda::{create_function, delete_function};
use super::{ProbePlace, ProbeResult, error_text, expect_refused, expect_same};

use crate::sdk::GeneratedClients as _;

async fn create_queue(place: &ProbePlace, name: &str) -> Result<(String, String), String> {
    let answer =
        place.aws.sdk().sqs.create_queue().queue_name(name).send().await.call("sqs:CreateQueue").map_err(error_text)?;
    let arn = format!("arn:aws:sqs:us-east-1:{}:{name}", place.account);
    Ok((answer.queue_url.unwrap_or_default(), arn))
}

pub async fn keeps_event_source_mapping_settings(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("function");
    create_function(&place, &name).await?;
    let (url, queue) = create_queue(&place, &place.resource_name("queue")).await?;
    let lambda = &place.aws.lambda;
    let request = lambda.create_event_source_mapping().function_name(&name).event_source_arn(&queue);
    let made = request.batch_size(5).enabled(false).send().await.call("lambda:CreateEventSourceMapping");
    let uuid = made.map_err(error_text)?.uuid.unwrap_or_default();
    let listed = lambda.list_event_source_mappings().function_name(&name).send().await;
    let listed = listed.call("lambda:ListEventSourceMappings");
    let of_queue = lambda.list_event_source_mappings().event_source_arn(&queue).send().await;
    let of_queue = of_queue.call("lambda:ListEventSourceMappings");
    let got = lambda.get_event_source_mapping().uuid(&uuid).send().await.call("lambda:GetEventSourceMapping");
    let deleted = lambda.delete_event_source_mapping().uuid(&uuid).send().await;
    deleted.call("lambda:DeleteEventSourceMapping").map_err(error_text)?;
    let _ = place.aws.sdk().sqs.delete_queue().queue_url(&url).send().await;
    delete_function(&place, &name).await;
    let got = got.map_err(error_text)?;
    expect_same(got.event_source_arn(), Some(queue.as_str()), "source ARN")?;
    let function = format!("arn:aws:lambda:us-east-1:{}:function:{name}", place.account);
    expect_same(got.function_arn(), Some(function.as_str()), "function ARN")?;
    expect_same((got.batch_size(), got.state()), (Some(5), Some("Disabled")), "settings")?;
    expect_same(listed.map_err(error_text)?.event_source_mappings().len(), 1, "number of mappings of the function")?;
    expect_same(of_queue.map_err(error_text)?.event_source_mappings().len(), 1, "number of mappings of the queue")
}

pub async fn rejects_duplicate_event_source_mapping(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("function");
    create_function(&place, &name).await?;
    let (url, queue) = create_queue(&place, &place.resource_name("queue")).await?;
    let lambda = &place.aws.lambda;
    let request = lambda.create_event_source_mapping().function_name(&name).event_source_arn(&queue).enabled(false);
    let made = request.clone().send().await.call("lambda:CreateEventSourceMapping").map_err(error_text)?;
    let again = request.send().await.call("lambda:CreateEventSourceMapping");
    let _ = lambda.delete_event_source_mapping().set_uuid(made.uuid).send().await;
    let _ = place.aws.sdk().sqs.delete_queue().queue_url(&url).send().await;
    delete_function(&place, &name).await;
    expect_refused(again, FailureKind::AlreadyExists)
}

pub async fn allows_one_url_per_function(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("function");
    create_function(&place, &name).await?;
    let lambda = &place.aws.lambda;
    let none = lambda.get_function_url_config().function_name(&name).send().await;
    let none = none.call("lambda:GetFunctionUrlConfig");
    let request = lambda.create_function_url_config().function_name(&name).auth_type(FunctionUrlAuthType::None);
    let made = request.clone().send().await.call("lambda:CreateFunctionUrlConfig").map_err(error_text)?;
    let again = request.send().await.call("lambda:CreateFunctionUrlConfig");
    let listed = lambda.list_function_url_configs().function_name(&name).send().await;
    let listed = listed.call("lambda:ListFunctionUrlConfigs").map_err(error_text)?;
    let deleted = lambda.delete_function_url_config().function_name(&name).send().await;
    deleted.call("lambda:DeleteFunctionUrlConfig").map_err(error_text)?;
    let left = lambda.list_function_url_configs().function_name(&name).send().await;
    let left = left.call("lambda:ListFunctionUrlConfigs").map_err(error_text)?;
    delete_function(&place, &name).await;
    expect_refused(none, FailureKind::NotFound)?;
    expect_same(made.function_url().contains(".lambda-url.us-east-1."), true, made.function_url())?;
    expect_refused(again, FailureKind::AlreadyExists)?;
    let urls: Vec<_> = listed.function_url_configs().iter().map(|url| url.function_url()).collect();
    expect_same(urls, vec![made.function_url()], "URLs")?;
    expect_same(left.function_url_configs().len(), 0, "number of URLs after deletion")
}

pub async fn refuses_invocation_at_zero_concurrency(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("function");
    create_function(&place, &name).await?;
    let lambda = &place.aws.lambda;
    let request = lambda.put_function_concurrency().function_name(&name).reserved_concurrent_executions(0);
    request.send().await.call("lambda:PutFunctionConcurrency").map_err(error_text)?;
    let answer = lambda.invoke().function_name(&name).send().await.call("lambda:Invoke");
    let reserved = lambda.get_function_concurrency().function_name(&name).send().await;
    let reserved = reserved.call("lambda:GetFunctionConcurrency");
    delete_function(&place, &name).await;
    expect_same(reserved.map_err(error_text)?.reserved_concurrent_executions(), Some(0), "reserved concurrency")?;
    expect_refused(answer, FailureKind::Throttled)
}

pub async fn reports_missing_triggers_as_not_found(place: ProbePlace) -> ProbeResult {
    let (lambda, uuid) = (&place.aws.lambda, "00000000-0000-4000-8000-000000000000");
    let answer = lambda.get_event_source_mapping().uuid(uuid).send().await;
    expect_refused(answer.call("lambda:GetEventSourceMapping"), FailureKind::NotFound)?;
    let answer = lambda.delete_event_source_mapping().uuid(uuid).send().await;
    expect_refused(answer.call("lambda:DeleteEventSourceMapping"), FailureKind::NotFound)?;
    let answer = lambda.list_function_url_configs().function_name(place.resource_name("function")).send().await;
    expect_refused(answer.call("lambda:ListFunctionUrlConfigs"), FailureKind::NotFound)
}
