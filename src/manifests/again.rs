//! The command for one manifest alone: what a summary proposes for what is left.

use crate::terminal::quote_for_shell;

/// The command line `words`, without its manifests and without `other_venues`, which this manifest doesn't declare.
pub(super) fn command_again(words: &[String], other_venues: &[&str]) -> String {
    let mut out = vec!["deployer".to_owned()];
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        let next = words.peek().map(|next| next.as_str());
        let is_other = |venue: &str| other_venues.contains(&venue);
        match word.as_str() {
            "-f" | "--manifest" => drop(words.next()),
            "--target" if next.is_some_and(is_other) => drop(words.next()),
            _ if word.starts_with("--manifest=") || word.starts_with("-f=") => {}
            _ if word.strip_prefix("-f").is_some_and(|rest| !rest.is_empty()) && !word.starts_with("--") => {}
            _ if is_other(word) || word.strip_prefix("--target=").is_some_and(is_other) => {}
            _ => out.push(quote_for_shell(word)),
        }
    }
    out.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_again_has_neither_other_manifests_nor_their_venues() {
        for (line, other, expected) in [
            ("apply --yes --manifest venues/*.toml", &[][..], "deployer apply --yes"),
            ("-f a.toml plan -f=b.toml --manifest=c.toml -fd.toml", &[], "deployer plan"),
            ("apply --target a --target b --target=b", &["b"], "deployer apply --target a"),
            ("status b a", &["b"], "deployer status a"),
            ("apply --artifact my.zip --profile 1=x", &[], "deployer apply --artifact my.zip --profile 1=x"),
        ] {
            let words: Vec<String> = line.split(' ').map(ToOwned::to_owned).collect();
            assert_eq!(command_again(&words, other), expected);
        }
        assert_eq!(command_again(&["plan".to_owned(), "a b".to_owned()], &[]), "deployer plan 'a b'");
    }
}
