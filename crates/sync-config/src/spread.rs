//! Who comes where in a time that many share, decided by names alone: nobody has to know the others, and a place never
//! changes.

/// A hash that is the same in every process and version (FNV-1a, 64 bits).
pub fn stable_hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The place `place`, mixed so that similar names have nothing in common, and elsewhere in each round, so that two that
/// met once don't meet again.
pub fn mix_place(place: u64, round: u32) -> u64 {
    let mut mixed = place ^ u64::from(round).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    // The finalizer of MurmurHash3: every bit of the input changes about half of the output's.
    for factor in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
        mixed = (mixed ^ (mixed >> 33)).wrapping_mul(factor);
    }
    mixed ^ (mixed >> 33)
}

/// Where in a window something comes whose place is `place`, from 0 to below 1, by [`mix_place`].
pub fn spread_fraction(place: u64, round: u32) -> f64 {
    // The 53 bits that a float holds exactly.
    (mix_place(place, round) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_venues_over_a_window() {
        let places: Vec<u64> = (1..=30).map(|number| stable_hash(&format!("venue-{number}"))).collect();
        for round in 0..6 {
            let mut tenths = [0; 10];
            for place in &places {
                let fraction = spread_fraction(*place, round);
                assert!((0.0..1.0).contains(&fraction), "{fraction}");
                tenths[(fraction * 10.0) as usize] += 1;
            }
            assert!(tenths.iter().all(|count| *count <= 9), "round {round}: {tenths:?}");
        }
        assert_eq!(stable_hash("venue-a"), 0x6baf_1c10_bcda_7b86, "a place never changes");
    }
}
