//! Pages of a list. Each token names the entry after which the next page starts, so that entries are neither repeated
//! nor skipped if the list changes between two pages.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::ApiError;

/// One page.
#[derive(Debug, Clone)]
pub struct ListPage<T> {
    pub items: Vec<T>,
    /// The token of the next page, if there is one.
    pub next: Option<String>,
}

impl<T> ListPage<T> {
    /// The page of `items` (sorted by `key`) that `token` asks for. `size` is the service's limit or what the caller
    /// asked for; the cloud's settings can reduce it ([`super::CloudConfig::page_size`]).
    ///
    /// # Errors
    /// `invalid`, if the token isn't one of ours.
    pub fn from_items(
        items: impl IntoIterator<Item = T>,
        key: impl Fn(&T) -> String,
        token: Option<&str>,
        size: usize,
        invalid: impl FnOnce() -> ApiError,
    ) -> Result<Self, ApiError> {
        let after = decode_token(token).map_err(|InvalidToken| invalid())?;
        let rest = items.into_iter().filter(|item| after.as_ref().is_none_or(|after| key(item) > *after));
        Ok(Self::of_rest(rest, &key, size))
    }

    /// The same page of what `items_after` returns for the key after which it begins, if any. Unlike
    /// [`ListPage::from_items`], it doesn't go through the pages before, so all pages of a list take time in proportion
    /// to the list.
    ///
    /// # Errors
    /// `invalid`, if the token isn't one of ours.
    pub fn from_items_after<I: IntoIterator<Item = T>>(
        items_after: impl FnOnce(Option<&str>) -> I,
        key: impl Fn(&T) -> String,
        token: Option<&str>,
        size: usize,
        invalid: impl FnOnce() -> ApiError,
    ) -> Result<Self, ApiError> {
        let after = decode_token(token).map_err(|InvalidToken| invalid())?;
        Ok(Self::of_rest(items_after(after.as_deref()).into_iter(), &key, size))
    }

    fn of_rest(mut rest: impl Iterator<Item = T>, key: &dyn Fn(&T) -> String, size: usize) -> Self {
        let items: Vec<T> = rest.by_ref().take(size.max(1)).collect();
        let more = rest.next().is_some();
        let next = items.last().filter(|_| more).map(|last| URL_SAFE_NO_PAD.encode(key(last)));
        Self { items, next }
    }
}

struct InvalidToken;

/// The key after which a page begins.
fn decode_token(token: Option<&str>) -> Result<Option<String>, InvalidToken> {
    let decode = |token| String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok();
    token.map(|token| decode(token).ok_or(InvalidToken)).transpose()
}

impl super::CloudContext<'_> {
    /// The page size: what was asked for, limited by `limit` and by the cloud's settings.
    pub fn page_size(&self, asked: Option<i64>, limit: usize) -> usize {
        let asked = asked.and_then(|asked| usize::try_from(asked).ok()).unwrap_or(limit).min(limit);
        self.config.page_size.map_or(asked, |size| asked.min(size)).max(1)
    }
}
