//! Following a log while it grows.

use std::cell::RefCell;

use deployer_aws::{Aws, FailureKind};
use deployer_cloud::{Cloud, CloudConfig, logs};
use deployer_health::status::log::{Query, follow, read};
use jiff::Timestamp;

use crate::sdk::GeneratedClients as _;

const GROUP: &str = "/aws/lambda/sync-a";

async fn cloud(page_size: Option<usize>) -> (Cloud, Aws) {
    let cloud = Cloud::in_memory(CloudConfig { page_size, ..CloudConfig::default() });
    let aws = Aws::for_local("us-east-1", cloud.http_client(), None);
    aws.sdk().logs.create_log_group().log_group_name(GROUP).send().await.expect("made");
    (cloud, aws)
}

/// Writes a line that is `age_s` seconds old.
fn write(cloud: &Cloud, age_s: i64, line: &str) {
    let at = cloud.now().as_millisecond() - age_s * 1000;
    let written = cloud.with(|cx| logs::append(cx, GROUP, "stream", &[(at, line.to_owned())]));
    written.expect("the state is read").expect("written");
}

fn all() -> Query<'static> {
    Query { group: GROUP, from: Timestamp::UNIX_EPOCH, pattern: "" }
}

#[tokio::test]
async fn shows_every_event_once_even_late_ones() {
    let (cloud, aws) = cloud(Some(2)).await;
    for (age_s, line) in [(90, "first"), (30, "second"), (20, "third")] {
        write(&cloud, age_s, line);
    }
    let seen = RefCell::new(Vec::new());
    let mut rounds = vec!["fourth", "late", ""].into_iter();
    let pause = async || match rounds.next() {
        Some("") | None => false,
        Some("late") => {
            write(&cloud, 25, "late");
            true
        }
        Some(line) => {
            write(&cloud, 0, line);
            true
        }
    };
    let show = |event: &deployer_health::status::log::LogEvent| {
        seen.borrow_mut().push(event.message.clone());
        true
    };
    follow(&aws.signed, all(), show, pause).await.expect("it is read");
    assert_eq!(*seen.borrow(), ["first", "second", "third", "fourth", "late"]);
}

#[tokio::test]
async fn stops_when_nobody_reads_any_longer() {
    let (cloud, aws) = cloud(Some(1)).await;
    (0..5).for_each(|age| write(&cloud, 50 - age, "line"));
    cloud.forget_calls();
    let mut seen = 0;
    let show = |_: &deployer_health::status::log::LogEvent| {
        seen += 1;
        seen < 2
    };
    follow(&aws.signed, all(), show, async || panic!("it must not wait for more")).await.expect("it is read");
    assert_eq!(seen, 2);
    assert_eq!(cloud.calls().len(), 2, "it must not read further pages");
}

#[tokio::test]
async fn reports_a_missing_log_group() {
    let (_cloud, aws) = cloud(None).await;
    let elsewhere = Query { group: "/aws/lambda/other", ..all() };
    let error = read(&aws.signed, elsewhere, |_| true).await.expect_err("the group doesn't exist");
    assert_eq!(error.kind, FailureKind::NotFound);
}
