//! The calls that a plan consists of, grouped by service. Each contains everything that its call needs, so executing it
//! takes no decisions.
//!
//! Each service has one file here with its calls, and one file in `deployer-reconcile` that makes them.

mod cloud_watch;
mod event_bridge;
mod hubspot;
mod iam;
mod lambda;
mod logs;
mod scheduler;
mod secrets_manager;
mod sns;

use serde::{Deserialize, Serialize};

pub use cloud_watch::CloudWatchOperation;
pub use event_bridge::EventBridgeOperation;
pub use hubspot::HubSpotOperation;
pub use iam::IamOperation;
pub use lambda::LambdaOperation;
pub use logs::LogsOperation;
pub use scheduler::SchedulerOperation;
pub use secrets_manager::SecretsManagerOperation;
pub use sns::SnsOperation;

/// A call that changes something. Each is idempotent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "service")]
pub enum Operation {
    Iam(IamOperation),
    SecretsManager(SecretsManagerOperation),
    Logs(LogsOperation),
    Lambda(LambdaOperation),
    EventBridge(EventBridgeOperation),
    Scheduler(SchedulerOperation),
    CloudWatch(CloudWatchOperation),
    Sns(SnsOperation),
    HubSpot(HubSpotOperation),
}

/// What each service's calls say about themselves.
pub trait ServiceOperation {
    /// The call, as IAM writes it (`iam:CreateRole`); HubSpot's calls are named the same way.
    fn call_name(&self) -> &'static str;

    /// The name or ARN of the resource that is changed.
    fn resource_name(&self) -> &str;

    /// Whether something is gone afterwards.
    fn removal(&self) -> Removal;
}

/// What an operation removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// It creates or changes something.
    Nothing,
    /// A part of a resource, such as a policy of a role.
    Part,
    /// A whole resource.
    Resource,
}

impl Operation {
    /// The call to Lambda, if it is one.
    pub(super) fn as_lambda(&self) -> Option<&LambdaOperation> {
        match self {
            Self::Lambda(operation) => Some(operation),
            Self::Iam(_)
            | Self::SecretsManager(_)
            | Self::Logs(_)
            | Self::EventBridge(_)
            | Self::Scheduler(_)
            | Self::CloudWatch(_)
            | Self::Sns(_)
            | Self::HubSpot(_) => None,
        }
    }

    fn as_service(&self) -> &dyn ServiceOperation {
        match self {
            Self::Iam(operation) => operation,
            Self::SecretsManager(operation) => operation,
            Self::Logs(operation) => operation,
            Self::Lambda(operation) => operation,
            Self::EventBridge(operation) => operation,
            Self::Scheduler(operation) => operation,
            Self::CloudWatch(operation) => operation,
            Self::Sns(operation) => operation,
            Self::HubSpot(operation) => operation,
        }
    }

    /// The call, as IAM writes it (`iam:CreateRole`); HubSpot's calls are named the same way.
    pub fn call_name(&self) -> &'static str {
        self.as_service().call_name()
    }

    /// The name or ARN of the resource that is changed.
    pub fn resource_name(&self) -> &str {
        self.as_service().resource_name()
    }

    /// The keys of the tags that the operation removes.
    pub fn removed_tags(&self) -> &[String] {
        match self {
            Self::Iam(IamOperation::UntagRole { keys, .. })
            | Self::SecretsManager(SecretsManagerOperation::UntagSecret { keys, .. })
            | Self::Logs(LogsOperation::UntagLogGroup { keys, .. })
            | Self::Lambda(LambdaOperation::UntagFunction { keys, .. })
            | Self::EventBridge(EventBridgeOperation::UntagRule { keys, .. })
            | Self::Scheduler(SchedulerOperation::UntagScheduleGroup { keys, .. })
            | Self::CloudWatch(CloudWatchOperation::UntagAlarm { keys, .. })
            | Self::Sns(SnsOperation::UntagTopic { keys, .. }) => keys,
            Self::Iam(_)
            | Self::SecretsManager(_)
            | Self::Logs(_)
            | Self::Lambda(_)
            | Self::EventBridge(_)
            | Self::Scheduler(_)
            | Self::CloudWatch(_)
            | Self::Sns(_)
            | Self::HubSpot(_) => &[],
        }
    }

    /// Whether the operation removes something, so that it succeeds if there is nothing to remove.
    pub fn removes_something(&self) -> bool {
        self.as_service().removal() != Removal::Nothing
    }

    /// Whether the operation deletes a whole resource.
    pub fn deletes_resource(&self) -> bool {
        self.as_service().removal() == Removal::Resource
    }
}

macro_rules! from_service {
    ($($group:ident => $service:ident),+ $(,)?) => {$(
        impl From<$group> for Operation {
            fn from(operation: $group) -> Self {
                Self::$service(operation)
            }
        }
    )+};
}

from_service! {
    IamOperation => Iam,
    SecretsManagerOperation => SecretsManager,
    LogsOperation => Logs,
    LambdaOperation => Lambda,
    EventBridgeOperation => EventBridge,
    SchedulerOperation => Scheduler,
    CloudWatchOperation => CloudWatch,
    SnsOperation => Sns,
    HubSpotOperation => HubSpot,
}
