//! EventBridge Scheduler calls, in the deployment's group.

use serde::{Deserialize, Serialize};

use super::{Removal, ServiceOperation};
use crate::resource::{ScheduleGroupSpec, ScheduleSpec, StringMap};

/// A call to EventBridge Scheduler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call")]
pub enum SchedulerOperation {
    CreateScheduleGroup {
        group: ScheduleGroupSpec,
    },
    TagScheduleGroup {
        arn: String,
        tags: StringMap,
    },
    UntagScheduleGroup {
        arn: String,
        keys: Vec<String>,
    },
    DeleteScheduleGroup {
        group: String,
    },
    CreateSchedule {
        schedule: ScheduleSpec,
    },
    /// Replaces it as a whole: AWS resets what isn't sent.
    UpdateSchedule {
        schedule: ScheduleSpec,
    },
    DeleteSchedule {
        group: String,
        schedule: String,
    },
}

impl SchedulerOperation {
    /// The group of the schedule, if the call is about one.
    pub fn group_of_schedule(&self) -> Option<&str> {
        match self {
            Self::CreateSchedule { schedule } | Self::UpdateSchedule { schedule } => Some(&schedule.group),
            Self::DeleteSchedule { group, .. } => Some(group),
            Self::CreateScheduleGroup { .. }
            | Self::TagScheduleGroup { .. }
            | Self::UntagScheduleGroup { .. }
            | Self::DeleteScheduleGroup { .. } => None,
        }
    }
}

impl ServiceOperation for SchedulerOperation {
    fn call_name(&self) -> &'static str {
        match self {
            Self::CreateScheduleGroup { .. } => "scheduler:CreateScheduleGroup",
            Self::TagScheduleGroup { .. } => "scheduler:TagResource",
            Self::UntagScheduleGroup { .. } => "scheduler:UntagResource",
            Self::DeleteScheduleGroup { .. } => "scheduler:DeleteScheduleGroup",
            Self::CreateSchedule { .. } => "scheduler:CreateSchedule",
            Self::UpdateSchedule { .. } => "scheduler:UpdateSchedule",
            Self::DeleteSchedule { .. } => "scheduler:DeleteSchedule",
        }
    }

    fn resource_name(&self) -> &str {
        match self {
            Self::CreateScheduleGroup { group } => &group.name,
            Self::DeleteScheduleGroup { group } => group,
            Self::TagScheduleGroup { arn, .. } | Self::UntagScheduleGroup { arn, .. } => arn,
            Self::CreateSchedule { schedule } | Self::UpdateSchedule { schedule } => &schedule.name,
            Self::DeleteSchedule { schedule, .. } => schedule,
        }
    }

    fn removal(&self) -> Removal {
        match self {
            Self::DeleteScheduleGroup { .. } | Self::DeleteSchedule { .. } => Removal::Resource,
            Self::CreateScheduleGroup { .. }
            | Self::TagScheduleGroup { .. }
            | Self::UntagScheduleGroup { .. }
            | Self::CreateSchedule { .. }
            | Self::UpdateSchedule { .. } => Removal::Nothing,
        }
    }
}
