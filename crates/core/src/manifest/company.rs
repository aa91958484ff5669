//! What a company's AWS account demands, in a manifest: ARNs of what isn't ours, and the network of the functions.

use super::Flaw;
use super::key::{Key, Optional};
use super::keys::{DEPLOYMENT, DeploymentKeys, INHERITED, VENUE, VPC, VenueKeys};
use super::report::{ManifestProblem, Span};
use super::shape::ManifestReading;
use super::table::VenueTable;
use crate::arn::Arn;
use crate::error::ErrorCode;
use crate::resource::declared::VpcSettings;

/// Whether runs are traced with X-Ray.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tracing {
    /// Each run that Lambda samples.
    Active,
    /// Only runs whose caller is traced, as Lambda does by default. A rule is never traced.
    PassThrough,
}

/// What a company demands of a venue's resources.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CompanyRules {
    /// The ARN of the role's permissions boundary.
    pub permissions_boundary: Option<String>,
    /// The ARN of the key that encrypts the secret, the function's environment and the log group.
    pub kms_key: Option<String>,
    /// The network that the function is in.
    pub vpc: Option<VpcSettings>,
    /// Whether runs are traced with X-Ray.
    pub active_tracing: bool,
    /// The ARN of the queue or topic that gets the events of failed runs.
    pub dead_letter: Option<String>,
}

/// Checks the ARN of a managed policy.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check_policy_arn(text: &str) -> Result<(), Flaw> {
    const EXAMPLE: &str = "write it like \"arn:aws:iam::123456789012:policy/boundary\"";
    let arn = parse_arn(text, EXAMPLE)?;
    let name = arn.resource.strip_prefix("policy/").unwrap_or_default();
    if arn.service != "iam" || name.is_empty() {
        return Err(Flaw::new("this is not the ARN of a managed policy", EXAMPLE));
    }
    Ok(())
}

/// Checks the ARN of a key. An alias is refused: the role's policy has to name the key itself.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check_key_arn(text: &str) -> Result<(), Flaw> {
    const EXAMPLE: &str =
        "write it like \"arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab\"";
    let alias = text.strip_prefix("alias/").or_else(|| text.split_once(":alias/").map(|(_, name)| name));
    if let Some(alias) = alias {
        let help = format!("write what `aws kms describe-key --key-id alias/{alias} --query KeyMetadata.Arn` prints");
        return Err(Flaw::new("an alias can't be used, because a policy has to name the key itself", help));
    }
    let arn = parse_arn(text, EXAMPLE)?;
    if arn.service != "kms" || arn.resource.strip_prefix("key/").is_none_or(str::is_empty) || arn.region.is_empty() {
        return Err(Flaw::new("this is not the ARN of a KMS key", EXAMPLE));
    }
    Ok(())
}

/// Checks the ARN of a queue or a topic that Lambda accepts for dead letters.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check_dead_letter_arn(text: &str) -> Result<(), Flaw> {
    const EXAMPLE: &str = "write it like \"arn:aws:sqs:us-east-1:123456789012:failed-runs\"";
    let arn = parse_arn(text, EXAMPLE)?;
    let name = arn.resource;
    if !["sqs", "sns"].contains(&arn.service) || name.is_empty() || name.contains(':') {
        return Err(Flaw::new("this is not the ARN of an SQS queue or an SNS topic", EXAMPLE));
    }
    if name.ends_with(".fifo") {
        return Err(Flaw::new("Lambda sends no dead letters to FIFO queues and topics", "use a standard one"));
    }
    Ok(())
}

/// Checks the id of a subnet or a security group.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check_ec2_id(text: &str, prefix: &str) -> Result<(), Flaw> {
    let id = text.strip_prefix(prefix).unwrap_or_default();
    if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)) {
        return Ok(());
    }
    Err(Flaw::new(
        format!("this id doesn't start with {prefix}"),
        format!("write it like \"{prefix}0123456789abcdef0\""),
    ))
}

pub(super) fn parse_arn<'t>(text: &'t str, example: &str) -> Result<Arn<'t>, Flaw> {
    let arn = Arn::parse_arn(text).map_err(|_| Flaw::new("this is not an ARN", example))?;
    let plain = |sign: char| sign.is_ascii_graphic() && !"*?\"\\".contains(sign);
    if !text.chars().all(plain) || !arn.partition.starts_with("aws") {
        return Err(Flaw::new("this is not an ARN", example));
    }
    Ok(arn)
}

/// Reads what a company demands of a venue.
pub(super) fn read_company_rules(reading: &mut ManifestReading<'_>, table: VenueTable<'_, '_>) -> CompanyRules {
    let region = table.deployment.read(&DEPLOYMENT.region);
    let (boundary, _) = read_either(table, &VENUE.permissions_boundary, &DEPLOYMENT.permissions_boundary);
    let (kms_key, key_place) = read_either(table, &VENUE.kms_key, &DEPLOYMENT.kms_key);
    let dead_letter = table.read_inherited(&INHERITED.dead_letter);
    let letter_place = table.inherited_span(&INHERITED.dead_letter);
    for (arn, place, what) in [(&kms_key, key_place, "key"), (&dead_letter, letter_place, "queue or topic")] {
        let (Some(arn), Some(place)) = (arn.as_deref().and_then(|arn| Arn::parse_arn(arn).ok()), place) else {
            continue;
        };
        if !region.is_empty() && arn.region != region {
            let message = format!("this {what} is in {}, but the deployment is in {region}", arn.region);
            let problem = ManifestProblem::new(ErrorCode::Region, place, message, "another region");
            reading.push_problem(problem.with_help(format!("use a {what} in {region}")));
        }
    }
    let vpc = table.open_inherited(&INHERITED.vpc).map(|vpc| VpcSettings {
        subnet_ids: vpc.list_texts(&VPC.subnet_ids),
        security_group_ids: vpc.list_texts(&VPC.security_group_ids),
    });
    CompanyRules {
        permissions_boundary: boundary,
        kms_key,
        vpc,
        active_tracing: table.read_inherited(&INHERITED.tracing) == Tracing::Active,
        dead_letter,
    }
}

/// The venue's own value, or else that of the deployment, and where it is.
fn read_either(
    table: VenueTable<'_, '_>,
    own: &Key<VenueKeys, Optional<String>>,
    whole: &Key<DeploymentKeys, Optional<String>>,
) -> (Option<String>, Option<Span>) {
    match table.own.read(own) {
        Some(value) => (Some(value), table.own.value_span(own)),
        None => (table.deployment.read(whole), table.deployment.value_span(whole)),
    }
}
