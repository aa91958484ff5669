//! EventBridge rules on every bus, and their targets.

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::{Rule, RuleState, Target};

use super::super::{EdgeKind, Node, NodeKind};
use super::collector::Collector;
use deployer_aws::{Found, ListPages};
use deployer_core::naming;

pub(super) async fn read_rules(events: &Client, collector: &Collector<'_>) {
    let mut buses = Vec::new();
    let mut pages = ListPages::of_call("events:ListEventBuses");
    loop {
        let request = events.list_event_buses().set_next_token(pages.token()).send();
        let read = collector.make_sdk_call("events:ListEventBuses", request).await.and_then(|page| {
            buses.extend(page.event_buses().iter().filter_map(|bus| bus.name.clone()));
            pages.advance_to(page.next_token)
        });
        match read {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                collector.note_failure(
                    &error,
                    None,
                    "event buses, and therefore rules on buses other than the default one",
                );
                buses = vec!["default".to_owned()];
                break;
            }
        }
    }
    collector.for_each(buses, &["events:ListRules"], |bus| read_bus(events, collector, bus)).await;
}

async fn read_bus(events: &Client, collector: &Collector<'_>, bus: String) {
    let mut found = Vec::new();
    let mut pages = ListPages::of_call("events:ListRules");
    loop {
        let request = events.list_rules().event_bus_name(&bus).set_next_token(pages.token()).send();
        let read = collector.make_sdk_call("events:ListRules", request).await.and_then(|page| {
            found.extend(page.rules().iter().filter_map(|found| add_rule(collector, &bus, found)));
            pages.advance_to(page.next_token)
        });
        match read {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                collector.note_failure(&error, None, format!("rules on event bus {bus}"));
                break;
            }
        }
    }
    for (arn, name, enabled) in found {
        read_targets(events, collector, &bus, &arn, &name, enabled).await;
    }
}

/// Returns ARN and name of the rule, and whether it is enabled.
fn add_rule(collector: &Collector<'_>, bus: &str, found: &Rule) -> Option<(String, String, bool)> {
    let (arn, name) = (found.arn()?.to_owned(), found.name()?.to_owned());
    let mut node = Node::new(NodeKind::Rule, &arn, &name)
        .with_attribute("schedule", found.schedule_expression())
        .with_attribute("pattern", found.event_pattern().map(|_| "events that match a pattern"))
        .with_attribute("bus", (bus != "default").then_some(bus))
        .with_attribute("managed_by", found.managed_by());
    node.enabled = found.state() != Some(&RuleState::Disabled);
    if let Some((deployment, venue)) = found.description().and_then(naming::parse_mark) {
        (node.deployment, node.venue) = (Some(deployment.to_owned()), Some(venue.to_owned()));
    }
    let enabled = node.enabled;
    collector.add_node(node);
    Some((arn, name, enabled))
}

async fn read_targets(events: &Client, collector: &Collector<'_>, bus: &str, arn: &str, name: &str, enabled: bool) {
    let mut pages = ListPages::of_call("events:ListTargetsByRule");
    loop {
        let request = events.list_targets_by_rule().rule(name).event_bus_name(bus).set_next_token(pages.token()).send();
        let read = collector.make_sdk_call("events:ListTargetsByRule", request).await.found().and_then(|page| {
            let Some(page) = page else { return Ok(false) };
            page.targets().iter().for_each(|found| add_target(collector, arn, found, enabled));
            pages.advance_to(page.next_token)
        });
        match read {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => return collector.note_failure(&error, Some(arn), format!("the targets of rule {name}")),
        }
    }
}

fn add_target(collector: &Collector<'_>, rule: &str, found: &Target, enabled: bool) {
    collector.add_edge(rule, found.arn(), EdgeKind::Target, enabled, None);
    if let Some(role) = found.role_arn() {
        collector.add_edge(rule, role, EdgeKind::Role, enabled, None);
    }
    if let Some(queue) = found.dead_letter_config().and_then(|config| config.arn()) {
        collector.add_edge(rule, queue, EdgeKind::DeadLetter, enabled, None);
    }
}
