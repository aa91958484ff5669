//! Raises all quotas of a local cloud, as Service Quotas would: for deployments of more than 300 venues with `--local`.
//!
//! `cargo run -p deployer-cloud --example raise_quotas -- .deployer/cloud.json us-east-1 20000`

use deployer_cloud::EmbeddedCloud;
use deployer_cloud::quotas::Quota;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, region, value] = arguments.as_slice() else { panic!("give the state's file, a region and a value") };
    let value: u64 = value.parse().expect("a whole number");
    let cloud = EmbeddedCloud::open_file(path.as_ref()).unwrap_or_else(|error| panic!("{error}"));
    for quota in Quota::ALL {
        let raised = cloud.with_context(|cx| {
            cx.switch_region(region);
            cx.set_quota(quota, Some(value));
        });
        raised.unwrap_or_else(|error| panic!("{error}"));
    }
}
