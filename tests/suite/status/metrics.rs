//! `status --format prometheus`, read by the format's own rules
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).

use std::collections::{BTreeMap, BTreeSet};

use deployer::render::status_metrics;
use deployer_health::status::VenueDrift;

use super::full_overview;

/// A sample: its labels and its value.
type Sample = (BTreeMap<String, String>, f64);

/// Parses an exposition, and refuses whatever Prometheus refuses: samples without HELP and TYPE before them, metrics in
/// several places, labels twice, text after the value.
fn parse_metrics(text: &str) -> Result<BTreeMap<String, Vec<Sample>>, String> {
    let mut metrics: BTreeMap<String, Vec<Sample>> = BTreeMap::new();
    let mut helped: Option<String> = None;
    let mut current: Option<String> = None;
    if !text.ends_with('\n') {
        return Err("the last line has no end".to_owned());
    }
    for line in text.lines() {
        let wrong = |why: &str| Err(format!("{why}: {line}"));
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let Some((name, help)) = rest.split_once(' ') else { return wrong("no help") };
            if metrics.contains_key(name) || help.is_empty() {
                return wrong("a metric twice, or without help");
            }
            helped = Some(name.to_owned());
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let Some((name, "gauge")) = rest.split_once(' ') else { return wrong("no gauge") };
            if helped.take().as_deref() != Some(name) || !is_name(name) {
                return wrong("TYPE doesn't follow the HELP of its metric");
            }
            metrics.insert(name.to_owned(), Vec::new());
            current = Some(name.to_owned());
        } else {
            let Some((name, rest)) = line.split_once('{') else { return wrong("no labels") };
            if current.as_deref() != Some(name) {
                return wrong("a sample away from its metric");
            }
            let (labels, value) = parse_labels(rest).map_err(|why| format!("{why}: {line}"))?;
            let Ok(value) = value.parse::<f64>() else { return wrong("no number") };
            let samples = metrics.entry(name.to_owned()).or_default();
            if samples.iter().any(|(others, _)| *others == labels) {
                return wrong("a sample twice");
            }
            samples.push((labels, value));
        }
    }
    Ok(metrics)
}

fn is_name(name: &str) -> bool {
    let valid = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | ':');
    !name.starts_with(|first: char| first.is_ascii_digit()) && !name.is_empty() && name.chars().all(valid)
}

/// Labels up to the closing brace, and the rest without the space before it.
fn parse_labels(text: &str) -> Result<(BTreeMap<String, String>, &str), String> {
    let mut labels = BTreeMap::new();
    let mut rest = text;
    loop {
        let (name, after) = rest.split_once("=\"").ok_or("a label without a value")?;
        let mut value = String::new();
        let mut characters = after.char_indices();
        let end = loop {
            match characters.next().ok_or("a value without an end")? {
                (at, '"') => break at,
                (_, '\\') => value.push(match characters.next().ok_or("half an escape")?.1 {
                    'n' => '\n',
                    character @ ('"' | '\\') => character,
                    other => return Err(format!("an escape that doesn't exist: {other}")),
                }),
                (_, character) => value.push(character),
            }
        };
        if !is_name(name) || labels.insert(name.to_owned(), value).is_some() {
            return Err(format!("label {name}"));
        }
        rest = &after[end + 1..];
        match (rest.strip_prefix(','), rest.strip_prefix("} ")) {
            (Some(more), _) => rest = more,
            (None, Some(value)) => return Ok((labels, value)),
            (None, None) => return Err("no end of the labels".to_owned()),
        }
    }
}

fn of_venue(samples: &[Sample], venue: &str) -> Option<f64> {
    samples.iter().find(|(labels, _)| labels.get("venue").is_some_and(|name| name == venue)).map(|(_, value)| *value)
}

#[test]
fn the_metrics_are_what_prometheus_reads_and_unknown_values_have_none() {
    let mut overview = full_overview();
    overview.venues[0].drift = VenueDrift::Differs(2);
    overview.venues[1].drift = VenueDrift::Unknown("denied".to_owned());
    let text = status_metrics(&overview);
    let metrics = parse_metrics(&text).unwrap_or_else(|why| panic!("{why}\n{text}"));
    let value = |metric: &str, venue: &str| of_venue(&metrics[&format!("deployer_venue_{metric}")], venue);
    assert_eq!(value("last_run_timestamp_seconds", "harbour"), Some(1_772_460_302.0), "2026-03-02T14:05:02Z");
    assert_eq!(value("healthy", "harbour"), Some(1.0));
    assert_eq!(value("healthy", "mill"), Some(0.0));
    assert_eq!(value("healthy", "loft"), None, "it is paused");
    assert_eq!(value("healthy", "barn"), None, "it is unreadable");
    assert_eq!(value("contacts_open_needs_review", "harbour"), Some(2.0));
    assert_eq!(value("contacts_open_needs_review", "barn"), None);
    assert_eq!([value("drift_resources", "harbour"), value("drift_resources", "mill")], [Some(2.0), None]);
    assert_eq!(value("alarms_raised", "harbour"), None);
    assert_eq!(metrics["deployer_venue_info"].len(), 7);
    assert_eq!(metrics["deployer_status_unreadable"][0].1, 2.0);
    let names: BTreeSet<&str> = metrics.keys().map(String::as_str).collect();
    assert!(names.iter().all(|name| name.starts_with("deployer_")), "{names:?}");
}

#[test]
fn hostile_names_end_no_label() {
    for text in crate::formats::HOSTILE.iter().chain(&["\\", "\"", "a\nb", "}", "\\n"]) {
        let mut overview = full_overview();
        (*text).clone_into(&mut overview.deployment);
        overview.venues.truncate(1);
        let printed = status_metrics(&overview);
        let metrics = parse_metrics(&printed).unwrap_or_else(|why| panic!("{text:?}: {why}\n{printed}"));
        let (labels, _) = &metrics["deployer_venue_info"][0];
        assert_eq!(labels["deployment"], *text);
    }
}
