//! A count with its noun.

/// `1 lead`, `2 leads`
pub fn count_with_noun(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
