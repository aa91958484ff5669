//! What `deployer init` writes.

/// A commented manifest with one venue: valid as it is, but for values that only its owner knows.
pub const TEMPLATE: &str = include_str!("template.toml");

/// [`TEMPLATE`] for a deployment of this name in this region. Both have to be valid, which [`super::parse`] says of the
/// result.
pub fn init_template(deployment: &str, region: &str) -> String {
    TEMPLATE.replacen("\"venue-sync\"", &toml::Value::from(deployment).to_string(), 1).replacen(
        "\"us-east-1\"",
        &toml::Value::from(region).to_string(),
        1,
    )
}
