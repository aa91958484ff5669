//! What a pattern of a policy fits, as far as that can be told.

/// Whether something holds. Ordered, so that "all" is the smallest and "any" the largest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holds {
    No,
    /// It depends on what isn't known.
    Maybe,
    Yes,
}

impl Holds {
    /// `No` for `Yes`, and the other way round.
    pub fn opposite(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Maybe => Self::Maybe,
            Self::Yes => Self::No,
        }
    }
}

impl From<bool> for Holds {
    fn from(value: bool) -> Self {
        if value { Self::Yes } else { Self::No }
    }
}

/// Parts of an ARN, separated by colons; the last may have more of them.
const ARN_PARTS: usize = 6;

/// Whether `*` (any letters) and `?` (one letter) make `text` of `pattern`.
pub fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut next) = (0, 0);
    // Where the last star stands, and up to where it has been taken to reach.
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

/// Actions are told apart without their case.
pub fn is_action(pattern: &str, action: &str) -> bool {
    glob(&pattern.to_lowercase(), &action.to_lowercase())
}

/// A pattern for ARNs is one for each of its parts: a star before the last part doesn't reach beyond a colon. Where the
/// whole fits and the parts don't, or a variable (`${aws:username}`) stands in it, it can't be told from the text alone.
pub fn is_resource(pattern: &str, arn: &str) -> Holds {
    if let Some(open) = with_stars_for_variables(pattern) {
        return if glob(&open, arn) { Holds::Maybe } else { Holds::No };
    }
    if pattern == "*" {
        return Holds::Yes;
    }
    let parts = |text: &'_ str| text.splitn(ARN_PARTS, ':').map(ToOwned::to_owned).collect::<Vec<_>>();
    let (patterns, texts) = (parts(pattern), parts(arn));
    if patterns.len() == texts.len() && patterns.iter().zip(&texts).all(|(pattern, text)| glob(pattern, text)) {
        return Holds::Yes;
    }
    if glob(pattern, arn) { Holds::Maybe } else { Holds::No }
}

/// The pattern with a star for each `${…}`; `None` where there is none.
pub(super) fn with_stars_for_variables(pattern: &str) -> Option<String> {
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
