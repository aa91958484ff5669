//! Lists that come in pages.

use bounds::PageTokens;
use serde_json::Value;

use super::super::CallError;
use super::SignedClient;
use super::request::RestRequest;
use super::service::ServiceEntry;

/// What is asked for each page, but for the page's token.
#[derive(Debug, Clone)]
pub(super) enum PageSource {
    Parameters(&'static str, Value),
    Rest(RestRequest),
}

/// The pages of a list, one call each.
#[derive(Debug)]
pub struct AnswerPages<'c> {
    client: &'c SignedClient,
    source: PageSource,
    tokens: PageTokens,
    ended: bool,
}

impl<'c> AnswerPages<'c> {
    pub(super) fn new(client: &'c SignedClient, source: PageSource) -> Self {
        Self { client, source, tokens: PageTokens::default(), ended: false }
    }

    /// What is called for each page.
    pub fn operation(&self) -> &'static str {
        self.source.operation()
    }

    /// Asks for the next page. Returns `None` after the last one and after a failure.
    ///
    /// A service that gives a token a second time would be asked forever, so that is a failure.
    pub async fn next_page(&mut self) -> Option<Result<Value, CallError>> {
        if self.ended {
            return None;
        }
        let page = self.ask_page().await;
        self.ended = page.is_err() || self.tokens.token().is_none();
        Some(page)
    }

    /// Asks for all pages, and collects the items in the list `member`.
    ///
    /// # Errors
    /// The first page that can't be read: part of a list isn't the list.
    pub async fn collect_items(mut self, member: &str) -> Result<Vec<Value>, CallError> {
        let mut all = Vec::new();
        while let Some(page) = self.next_page().await {
            if let Value::Array(items) = page?[member].take() {
                all.extend(items);
            }
        }
        Ok(all)
    }

    async fn ask_page(&mut self) -> Result<Value, CallError> {
        let service = self.source.find_service();
        let token_name = service.map_or("", |service| service.page_token);
        let answered = service.map_or("", ServiceEntry::answered_token);
        let token = self.tokens.token();
        let page = match &self.source {
            PageSource::Parameters(operation, parameters) => {
                let mut parameters = parameters.clone();
                if let Some(token) = token {
                    parameters[token_name] = Value::String(token);
                }
                self.client.call(operation, parameters).await?
            }
            PageSource::Rest(request) => {
                let mut request = request.clone();
                if let Some(token) = token {
                    request = request.with_query(token_name, token);
                }
                self.client.send(request).await?
            }
        };
        let next = page[answered].as_str().map(ToOwned::to_owned);
        self.tokens
            .advance_to(next)
            .map_err(|repeated| CallError::unexpected(self.source.operation(), repeated.to_string()))?;
        Ok(page)
    }
}

impl PageSource {
    fn operation(&self) -> &'static str {
        match self {
            Self::Parameters(operation, _) => operation,
            Self::Rest(request) => request.operation,
        }
    }

    fn find_service(&self) -> Option<&'static ServiceEntry> {
        match self {
            Self::Parameters(operation, _) => ServiceEntry::of_operation(operation).map(|(service, _)| service),
            Self::Rest(request) => request.find_service(),
        }
    }
}
