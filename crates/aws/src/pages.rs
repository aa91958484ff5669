//! Lists of the generated clients, page by page. None goes on forever, whatever the tokens are.

use aws_smithy_async::future::pagination_stream::PaginationStream;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use bounds::PageTokens;

use crate::{Call, CallError};

/// The token of the next page of a list that is read in a loop.
#[derive(Debug)]
pub struct ListPages {
    operation: &'static str,
    tokens: PageTokens,
}

impl ListPages {
    /// A list that `operation` reads, which is its name as IAM writes it.
    pub fn of_call(operation: &'static str) -> Self {
        Self { operation, tokens: PageTokens::default() }
    }

    /// What the next page is asked for with.
    pub fn token(&self) -> Option<String> {
        self.tokens.token()
    }

    /// Takes the token that a page had for the one after it, and returns whether there is one.
    ///
    /// # Errors
    /// The token came before, so the list would never end.
    pub fn advance_to(&mut self, token: Option<String>) -> Result<bool, CallError> {
        self.tokens.advance_to(token).map_err(|repeated| CallError::unexpected(self.operation, repeated.to_string()))
    }
}

/// The pages of a generated paginator. The paginator itself only notices a token that comes twice in a row.
#[derive(Debug)]
pub struct SdkPages<O, E> {
    stream: PaginationStream<Result<O, SdkError<E, HttpResponse>>>,
    token_of: fn(&O) -> Option<&str>,
    pages: ListPages,
}

/// Reads the pages of a generated paginator. `token_of` is the token that a page has for the next one.
pub fn sdk_pages<O, E>(
    operation: &'static str,
    stream: PaginationStream<Result<O, SdkError<E, HttpResponse>>>,
    token_of: fn(&O) -> Option<&str>,
) -> SdkPages<O, E> {
    SdkPages { stream, token_of, pages: ListPages::of_call(operation) }
}

impl<O, E: ProvideErrorMetadata + std::error::Error + 'static> SdkPages<O, E> {
    /// What is called for each page.
    pub fn operation(&self) -> &'static str {
        self.pages.operation
    }

    /// Asks for the next page. Returns `None` after the last one.
    pub async fn next_page(&mut self) -> Option<Result<O, CallError>> {
        #[allow(clippy::disallowed_methods, reason = "the one place where tokens are compared")]
        let page = self.stream.next().await?.call(self.pages.operation);
        Some(page.and_then(|page| {
            self.pages.advance_to((self.token_of)(&page).map(ToOwned::to_owned))?;
            Ok(page)
        }))
    }
}
