//! Log groups.

use std::collections::HashMap;

use deployer::aws::{Call, CallError, FailureKind};

use super::{Place, Probed, TAGS, refused, same, text};

async fn create(place: &Place, name: &str) -> Result<(), CallError> {
    let tags: HashMap<String, String> = TAGS.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let request = place.aws.logs.create_log_group().log_group_name(name).set_tags(Some(tags));
    request.send().await.call("logs:CreateLogGroup").map(drop)
}

async fn delete(place: &Place, name: &str) {
    let _ = place.aws.logs.delete_log_group().log_group_name(name).send().await;
}

pub async fn a_group_keeps_tags_and_retention(place: Place) -> Probed {
    let name = place.name("group");
    let logs = &place.aws.logs;
    create(&place, &name).await.map_err(text)?;
    let request = logs.put_retention_policy().log_group_name(&name).retention_in_days(30);
    request.send().await.call("logs:PutRetentionPolicy").map_err(text)?;
    let answer = logs.describe_log_groups().log_group_name_prefix(&name).send().await;
    let answer = answer.call("logs:DescribeLogGroups").map_err(text)?;
    let group = answer.log_groups().first().ok_or("it isn't listed")?;
    same(group.retention_in_days(), Some(30), "its retention")?;
    let arn = group.log_group_arn().or(group.arn()).unwrap_or_default().trim_end_matches(":*").to_owned();
    let tags = logs.list_tags_for_resource().resource_arn(arn).send().await;
    let tags = tags.call("logs:ListTagsForResource").map_err(text)?;
    let mut tags: Vec<_> =
        tags.tags().into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    tags.sort_unstable();
    delete(&place, &name).await;
    same(tags, TAGS.to_vec(), "its tags")
}

pub async fn a_name_is_taken_once(place: Place) -> Probed {
    let name = place.name("group");
    create(&place, &name).await.map_err(text)?;
    let second = create(&place, &name).await;
    delete(&place, &name).await;
    refused(second, FailureKind::AlreadyExists)
}

pub async fn what_is_not_there_is_not_found(place: Place) -> Probed {
    let request = place.aws.logs.delete_log_group().log_group_name(place.name("group"));
    refused(request.send().await.call("logs:DeleteLogGroup"), FailureKind::NotFound)
}
