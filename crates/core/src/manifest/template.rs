//! What `deployer init` writes.

/// A commented manifest with one venue. It is valid as written; some values are placeholders that only its owner knows.
pub const TEMPLATE: &str = include_str!("template.toml");

/// [`TEMPLATE`] for a deployment of this name in this region. Both must be valid; [`super::parse`] checks the result.
pub fn init_template(deployment: &str, region: &str) -> String {
    let quoted = |text: &str| toml::Value::from(text).to_string();
    TEMPLATE
        .replacen("\"venue-sync\"", &quoted(deployment), 1)
        .replacen("\"us-east-1\"", &quoted(region), 1)
        // In the examples of ARNs, which must be in the deployment's region.
        .replace(":us-east-1:", &format!(":{region}:"))
}
