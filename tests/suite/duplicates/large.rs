//! A measurement, not a test: 100,000 leads, and the command's peak memory.
//!
//! `cargo test --test suite -- --ignored --nocapture duplicates::large`. It takes about four minutes because of
//! Tripleseat's rate limit.

use std::path::Path;
use std::process::Stdio;

use axum::Json;
use axum::Router;
use axum::extract::{Query, Request};
use deployer_sandbox::SandboxServer;
use serde_json::{Value, json};

use crate::processes::Site;

const LEADS: u64 = 100_000;
const PAGE: u64 = 50;

/// Both vendors: an account in which every fourth lead repeats an earlier one, and a portal without contacts.
fn vendor_router() -> Router {
    Router::new().fallback(|request: Request| async move {
        let query = Query::<std::collections::BTreeMap<String, String>>::try_from_uri(request.uri());
        let page = query.ok().and_then(|query| query.0.get("page")?.parse::<u64>().ok()).unwrap_or(1);
        Json(match request.uri().path() {
            "/oauth2/token" => json!({ "access_token": "t", "expires_in": 7200 }),
            "/v1/leads.json" => {
                let ids = (page - 1) * PAGE..(page * PAGE).min(LEADS);
                json!({ "total_pages": LEADS / PAGE, "results": ids.map(lead_json).collect::<Vec<_>>() })
            }
            _ => json!({ "status": "COMPLETE", "results": [] }),
        })
    })
}

fn lead_json(id: u64) -> Value {
    let person = if id.is_multiple_of(4) { id / 8 } else { id };
    json!({
        "id": id + 1,
        "first_name": "Anastasia",
        "last_name": "of a name of the usual length",
        "email_address": format!("person.{person}@a-domain-of-the-usual-length.family"),
        "phone_number": format!("+1 646 {:03} {:04}", 231 + person / 10_000, person % 10_000),
        "converted_at": Value::Null,
        "event_date": "2026-06-01",
        "additional_information": format!("Hello\n\n[HubSpot contact {id}, reference HS-{id}-19a0b1c2d3e-0badcafe]"),
        "created_at": jiff::Timestamp::from_second(1_770_000_000 + i64::try_from(id).unwrap_or_default()).map(|at| at.to_string()).ok(),
    })
}

#[test]
#[ignore = "a measurement that takes several minutes"]
fn measures_memory_for_a_hundred_thousand_leads() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("the runtime starts");
    let server = runtime.block_on(SandboxServer::start(vendor_router())).expect("a server");
    let site = Site::new();
    site.write_file(
        "venues.toml",
        &format!(
            "[deployment]\nname = \"sync\"\nregion = \"us-east-1\"\n[hubspot]\nbase_uri = \"{uri}\"\n\
             [venues.a]\ndisplay_name = \"A\"\n[venues.a.secrets]\nhubspot_token = \"env:TOKEN_a\"\n\
             tripleseat_public_key = \"env:KEY_a\"\ntripleseat_client_id = \"env:TOKEN_b\"\n\
             tripleseat_client_secret = \"env:TOKEN_c\"\n[venues.a.destination]\nkind = \"tripleseat\"\n\
             base_uri = \"{uri}\"\n",
            uri = server.uri
        ),
    );
    let mut command = site.deployer_command(&["duplicates", "a", "--out", "out", "--rate", "10"]);
    let mut child = command.stdout(Stdio::inherit()).stderr(Stdio::inherit()).spawn().expect("it starts");
    let status = Path::new("/proc").join(child.id().to_string()).join("status");
    let mut most = String::new();
    while child.try_wait().expect("it is there").is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        most = text.lines().find(|line| line.starts_with("VmHWM")).map_or(most, str::to_owned);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    println!("{most}");
    for extension in ["csv", "json", "html"] {
        let path = site.path().join(format!("out/duplicates.{extension}"));
        println!("{extension}: {} bytes", std::fs::metadata(path).expect("the report").len());
    }
}
