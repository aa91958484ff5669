//! Lists that come in pages.

use std::collections::HashSet;
use std::fmt;

/// Where a list that comes in pages has been read to. Whoever answers decides about the next token, so one that came
/// before is refused: such a list would never end.
#[derive(Debug, Default)]
pub struct PageTokens {
    next: Option<String>,
    seen: HashSet<String>,
}

/// A page that came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepeatedPage;

impl fmt::Display for RepeatedPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a page's token came a second time, so the list would never end")
    }
}

impl std::error::Error for RepeatedPage {}

impl PageTokens {
    /// What the next page is asked for with; `None` for the first one.
    pub fn token(&self) -> Option<String> {
        self.next.clone()
    }

    /// Takes the token that a page had for the one after it, and returns whether there is one. An empty token is none.
    ///
    /// # Errors
    /// The token came before.
    pub fn advance_to(&mut self, token: Option<String>) -> Result<bool, RepeatedPage> {
        self.next = token.filter(|token| !token.is_empty());
        match &self.next {
            Some(token) if !self.seen.insert(token.clone()) => Err(RepeatedPage),
            next => Ok(next.is_some()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_came_before_ends_the_list() {
        let mut pages = PageTokens::default();
        assert_eq!(pages.token(), None);
        for token in ["a", "b"] {
            assert_eq!(pages.advance_to(Some(token.to_owned())), Ok(true));
            assert_eq!(pages.token().as_deref(), Some(token));
        }
        assert_eq!(pages.advance_to(Some("a".to_owned())), Err(RepeatedPage), "not only the one before it");
    }

    #[test]
    fn the_last_page_has_no_token() {
        for last in [None, Some(String::new())] {
            assert_eq!(PageTokens::default().advance_to(last), Ok(false));
        }
    }
}
