//! The manifest: what is accepted, what each mistake is answered with, and what must hold for any input.

use deployer::manifest::{self, ReportStyle};

/// A manifest with one good venue and what is added to it.
fn with(more: &str) -> String {
    format!(
        r#"[deployment]
name = "venue-sync"
region = "us-east-1"

[venues.venue-a]
display_name = "Venue A"
[venues.venue-a.secrets]
hubspot_token = "env:A_TOKEN"
tripleseat_public_key = "env:A_KEY"
[venues.venue-a.destination]
kind = "tripleseat"
{more}"#
    )
}

fn report(text: &str) -> String {
    match manifest::parse(text, "venues.toml") {
        Ok(loaded) => panic!("accepted: {loaded:?}"),
        Err(errors) => errors.render(ReportStyle::PLAIN),
    }
}

#[test]
fn the_repositorys_own_manifest_and_the_template_are_valid() {
    let own = manifest::load(concat!(env!("CARGO_MANIFEST_DIR"), "/venues.toml")).unwrap();
    let names: Vec<&str> = own.manifest.venues.iter().map(|venue| venue.name.as_str()).collect();
    assert_eq!(names, ["venue-a", "venue-b", "venue-c", "marina"]);
    assert!(own.advice.is_empty(), "{:?}", own.advice);
    let template = manifest::parse(manifest::TEMPLATE, "venues.toml").unwrap();
    assert!(template.advice.is_empty(), "{:?}", template.advice);
}

#[test]
fn look() {
    println!(
        "{}",
        report(&with(
            r#"
fields = 3
[venues.venue-a.feilds]
x = 1
[venues.venue-a]
schedule = "rate(5 minute)"
[defaults]
timeot = "4m"
schedule = "cron(0 8 * * MON *)"
timeout = "20m"
log_retention_days = 31
[venues.Venue_A]
display_name = 3
status = "blocked"
[venues.Venue_A.secrets]
hubspot_token = "pat-na1-1234-5678-9abc"
tripleseat_publik_key = "abcdefgh"
[venues.Venue_A.destination]
kind = "tripelseat"
"#
        ))
    );
    println!("{}", report("[deployment]\nname = venue\nhubspot_token = pat-na1-123412341234\n = 3\n[x\n"));
    println!("{}", report(""));
    println!("{:#}", manifest::schema());
    println!("{}", manifest::load("nope.toml").unwrap_err().render(ReportStyle::PLAIN));
}
