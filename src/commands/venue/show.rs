//! `deployer venue show`

use clap::Args;
use serde_json::json;
use sync_config::config::LedgerProperties;

use super::list::destination_text;
use crate::cli::GlobalArgs;
use crate::commands::shared::session::{find_declared_venue, load_manifest};
use crate::render::JsonLines;
use deployer_core::error::Result;
use deployer_core::exit_code::ExitCode;
use deployer_core::manifest::{format_duration, status_word};
use deployer_core::naming::VenueNames;
use deployer_core::property::PropertyField;
use deployer_core::resource::ResourceKind;

/// Show a venue with every default filled in, and its names in AWS and HubSpot; needs no network
#[derive(Debug, Args)]
pub struct VenueShowArgs {
    /// The venue
    #[arg(value_name = "VENUE")]
    pub venue: String,
}

pub(super) fn run_venue_show(global: &GlobalArgs, args: &VenueShowArgs) -> Result<ExitCode> {
    let loaded = load_manifest(global)?;
    let venue = find_declared_venue(&loaded.manifest, &args.venue)?;
    let names = VenueNames::new(&loaded.manifest.deployment.name, &venue.name);
    let ledger = LedgerProperties::new(&venue.name, &venue.flag_property);
    let secrets: Vec<_> = venue.secrets.iter().map(|(key, from)| (key.to_lowercase(), from.to_string())).collect();
    let settings = [
        ("display_name", venue.display_name.clone()),
        ("status", status_word(venue.status).to_owned()),
        ("destination", destination_text(venue)),
        ("schedule", venue.schedule.expression.clone()),
        ("timeout", format_duration(venue.timeout_s.into())),
        ("memory_mb", venue.memory_mb.to_string()),
        ("architecture", venue.architecture.as_str().to_owned()),
        ("reserved_concurrency", venue.reserved_concurrency.as_str().to_owned()),
        ("log_retention_days", venue.log_retention_days.to_string()),
        ("timezone", venue.timezone.clone().unwrap_or_else(|| "UTC".to_owned())),
        ("retick_window", format_duration(venue.retick_window_s.into())),
        ("protect", venue.protect.to_string()),
        ("canary", venue.canary.to_string()),
    ];
    let by_schedule = loaded.manifest.scheduled_venues().contains(venue.name.as_str());
    let aws = [
        ("function", names.function.clone()),
        (if by_schedule { "schedule" } else { "rule" }, names.rule.clone()),
        ("secret", names.secret.clone()),
        ("role", format!("{}{}", loaded.manifest.deployment.role_place().role_path(), names.role)),
        ("log group", names.log_group.clone()),
    ];
    let properties: Vec<_> = PropertyField::all_fields()
        .map(|field| (property_word(field), field.ledger_name(&ledger).to_owned()))
        .collect();
    if global.json {
        let object = |pairs: &[(&str, String)]| {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect::<serde_json::Map<_, _>>()
        };
        let line = json!({
            "name": venue.name,
            "settings": object(&settings),
            "fields": venue.fields.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
            "secrets": secrets.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
            "aws": object(&aws),
            "hubspot": properties.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
        });
        JsonLines::default().print_line("venue_shown", line);
        return Ok(ExitCode::Done);
    }
    outln!("{}", venue.name);
    print_pairs("Settings", settings.iter().map(|(key, value)| (*key, value.as_str())));
    print_pairs("Fields of a lead", venue.fields.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    print_pairs("Credentials", secrets.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    print_pairs("In AWS", aws.iter().map(|(key, value)| (*key, value.as_str())));
    print_pairs("In HubSpot", properties.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    Ok(ExitCode::Done)
}

fn print_pairs<'p>(title: &str, pairs: impl Iterator<Item = (&'p str, &'p str)>) {
    let pairs: Vec<_> = pairs.collect();
    if pairs.is_empty() {
        return;
    }
    let width = pairs.iter().map(|(key, _)| key.len()).max().unwrap_or_default();
    outln!("\n  {title}");
    for (key, value) in pairs {
        outln!("    {key:width$}  {value}");
    }
}

/// `flag`, `lead-id`
fn property_word(field: PropertyField) -> String {
    ResourceKind::Property(field).to_string().trim_end_matches("-property").to_owned()
}
