//! Budgets, whose subscribers take two more calls.

use serde_json::json;

use super::super::super::EdgeKind;
use super::super::collector::Collector;
use super::{add_caller, collect_pages};
use deployer_aws::SignedClient;
use deployer_aws::signed::text_of;

pub(super) async fn read_budgets(aws: &SignedClient, collector: &Collector<'_>) {
    let account = collector.scope.account.as_str();
    let pages = aws.list_pages("budgets:DescribeBudgets", json!({ "AccountId": account }));
    for budget in collect_pages(collector, pages, "Budgets", "budgets").await.unwrap_or_default() {
        let Some(name) = text_of(&budget, "BudgetName") else { continue };
        let id = format!("budget:{name}");
        add_caller(collector, &id, "budget", name);
        let what = format!("the notifications of budget {name}");
        let asked = json!({ "AccountId": account, "BudgetName": name });
        let pages = aws.list_pages("budgets:DescribeNotificationsForBudget", asked.clone());
        for notification in collect_pages(collector, pages, "Notifications", &what).await.unwrap_or_default() {
            let mut asked = asked.clone();
            asked["Notification"] = notification;
            let pages = aws.list_pages("budgets:DescribeSubscribersForNotification", asked);
            for subscriber in collect_pages(collector, pages, "Subscribers", &what).await.unwrap_or_default() {
                collector.add_mention(&id, &subscriber.to_string(), EdgeKind::Configuration, None, false);
            }
        }
    }
}
