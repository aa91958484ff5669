//! What earlier integrations left behind in an AWS account and in Tripleseat.

pub mod audit;
pub mod decommission;
pub mod duplicates;
