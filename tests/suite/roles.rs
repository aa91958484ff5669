//! Where roles are: in several regions, below another `role_path`, and those that an earlier version created.

use deployer_aws::Aws;
use deployer_cloud::{CloudConfig, EmbeddedCloud};
use deployer_core::naming::RolePlace;
use futures_util::future::join_all;

use crate::scenarios::die_after_write;
use crate::world::{World, describe_actions, two_venue_manifest};

fn new_cloud() -> EmbeddedCloud {
    EmbeddedCloud::in_memory(CloudConfig::default())
}

/// A world in a region of the cloud.
async fn world_in(cloud: &EmbeddedCloud, region: &str) -> World {
    let aws = Aws::for_local(region, cloud.http_client(), None);
    World::new(aws).await.without_delays().in_region(region)
}

/// The two venues, in a region and with a portal of their own.
fn manifest_in(region: &str, portal: u32) -> String {
    let portal = format!("[hubspot]\nportal_id = {portal}\n\n[venues.a]");
    two_venue_manifest("sync").replace("us-east-1", region).replacen("[venues.a]", &portal, 1)
}

fn with_role_path(manifest: &str, path: &str) -> String {
    manifest.replacen("\nregion =", &format!("\nrole_path = \"{path}\"\nregion ="), 1)
}

/// The path and the name of every role, sorted.
fn role_places(cloud: &EmbeddedCloud) -> Vec<String> {
    let places = cloud.with_context(|cx| {
        let mut places: Vec<String> =
            cx.state.iam.roles.values().map(|role| format!("{}{}", role.path, role.name)).collect();
        places.sort();
        places
    });
    places.expect("the cloud's state is readable")
}

/// The role of each version and function of a region.
fn function_roles(cloud: &EmbeddedCloud, region: &str) -> Vec<String> {
    let roles = cloud.with_context(|cx| {
        cx.switch_region(region);
        let functions = cx.region_state().lambda.functions.values();
        functions
            .map(|function| function.configuration.role.rsplit_once(":role").map_or("", |(_, role)| role).to_owned())
            .collect()
    });
    roles.expect("the cloud's state is readable")
}

/// Turns what is deployed into what a version that didn't know regions would have deployed.
fn make_earlier(cloud: &EmbeddedCloud, region: &str) {
    let changed = cloud.with_context(|cx| {
        for role in cx.state.iam.roles.values_mut().filter(|role| role.path == format!("/deployer/sync/{region}/")) {
            role.path = "/deployer/sync/".to_owned();
            role.arn = role.arn.replace(&format!("/{region}/"), "/");
            role.tags.remove("deployer:region");
        }
        cx.switch_region(region);
        for function in cx.region_state_mut().lambda.functions.values_mut() {
            let versions = function.versions.values_mut().map(|version| &mut version.configuration);
            for configuration in versions.chain([&mut function.configuration]) {
                configuration.role = configuration.role.replace(&format!("/{region}/"), "/");
            }
        }
        for target in cx.region_state_mut().events.rules.values_mut().flat_map(|rule| rule.targets.values_mut()) {
            let role = target["RoleArn"].as_str().map(|role| role.replace(&format!("/{region}/"), "/"));
            target["RoleArn"] = role.into();
        }
    });
    changed.expect("the cloud's state is writable");
}

fn second_name(region: &str, venue: &str) -> String {
    RolePlace::new("sync", region, "/deployer/").second_role_name(venue)
}

#[tokio::test]
async fn two_regions_with_one_name_have_roles_of_their_own() {
    let cloud = new_cloud();
    let (east, west) = (world_in(&cloud, "us-east-1").await, world_in(&cloud, "eu-west-1").await);
    let (in_east, in_west) =
        (east.desired_from(&manifest_in("us-east-1", 1)), west.desired_from(&manifest_in("eu-west-1", 2)));
    east.converge(&in_east).await;
    west.converge(&in_west).await;
    let names = ["a", "b"].map(|venue| second_name("eu-west-1", venue));
    let (usual, second) = ("/deployer/sync/us-east-1/sync-", "/deployer/sync/eu-west-1/");
    let mut wanted = vec![format!("{usual}a-role"), format!("{usual}b-role")];
    wanted.extend(names.iter().map(|name| format!("{second}{name}")));
    wanted.sort();
    assert_eq!(role_places(&cloud), wanted);
    assert_eq!(east.plan(&in_east).await.changes, [], "neither undoes what the other did");
    // The one that stays keeps its names, although the usual ones are free again.
    east.converge(&east.desired_nothing("sync")).await;
    assert_eq!(role_places(&cloud).len(), 2);
    assert_eq!(west.plan(&in_west).await.changes, []);
    assert_eq!(west.plan_from_lists(&in_west).await.changes, []);
    west.converge(&west.desired_nothing("sync")).await;
    assert_eq!(role_places(&cloud), Vec::<String>::new());
}

