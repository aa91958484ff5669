//! The two places of a move: a region of an account each.

use super::MoveArgs;
use super::journal::MoveJournal;
use crate::cli::GlobalArgs;
use crate::commands::shared::session::Session;
use deployer_aws::observe::list_roles_below;
use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::manifest::LoadedManifest;

/// Where the deployment is, and where it goes.
pub(super) struct MovePlaces {
    pub(super) from: Session,
    pub(super) to: Session,
    /// Whether the manifest says already that the deployment is there.
    pub(super) is_manifest_edited: bool,
}

/// The places of a move; `None` if nothing is left anywhere else.
pub(super) async fn find_places(
    global: &GlobalArgs,
    args: &MoveArgs,
    loaded: &LoadedManifest,
    journal: &mut MoveJournal,
) -> Result<Option<MovePlaces>> {
    let deployment = &loaded.manifest.deployment;
    let to_region = args.to_region.as_deref().unwrap_or(&deployment.region);
    let Some(profile) = &args.to_profile else {
        if args.from_region.as_deref() == Some(to_region) {
            return Err(Error::usage(ErrorCode::CommandLine, "--from-region and --to-region are the same"));
        }
        let guard = deployment.account.as_deref();
        let to = connect_at(global, loaded, to_region, guard).await?;
        let is_manifest_edited = deployment.region == to_region;
        journal.keep_if_to(&to.scope);
        let known = args.from_region.clone().or_else(|| (!is_manifest_edited).then(|| deployment.region.clone()));
        let known = known.or_else(|| journal.origin_region().map(ToOwned::to_owned));
        let Some(from) = (match known {
            Some(region) => Some(region),
            None => find_region_by_roles(&to, Some(to_region)).await?,
        }) else {
            return Ok(None);
        };
        let from = connect_at(global, loaded, &from, guard).await?;
        if from.scope.account != to.scope.account {
            return Err(Error::refused(
                ErrorCode::WrongAccount,
                "the two regions were answered by two accounts; nothing was changed",
            ));
        }
        return Ok(Some(MovePlaces { from, to, is_manifest_edited }));
    };
    let there = GlobalArgs { profile: Some(profile.clone()), ..global.clone() };
    let to = connect_at(&there, loaded, to_region, None).await?;
    journal.keep_if_to(&to.scope);
    let is_account_edited = deployment.account.as_ref() == Some(&to.scope.account);
    let guard = if is_account_edited { journal.origin_account() } else { deployment.account.as_deref() };
    let known = args.from_region.clone().or_else(|| journal.origin_region().map(ToOwned::to_owned));
    let known = known.or_else(|| (!is_account_edited).then(|| deployment.region.clone()));
    let from = match known {
        Some(region) => connect_at(global, loaded, &region, guard).await?,
        None => {
            let any = connect_at(global, loaded, to_region, guard).await?;
            match find_region_by_roles(&any, None).await? {
                Some(region) => connect_at(global, loaded, &region, guard).await?,
                None => return Ok(None),
            }
        }
    };
    if from.scope.account == to.scope.account {
        let account = &to.scope.account;
        let same = format!("profile {profile} is for account {account}, and so are the credentials in use");
        return Err(Error::usage(ErrorCode::Move, format!("{same}; nothing was changed"))
            .hint("the former account's credentials are those of --profile, AWS_PROFILE or the environment"));
    }
    let is_manifest_edited = is_account_edited && deployment.region == to_region;
    Ok(Some(MovePlaces { from, to, is_manifest_edited }))
}

/// A session for the manifest as if it were for this place.
async fn connect_at(
    global: &GlobalArgs,
    loaded: &LoadedManifest,
    region: &str,
    account: Option<&str>,
) -> Result<Session> {
    let mut loaded = loaded.clone();
    region.clone_into(&mut loaded.manifest.deployment.region);
    loaded.manifest.deployment.account = account.map(ToOwned::to_owned);
    Session::connect(global, loaded).await
}

/// The region that the paths of an account's roles show the deployment in, except for one.
async fn find_region_by_roles(session: &Session, except: Option<&str>) -> Result<Option<String>> {
    let prefix = session.manifest().deployment.role_place().deployment_path();
    let roles = list_roles_below(&session.aws.iam, &prefix).await;
    let roles = roles.map_err(|error| {
        Error::failed(ErrorCode::AwsCall, "could not find out where else the deployment is").caused_by(&error)
    })?;
    let mut regions = roles.iter().filter_map(|role| role.path().strip_prefix(&prefix)?.strip_suffix('/'));
    Ok(regions.find(|region| Some(*region) != except).map(ToOwned::to_owned))
}
