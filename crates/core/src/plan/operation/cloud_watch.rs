//! CloudWatch calls.

use serde::{Deserialize, Serialize};

use super::{Removal, ServiceOperation};
use crate::resource::StringMap;
use crate::resource::alarm::{AlarmSpec, WatchedMetric};

/// A call to CloudWatch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call")]
pub enum CloudWatchOperation {
    /// A value of zero for a metric whose absence raises an alarm, so that the alarm's time begins now.
    PutMetricData {
        metric: WatchedMetric,
    },
    PutMetricAlarm {
        alarm: AlarmSpec,
        tags: StringMap,
    },
    PutCompositeAlarm {
        alarm: AlarmSpec,
        tags: StringMap,
    },
    TagAlarm {
        arn: String,
        tags: StringMap,
    },
    UntagAlarm {
        arn: String,
        keys: Vec<String>,
    },
    /// Alarms of one group.
    DeleteAlarms {
        group: String,
        names: Vec<String>,
    },
}

impl ServiceOperation for CloudWatchOperation {
    fn call_name(&self) -> &'static str {
        match self {
            Self::PutMetricData { .. } => "cloudwatch:PutMetricData",
            Self::PutMetricAlarm { .. } => "cloudwatch:PutMetricAlarm",
            Self::PutCompositeAlarm { .. } => "cloudwatch:PutCompositeAlarm",
            Self::TagAlarm { .. } => "cloudwatch:TagResource",
            Self::UntagAlarm { .. } => "cloudwatch:UntagResource",
            Self::DeleteAlarms { .. } => "cloudwatch:DeleteAlarms",
        }
    }

    fn resource_name(&self) -> &str {
        match self {
            Self::PutMetricData { metric } => &metric.group,
            Self::PutMetricAlarm { alarm, .. } | Self::PutCompositeAlarm { alarm, .. } => &alarm.name,
            Self::TagAlarm { arn, .. } | Self::UntagAlarm { arn, .. } => arn,
            Self::DeleteAlarms { group, .. } => group,
        }
    }

    fn removal(&self) -> Removal {
        match self {
            Self::DeleteAlarms { .. } => Removal::Resource,
            Self::PutMetricData { .. }
            | Self::PutMetricAlarm { .. }
            | Self::PutCompositeAlarm { .. }
            | Self::TagAlarm { .. }
            | Self::UntagAlarm { .. } => Removal::Nothing,
        }
    }
}
