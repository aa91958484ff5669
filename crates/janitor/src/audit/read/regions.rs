//! Functions of the account's other regions: roles belong to all of them.

use http::Method;
use serde_json::json;

use super::super::sources::ELSEWHERE_CALL;
use super::super::{EdgeKind, Node, NodeKind};
use super::callers_items;
use super::collector::Collector;
use deployer_aws::SignedClient;
use deployer_aws::signed::{RestRequest, list_of, text_of};

const REGIONS: &str = "ec2:DescribeRegions";
const WHAT: &str = "functions of other regions";

pub(super) async fn read_other_regions(aws: &SignedClient, collector: &Collector<'_>) {
    let answer = match collector.make_call(REGIONS, aws.call(REGIONS, json!({}))).await {
        Ok(answer) => answer,
        Err(error) => return collector.note_failure(&error, None, WHAT),
    };
    let names = callers_items(&answer, "regionInfo.item");
    let names: Vec<String> =
        names.iter().filter_map(|region| text_of(region, "regionName")).map(ToOwned::to_owned).collect();
    if names.is_empty() {
        return collector.note_unread(ELSEWHERE_CALL, None, WHAT.to_owned(), "no region was listed".to_owned());
    }
    collector.count_made(ELSEWHERE_CALL);
    let others = names.into_iter().filter(|region| *region != collector.scope.region).collect();
    collector
        .for_each(others, &["lambda:ListFunctions"], |region| read_region(aws.in_region(&region), collector, region))
        .await;
}

async fn read_region(aws: SignedClient, collector: &Collector<'_>, region: String) {
    let request = RestRequest::new("lambda:ListFunctions", Method::GET, &["2015-03-31", "functions", ""]);
    let mut pages = aws.send_pages(request);
    loop {
        collector.wait_and_count(ELSEWHERE_CALL).await;
        let Some(page) = pages.next_page().await else { return };
        let page = match page {
            Ok(page) => page,
            Err(error) => {
                let what = format!("functions of region {region}");
                return collector.note_unread(ELSEWHERE_CALL, None, what, error.to_string());
            }
        };
        for function in list_of(&page, "Functions") {
            let (Some(arn), Some(role)) = (text_of(function, "FunctionArn"), text_of(function, "Role")) else {
                continue;
            };
            let name = text_of(function, "FunctionName").unwrap_or(arn);
            let node = Node::new(NodeKind::Caller, arn, format!("function {name} in {region}"));
            collector.gathered().callers.insert(arn.to_owned(), node);
            collector.add_edge(arn, role, EdgeKind::Role, true, None);
        }
    }
}
