//! State machines of Step Functions.

use aws_sdk_sfn::types::Tag;
use deployer_aws::{Call, CallError, FailureKind};

use super::{ProbePlace, ProbeResult, TAGS, error_text, expect_refused, expect_same, fail_probe, iam};

use crate::sdk::GeneratedClients as _;

const DEFINITION: &str = r#"{"StartAt":"Call","States":{"Call":{"Type":"Pass","End":true}}}"#;

async fn create_state_machine(place: &ProbePlace, name: &str, definition: &str) -> Result<String, CallError> {
    let tags = TAGS.map(|(key, value)| Tag::builder().key(key).value(value).build());
    let request = place.aws.sdk().sfn.create_state_machine().name(name).definition(definition);
    let request = request.role_arn(place.role_arn(name)).set_tags(Some(tags.to_vec()));
    Ok(request.send().await.call("states:CreateStateMachine")?.state_machine_arn)
}

async fn delete_state_machine(place: &ProbePlace, name: &str, arn: &str) {
    let _ = place.aws.sdk().sfn.delete_state_machine().state_machine_arn(arn).send().await;
    iam::delete_role(place, name).await;
}

pub async fn keeps_state_machine_settings(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("machine");
    iam::create_role(&place, &name).await.map_err(error_text)?;
    let arn = create_state_machine(&place, &name, DEFINITION).await.map_err(error_text)?;
    let sfn = &place.aws.sdk().sfn;
    let again = create_state_machine(&place, &name, DEFINITION).await;
    let machine = sfn.describe_state_machine().state_machine_arn(&arn).send().await;
    let machine = machine.call("states:DescribeStateMachine");
    let listed = sfn.list_state_machines().send().await.call("states:ListStateMachines");
    let tags = sfn.list_tags_for_resource().resource_arn(&arn).send().await.call("states:ListTagsForResource");
    delete_state_machine(&place, &name, &arn).await;
    expect_same(arn.as_str(), &format!("arn:aws:states:us-east-1:{}:stateMachine:{name}", place.account), "ARN")?;
    expect_same(again.map_err(error_text)?, arn.clone(), "ARN of the existing state machine")?;
    let machine = machine.map_err(error_text)?;
    expect_same(
        (machine.definition(), machine.role_arn()),
        (DEFINITION, place.role_arn(&name).as_str()),
        "definition and role",
    )?;
    let listed = listed.map_err(error_text)?.state_machines().iter().any(|one| one.state_machine_arn() == arn);
    expect_same(listed, true, "whether it is listed")?;
    expect_same(tags.map_err(error_text)?.tags().len(), TAGS.len(), "tags")
}

pub async fn rejects_invalid_definition(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("machine");
    iam::create_role(&place, &name).await.map_err(error_text)?;
    let answer = create_state_machine(&place, &name, r#"{"StartAt":"Call","States":{}}"#).await;
    delete_state_machine(&place, &name, answer.as_deref().unwrap_or_default()).await;
    match answer {
        Ok(_) => fail_probe("accepted"),
        Err(error) => expect_same(error.code.as_str(), "InvalidDefinition", "error code"),
    }
}

pub async fn reports_missing_state_machines_as_not_found(place: ProbePlace) -> ProbeResult {
    let arn = format!("arn:aws:states:us-east-1:{}:stateMachine:{}", place.account, place.resource_name("machine"));
    let answer = place.aws.sdk().sfn.describe_state_machine().state_machine_arn(&arn).send().await;
    expect_refused(answer.call("states:DescribeStateMachine"), FailureKind::NotFound)?;
    let answer = place.aws.sdk().sfn.delete_state_machine().state_machine_arn(&arn).send().await;
    answer.call("states:DeleteStateMachine").map(drop).map_err(error_text)
}
