//! The name of a request's own action.

use super::AuthorizedRequest;

/// Actions of services with paths that the embedded cloud answers without knowing their operations: service, the path's
/// segments (`_` is any), action.
const BY_PATH: [(&str, &[&str], &str); 16] = [
    ("appsync", &["v1", "apis"], "appsync:ListGraphqlApis"),
    ("appsync", &["v1", "apis", "_", "datasources"], "appsync:ListDataSources"),
    ("appsync", &["v2", "apis"], "appsync:ListApis"),
    ("appsync", &["v2", "apis", "_", "channelNamespaces"], "appsync:ListChannelNamespaces"),
    ("backup", &["backup-vaults"], "backup:ListBackupVaults"),
    ("backup", &["backup-vaults", "_", "notification-configuration"], "backup:GetBackupVaultNotifications"),
    ("glacier", &["_", "vaults"], "glacier:ListVaults"),
    ("glacier", &["_", "vaults", "_", "notification-configuration"], "glacier:GetVaultNotifications"),
    ("iot", &["rules"], "iot:ListTopicRules"),
    ("iot", &["rules", "_"], "iot:GetTopicRule"),
    ("kafka", &["api", "v2", "clusters"], "kafka:ListClustersV2"),
    ("mq", &["v1", "brokers"], "mq:ListBrokers"),
    ("pipes", &["v1", "pipes"], "pipes:ListPipes"),
    ("pipes", &["v1", "pipes", "_"], "pipes:DescribePipe"),
    ("s3", &[""], "s3:ListAllMyBuckets"),
    ("s3", &["_"], "s3:GetBucketNotification"),
];

impl AuthorizedRequest<'_, '_> {
    /// As IAM writes it. Most are the service's prefix and the operation.
    pub(super) fn action_name(&self) -> String {
        let (service, operation) = (self.service, self.operation);
        match service {
            "apigateway" => format!("apigateway:{}", self.request.method),
            "budgets" => "budgets:ViewBudget".to_owned(),
            "lambda" if operation == "Invoke" => "lambda:InvokeFunction".to_owned(),
            "monitoring" => format!("cloudwatch:{operation}"),
            "tagging" => format!("tag:{operation}"),
            _ => {
                let segments = self.request.path_segments();
                let matches = |path: &&[&str]| {
                    path.len() == segments.len()
                        && path.iter().zip(&segments).all(|(part, given)| *part == "_" || part == given)
                };
                let named = BY_PATH.iter().find(|(of, path, _)| *of == service && matches(path));
                named.map_or_else(|| format!("{service}:{operation}"), |(_, _, action)| (*action).to_owned())
            }
        }
    }
}
