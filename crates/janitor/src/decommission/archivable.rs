//! What decommission does with a kind of resource. `kinds` has one implementation for each kind.

use std::cmp::Ordering;
use std::fmt;

use futures_util::future::LocalBoxFuture;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

use super::check::DecommissionTerms;
use super::kinds::find_archivable;
use super::order::{DeletionStage, RestoreStage};
use super::parts::ResourceParts;
use super::proof::{RebuiltCall, RestoreProof};
use super::{DecommissionContext, DecommissionTarget, callers};
use crate::audit::NodeKind;
use crate::audit::arn::short_name;
use deployer_aws::CallError;

/// What a call of [`ArchivableKind`] returns. It is boxed because the kind is only known at run time, and stays on its
/// thread because the compiler can't prove that the async closures inside can be sent.
pub type KindFuture<'a, T> = LocalBoxFuture<'a, Result<T, CallError>>;

/// A kind of resource that can be archived, deleted, restored and quarantined.
///
/// [`find_archivable`] has all of them. What has no default here must be decided for each kind, because a wrong answer
/// deletes something that is in use or loses a part of it.
pub trait ArchivableKind: Send + Sync {
    /// What is the same for all resources of this kind.
    fn kind_facts(&self) -> &'static KindFacts;

    /// The identifier that AWS calls take. By default, the last part of the ARN.
    fn aws_identifier<'t>(&self, id: &'t str) -> &'t str {
        short_name(id)
    }

    /// The CloudWatch metrics that count its uses; `None` if CloudWatch doesn't count them.
    fn usage_metrics<'t>(&self, target: &'t DecommissionTarget) -> Option<UsageMetrics<'t>>;

    /// Everything that AWS returns about the resource; `None` if it doesn't exist.
    ///
    /// # Errors
    /// A part can't be read. Then the resource is neither archived nor deleted.
    fn read_parts<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
    ) -> KindFuture<'a, Option<ResourceParts>>;

    /// Deletes the resource with everything that belongs to it alone. A resource that is gone already is no failure.
    ///
    /// # Errors
    /// AWS refused.
    fn delete_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        parts: &'a ResourceParts,
    ) -> KindFuture<'a, ()>;

    /// Creates the resource as it was archived. Parts that an interrupted restore left behind are brought to the
    /// archived state.
    ///
    /// # Errors
    /// AWS refused.
    fn restore_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        parts: &'a ResourceParts,
    ) -> KindFuture<'a, RestoredResource>;

    /// The calls of [`ArchivableKind::restore_resource`] that create the resource, rebuilt from the archive alone, with the
    /// same code. [`super::proof::REQUIRED`] has what each of them needs.
    ///
    /// # Errors
    /// Why they can't be rebuilt, in words.
    fn rebuild_calls(&self, target: &DecommissionTarget, parts: &ResourceParts) -> Result<Vec<RebuiltCall>, String>;

    /// Adds what else speaks against a restore. By default, nothing: what AWS requires of each call is in
    /// [`super::proof::REQUIRED`].
    fn add_restore_doubts(&self, _: &ResourceParts, _: Timestamp, _: &mut RestoreProof) {}

    /// Finishes a restore once the journal has the new id. `target` is the restored resource. By default, there is
    /// nothing to finish: only a resource with a new id is marked while it is being restored.
    ///
    /// # Errors
    /// AWS refused.
    fn settle_restore<'a>(&self, _: &'a DecommissionContext<'a>, _: &'a DecommissionTarget) -> KindFuture<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    /// Disables the resource and adds `tags`. What can't be disabled is only tagged, and what can't be tagged is only
    /// disabled.
    ///
    /// # Errors
    /// AWS refused.
    fn disable_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        parts: &'a ResourceParts,
        tags: &'a [(&'a str, String)],
    ) -> KindFuture<'a, ()>;

    /// Puts back the state from before [`ArchivableKind::disable_resource`], and removes the tags `keys`.
    ///
    /// # Errors
    /// AWS refused.
    fn enable_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        parts: &'a ResourceParts,
        keys: &'a [&'a str],
    ) -> KindFuture<'a, ()>;

    /// Why a resource in this state must not be deleted, according to its parts.
    fn find_objection(
        &self,
        target: &DecommissionTarget,
        parts: &ResourceParts,
        window: UseWindow<'_>,
    ) -> Option<String>;

    /// Like [`ArchivableKind::find_objection`], just before the deletion. By default, nothing: a resource whose
    /// fingerprint changed is refused anyway, so this is only for what the fingerprint leaves out.
    fn find_late_objection(&self, _: &ResourceParts) -> Option<String> {
        None
    }

    /// What the user must allow explicitly and hasn't. By default, nothing: the confirmed plan is enough.
    fn find_missing_consent(&self, _: DecommissionTerms) -> Option<&'static str> {
        None
    }

    /// What isn't in the archive and is lost with the resource.
    fn lost_parts(&self, parts: &ResourceParts) -> Vec<String>;

    /// When the resource was last changed; `None` if AWS doesn't say.
    fn changed_at(&self, parts: &ResourceParts) -> Option<Timestamp>;

    /// Whether a subscription or mapping to `arn` reaches the resource. By default, only its own ARN does.
    fn is_reached_by(&self, arn: &str, target: &DecommissionTarget) -> bool {
        arn == target.id
    }

    /// Whether `text`, from another resource's configuration, names the resource. By default, only its ARN does.
    fn is_named_in(&self, text: &str, target: &DecommissionTarget) -> bool {
        text.contains(&target.id)
    }

    /// Whether the configuration of `function`, from `ListFunctions`, refers to the resource: as its role, in its
    /// environment, for dead letters. By default, it does if any of its strings names the resource.
    fn is_needed_by_function(&self, function: &Value, target: &DecommissionTarget) -> bool {
        callers::names_target(function, target)
    }

    /// Further ARNs under which an EventBridge rule can target the resource. By default, there are none: only functions
    /// have aliases.
    ///
    /// # Errors
    /// They can't be read.
    fn list_alias_arns<'a>(
        &self,
        _: &'a DecommissionContext<'a>,
        _: &'a DecommissionTarget,
    ) -> KindFuture<'a, Vec<String>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// Whether AWS refuses to create this resource before a resource of kind `other` exists that it refers to. By
    /// default, that is so for roles and queues, whoever refers to them.
    fn requires_kind(&self, other: NodeKind) -> bool {
        matches!(other, NodeKind::Role | NodeKind::Queue)
    }

    /// Whether it is restored after the others of its kind. By default, resources of a kind don't refer to each other.
    fn restores_late(&self, _: &ResourceParts) -> bool {
        false
    }
}

