//! Following a log while it grows.

use std::cell::RefCell;

use deployer_aws::{Aws, FailureKind};
use deployer_cloud::{CloudConfig, EmbeddedCloud, logs};
use deployer_health::status::log::{LogQuery, follow_events, read_events};
use jiff::Timestamp;

use crate::sdk::GeneratedClients as _;

const GROUP: &str = "/aws/lambda/sync-a";

async fn cloud_with_log(page_size: Option<usize>) -> (EmbeddedCloud, Aws) {
    let cloud = EmbeddedCloud::in_memory(CloudConfig { page_size, ..CloudConfig::default() });
    let aws = Aws::for_local("us-east-1", cloud.http_client(), None);
    aws.sdk().logs.create_log_group().log_group_name(GROUP).send().await.expect("it is created");
    (cloud, aws)
}

/// Writes a line that is `age_s` seconds old.
fn write_line(cloud: &EmbeddedCloud, age_s: i64, line: &str) {
    let at = cloud.current_time().as_millisecond() - age_s * 1000;
    let written = cloud.with_context(|cx| logs::append_lines(cx, GROUP, "stream", &[(at, line.to_owned())]));
    written.expect("the state is read").expect("it is written");
}

fn query_all() -> LogQuery<'static> {
    LogQuery { group: GROUP, from: Timestamp::UNIX_EPOCH, pattern: "" }
}

#[tokio::test]
async fn shows_every_event_once_even_late_ones() {
    let (cloud, aws) = cloud_with_log(Some(2)).await;
    for (age_s, line) in [(90, "first"), (30, "second"), (20, "third")] {
        write_line(&cloud, age_s, line);
    }
    let seen = RefCell::new(Vec::new());
    let mut rounds = vec!["fourth", "late", ""].into_iter();
    let pause = async || match rounds.next() {
        Some("") | None => false,
        Some("late") => {
            write_line(&cloud, 25, "late");
            true
        }
        Some(line) => {
            write_line(&cloud, 0, line);
            true
        }
    };
    let show = |event: &deployer_health::status::log::LogEvent| {
        seen.borrow_mut().push(event.message.clone());
        true
    };
    follow_events(&aws.signed, query_all(), show, pause).await.expect("it is read");
    assert_eq!(*seen.borrow(), ["first", "second", "third", "fourth", "late"]);
}

#[tokio::test]
async fn stops_when_nobody_reads_any_longer() {
    let (cloud, aws) = cloud_with_log(Some(1)).await;
    (0..5).for_each(|age| write_line(&cloud, 50 - age, "line"));
    cloud.forget_calls();
    let mut seen = 0;
    let show = |_: &deployer_health::status::log::LogEvent| {
        seen += 1;
        seen < 2
    };
    follow_events(&aws.signed, query_all(), show, async || panic!("it must not wait for more"))
        .await
        .expect("it is read");
    assert_eq!(seen, 2);
    assert_eq!(cloud.recorded_calls().len(), 2, "it must not read further pages");
}

#[tokio::test]
async fn reports_a_missing_log_group() {
    let (_cloud, aws) = cloud_with_log(None).await;
    let elsewhere = LogQuery { group: "/aws/lambda/other", ..query_all() };
    let error = read_events(&aws.signed, elsewhere, |_| true).await.expect_err("the group doesn't exist");
    assert_eq!(error.kind, FailureKind::NotFound);
}
