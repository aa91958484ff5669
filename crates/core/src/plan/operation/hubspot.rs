//! HubSpot calls.

use serde::{Deserialize, Serialize};

use super::{Removal, ServiceOperation};
use crate::property::ContactProperty;

/// A call to HubSpot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call")]
pub enum HubSpotOperation {
    /// Comes before each property while the group is missing; executed only once.
    CreatePropertyGroup {
        group: String,
        label: String,
    },
    CreateProperty {
        property: ContactProperty,
    },
    UpdateProperty {
        property: ContactProperty,
    },
    ArchiveProperty {
        property: String,
    },
}

impl ServiceOperation for HubSpotOperation {
    fn call_name(&self) -> &'static str {
        match self {
            Self::CreatePropertyGroup { .. } => "hubspot:CreatePropertyGroup",
            Self::CreateProperty { .. } => "hubspot:CreateProperty",
            Self::UpdateProperty { .. } => "hubspot:UpdateProperty",
            Self::ArchiveProperty { .. } => "hubspot:ArchiveProperty",
        }
    }

    fn resource_name(&self) -> &str {
        match self {
            Self::CreatePropertyGroup { group, .. } => group,
            Self::CreateProperty { property } | Self::UpdateProperty { property } => &property.name,
            Self::ArchiveProperty { property } => property,
        }
    }

    fn removal(&self) -> Removal {
        match self {
            Self::ArchiveProperty { .. } => Removal::Resource,
            Self::CreatePropertyGroup { .. } | Self::CreateProperty { .. } | Self::UpdateProperty { .. } => {
                Removal::Nothing
            }
        }
    }
}