/// What is the same for all resources of a kind.
#[derive(Debug)]
pub struct KindFacts {
    /// What the audit calls it.
    pub node_kind: NodeKind,
    /// When it is deleted.
    pub deletion_stage: DeletionStage,
    /// When it is restored.
    pub restore_stage: RestoreStage,
    /// Whether an EventBridge rule can target it, so that its callers include the rules.
    pub rule_target: bool,
    /// Attributes that change by themselves, so a difference doesn't mean that somebody changed the resource.
    pub volatile_attributes: &'static [&'static str],
    /// Attributes that differ after a restore because AWS assigns them: ids, times and revisions.
    pub new_attributes: &'static [&'static str],
}

/// The time for which uses count against a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UseWindow<'a> {
    /// When it begins.
    pub since: Timestamp,
    /// The day of the last use that was known then, where AWS counts use by day.
    pub last_used: Option<&'a str>,
}

/// The CloudWatch metrics that count the uses of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageMetrics<'t> {
    /// Their namespace.
    pub namespace: &'static str,
    /// Their names. The uses are their sum.
    pub metrics: &'static [&'static str],
    /// The dimension that names the resource.
    pub dimension: &'static str,
    /// The resource's value of that dimension.
    pub value: &'t str,
}

/// The result of a restore.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RestoredResource {
    /// The id, if it is new.
    pub id: Option<String>,
    /// Other ids that changed, each as (old, new).
    pub renamed: Vec<(String, String)>,
    /// What a person must know or do, in words.
    pub notes: Vec<String>,
}

impl dyn ArchivableKind {
    /// What the audit calls it.
    pub fn node_kind(&self) -> NodeKind {
        self.kind_facts().node_kind
    }

    /// Its name for people: `function`, `REST API`.
    pub fn display_name(&self) -> &'static str {
        self.node_kind().display_name()
    }

    /// The fingerprint of a resource of this kind, without what changes by itself.
    pub fn compute_fingerprint(&self, parts: &ResourceParts) -> String {
        parts.compute_fingerprint(self.kind_facts().volatile_attributes)
    }

    /// The attributes that a comparison after a restore leaves out: those that AWS assigns, and those that change by
    /// themselves.
    pub fn uncompared_attributes(&self) -> Vec<&'static str> {
        let KindFacts { new_attributes, volatile_attributes, .. } = self.kind_facts();
        [*new_attributes, *volatile_attributes].concat()
    }
}

// A kind is equal, ordered, shown and stored as the audit's kind that it implements.

impl PartialEq for dyn ArchivableKind {
    fn eq(&self, other: &Self) -> bool {
        self.node_kind() == other.node_kind()
    }
}

impl Eq for dyn ArchivableKind {}

impl PartialOrd for dyn ArchivableKind {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for dyn ArchivableKind {
    fn cmp(&self, other: &Self) -> Ordering {
        self.node_kind().cmp(&other.node_kind())
    }
}

impl fmt::Debug for dyn ArchivableKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.node_kind().fmt(formatter)
    }
}

impl Serialize for dyn ArchivableKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.node_kind().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for &'static dyn ArchivableKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        find_archivable(NodeKind::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}