#[tokio::test]
async fn roles_of_an_earlier_version_stay_and_get_the_regions_tag() {
    let cloud = new_cloud();
    let (east, west) = (world_in(&cloud, "us-east-1").await, world_in(&cloud, "eu-west-1").await);
    let (in_east, in_west) =
        (east.desired_from(&manifest_in("us-east-1", 1)), west.desired_from(&manifest_in("eu-west-1", 2)));
    east.converge(&in_east).await;
    make_earlier(&cloud, "us-east-1");
    // Another region finds out from the policy that these roles aren't its own.
    let elsewhere = west.plan(&west.desired_nothing("sync")).await;
    assert_eq!((describe_actions(&elsewhere), elsewhere.conflicts), (Vec::new(), Vec::new()));
    let plan = east.plan(&in_east).await;
    assert_eq!(describe_actions(&plan), ["a/role Update", "b/role Update"]);
    let changed: Vec<&str> = plan.changes[0].attributes.iter().map(|attribute| attribute.path.as_str()).collect();
    assert_eq!(changed, ["tags.deployer:region"]);
    east.converge(&in_east).await;
    assert_eq!(role_places(&cloud), ["/deployer/sync/sync-a-role", "/deployer/sync/sync-b-role"]);
    west.converge(&in_west).await;
    assert_eq!(east.plan(&in_east).await.changes, []);
    west.converge(&west.desired_nothing("sync")).await;
    east.converge(&east.desired_nothing("sync")).await;
    assert_eq!(role_places(&cloud), Vec::<String>::new());
}

/// Applies one manifest, and then another one that puts the roles below another path.
async fn move_roles(world: &World, before: &str, after: &str) {
    for text in [before, after] {
        drop(world.try_apply(&world.desired_from(text)).await);
    }
}

#[tokio::test]
async fn another_role_path_replaces_the_roles_and_recovers_from_a_crash_at_any_call() {
    let before = manifest_in("us-east-1", 1);
    let after = with_role_path(&before, "/app/deployer/");
    let cloud = new_cloud();
    let world = world_in(&cloud, "us-east-1").await;
    world.converge(&world.desired_from(&before)).await;
    let plan = world.plan(&world.desired_from(&after)).await;
    let a: Vec<String> = describe_actions(&plan).into_iter().filter(|action| action.starts_with("a/")).collect();
    assert_eq!(a, ["a/role Create", "a/function Update", "a/alias Update", "a/target Update", "a/former-role Delete"]);
    cloud.forget_calls();
    move_roles(&world, &before, &after).await;
    let writes = cloud.recorded_writes().len() as u64;
    assert!(writes > 14, "there are only {writes} write calls");
    assert!(role_places(&cloud).iter().all(|place| place.starts_with("/app/deployer/sync/us-east-1/")));
    let cases = (0..=writes).map(async |last| {
        let cloud = new_cloud();
        let world = world_in(&cloud, "us-east-1").await;
        world.converge(&world.desired_from(&before)).await;
        die_after_write(&cloud, last);
        move_roles(&world, &before, &after).await;
        cloud.set_faults(None);
        world.converge(&world.desired_from(&after)).await;
        let (places, used) = (role_places(&cloud), function_roles(&cloud, "us-east-1"));
        assert_eq!(places.len(), 2, "{last}: {places:?}");
        assert_eq!(places, used, "{last}");
        assert!(places.iter().all(|place| place.starts_with("/app/deployer/sync/us-east-1/")), "{places:?}");
    });
    join_all(cases).await;
}

#[tokio::test]
async fn roles_of_an_earlier_version_move_below_another_role_path_and_back() {
    let cloud = new_cloud();
    let world = world_in(&cloud, "us-east-1").await;
    let before = manifest_in("us-east-1", 1);
    world.converge(&world.desired_from(&before)).await;
    make_earlier(&cloud, "us-east-1");
    world.converge(&world.desired_from(&with_role_path(&before, "/app/"))).await;
    assert_eq!(role_places(&cloud), function_roles(&cloud, "us-east-1"));
    assert!(role_places(&cloud).iter().all(|place| place.starts_with("/app/sync/us-east-1/")));
    world.converge(&world.desired_from(&before)).await;
    assert_eq!(role_places(&cloud), ["/deployer/sync/us-east-1/sync-a-role", "/deployer/sync/us-east-1/sync-b-role"]);
}

#[tokio::test]
async fn a_role_that_only_looks_like_a_former_one_is_left_alone() {
    let cloud = new_cloud();
    let world = world_in(&cloud, "us-east-1").await;
    let desired = world.desired_from(&manifest_in("us-east-1", 1));
    world.converge(&desired).await;
    let copied = cloud.with_context(|cx| {
        let mut role = cx.state.iam.roles["sync-a-role"].clone();
        role.name = second_name("us-east-1", "a");
        role.path = "/team/".to_owned();
        cx.state.iam.roles.insert(role.name.clone(), role);
    });
    copied.expect("the cloud's state is writable");
    assert_eq!(world.plan(&desired).await.changes, [], "its tags alone don't make it ours");
    world.converge(&world.desired_nothing("sync")).await;
    assert_eq!(role_places(&cloud), [format!("/team/{}", second_name("us-east-1", "a"))]);
}
