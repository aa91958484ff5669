//! What `deployer init` writes.

/// A commented manifest with one venue. It is valid as written; some values are placeholders that only its owner knows.
pub const TEMPLATE: &str = include_str!("template.toml");

/// [`TEMPLATE`] for a deployment of this name in this region. Both must be valid; [`super::parse`] checks the result.
pub fn init_template(deployment: &str, region: &str) -> String {
    TEMPLATE.replacen("\"venue-sync\"", &toml::Value::from(deployment).to_string(), 1).replacen(
        "\"us-east-1\"",
        &toml::Value::from(region).to_string(),
        1,
    )
}
