//! Matches the patterns of policies, as far as the text allows.

/// Whether something holds. Ordered, so that "all" is the minimum and "any" is the maximum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    No,
    /// It depends on something unknown.
    Maybe,
    Yes,
}

impl Certainty {
    /// `No` for `Yes`, and vice versa.
    pub fn negated(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Maybe => Self::Maybe,
            Self::Yes => Self::No,
        }
    }
}

impl From<bool> for Certainty {
    fn from(value: bool) -> Self {
        if value { Self::Yes } else { Self::No }
    }
}

/// The number of parts of an ARN, separated by colons. The last part may itself contain colons.
const ARN_PARTS: usize = 6;

/// Whether `text` matches `pattern`, with `*` for any characters and `?` for one character.
pub fn glob_matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut next) = (0, 0);
    // The position of the last star, and how far into the text it currently matches.
    let mut star = None;
    while at < text.len() {
        match pattern.get(next) {
            Some('*') => {
                star = Some((next, at));
                next += 1;
            }
            Some(letter) if *letter == '?' || *letter == text[at] => {
                next += 1;
                at += 1;
            }
            _ => match star {
                Some((place, reached)) => {
                    star = Some((place, reached + 1));
                    next = place + 1;
                    at = reached + 1;
                }
                None => return false,
            },
        }
    }
    pattern[next..].iter().all(|letter| *letter == '*')
}

/// Whether an action matches a pattern. Actions are case-insensitive.
pub fn action_matches(pattern: &str, action: &str) -> bool {
    glob_matches(&pattern.to_lowercase(), &action.to_lowercase())
}

/// Whether an ARN matches a pattern. Each part is matched on its own, so a star before the last part doesn't match a
/// colon. `Maybe` if the whole matches but the parts don't, or if the pattern has a variable (`${aws:username}`).
pub fn resource_matches(pattern: &str, arn: &str) -> Certainty {
    if let Some(open) = replace_variables_with_stars(pattern) {
        return if glob_matches(&open, arn) { Certainty::Maybe } else { Certainty::No };
    }
    if pattern == "*" {
        return Certainty::Yes;
    }
    let parts = |text: &'_ str| text.splitn(ARN_PARTS, ':').map(ToOwned::to_owned).collect::<Vec<_>>();
    let (patterns, texts) = (parts(pattern), parts(arn));
    if patterns.len() == texts.len() && patterns.iter().zip(&texts).all(|(pattern, text)| glob_matches(pattern, text)) {
        return Certainty::Yes;
    }
    if glob_matches(pattern, arn) { Certainty::Maybe } else { Certainty::No }
}

/// The pattern with a star for each `${…}`; `None` if there is no variable.
pub(super) fn replace_variables_with_stars(pattern: &str) -> Option<String> {
    let mut open = String::new();
    let mut rest = pattern;
    while let Some((before, variable)) = rest.split_once("${") {
        let Some((_, after)) = variable.split_once('}') else { break };
        open.push_str(before);
        open.push('*');
        rest = after;
    }
    (!open.is_empty()).then(|| open + rest)
}
