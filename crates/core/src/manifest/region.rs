//! The regions that AWS had when this was written, to notice one that is misspelled. One that isn't here may be new, so
//! that is advice and never a mistake.

/// Of all partitions (<https://github.com/aws/aws-sdk-go-v2/blob/main/internal/endpoints/awsrulesfn/partitions.json>).
const KNOWN: &[&str] = &[
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-isoe-west-1",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eusc-de-east-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-iso-east-1",
    "us-iso-west-1",
    "us-isob-east-1",
    "us-isob-west-1",
    "us-isof-east-1",
    "us-isof-south-1",
    "us-west-1",
    "us-west-2",
];

/// The longest text that can be a misspelled region, in bytes.
const LONGEST: usize = 40;

/// How many letters may be wrong.
const MOST_WRONG: usize = 2;

/// The known region that an unknown one is probably meant to be.
pub(super) fn probably_meant(region: &str) -> Option<&'static str> {
    // A name that is longer than any isn't a misspelled one, and comparing it takes as long as it is.
    if KNOWN.contains(&region) || region.len() > LONGEST {
        return None;
    }
    let distances = KNOWN.iter().map(|known| (strsim::damerau_levenshtein(region, known), *known));
    distances.filter(|(distance, _)| *distance <= MOST_WRONG).min().map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_the_nearest_known_region() {
        assert_eq!(probably_meant("us-esat-1"), Some("us-east-1"));
        assert_eq!(probably_meant("eu-wst-1"), Some("eu-west-1"));
        assert_eq!(probably_meant("us-east-1"), None);
        assert_eq!(probably_meant(&"a".repeat(40_000)), None);
        assert_eq!(probably_meant("nz-central-9"), None, "it may be new");
    }
}
