//! Log lines that CloudWatch makes metrics of.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use serde_json::Value;

use super::evaluation::MetricKey;

/// The metrics in a line, with their values; none if the line has no directives.
pub fn read_embedded_metrics(line: &Value) -> Vec<(MetricKey, f64)> {
    let mut found = Vec::new();
    for directive in line["_aws"]["CloudWatchMetrics"].as_array().into_iter().flatten() {
        let namespace = directive["Namespace"].as_str().unwrap_or_default();
        for set in directive["Dimensions"].as_array().into_iter().flatten() {
            let names = set.as_array().into_iter().flatten().filter_map(Value::as_str);
            let dimensions = names.filter_map(|name| Some((name.to_owned(), line[name].as_str()?.to_owned())));
            let key =
                MetricKey { namespace: namespace.to_owned(), name: String::new(), dimensions: dimensions.collect() };
            let metrics = directive["Metrics"].as_array().into_iter().flatten();
            let metrics = metrics.filter_map(|metric| metric["Name"].as_str());
            found.extend(
                metrics.filter_map(|name| {
                    Some((MetricKey { name: name.to_owned(), ..key.clone() }, line[name].as_f64()?))
                }),
            );
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_each_metric_of_each_set_of_dimensions() {
        let line = json!({
            "_aws": { "CloudWatchMetrics": [{
                "Namespace": "N", "Dimensions": [["venue", "deployment"], ["deployment"]],
                "Metrics": [{ "Name": "Synced", "Unit": "Count" }, { "Name": "Absent" }],
            }] },
            "venue": "a", "deployment": "sync", "Synced": 2,
        });
        let found = read_embedded_metrics(&line);
        let shown: Vec<(usize, &str, f64)> =
            found.iter().map(|(key, value)| (key.dimensions.len(), key.name.as_str(), *value)).collect();
        assert_eq!(shown, [(2, "Synced", 2.0), (1, "Synced", 2.0)]);
        assert_eq!(read_embedded_metrics(&json!("START RequestId")), []);
    }
}
