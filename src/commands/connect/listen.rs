//! Waits on this machine for the redirect of a consent page.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use deployer_core::error::{Error, ErrorCode, Result};
use deployer_core::manifest::format_duration;
use deployer_health::consent::{ConsentRequest, RedirectProblem};
use sync_lambda::credentials::CredentialValue;

type RedirectResult = std::result::Result<CredentialValue, RedirectProblem>;

/// Where the redirect is expected, before anybody is asked for consent.
pub(super) async fn open_listener(venue: &str, address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        Error::failed(ErrorCode::Consent, format!("could not wait for the redirect on {address}"))
            .caused_by(&error)
            .hint(format!(
                "end what uses that port (another `deployer connect`?), or run `deployer connect {venue} --paste`, which waits \
                 on no port"
            ))
    })
}

/// The code in the first redirect that arrives within `time`.
pub(super) async fn wait_for_redirect(
    listener: TcpListener,
    request: &ConsentRequest,
    venue: &str,
    time: Duration,
) -> Result<RedirectResult> {
    let (sender, received) = oneshot::channel();
    let waiting = Arc::new(WaitingConsent { request: request.clone(), sender: Mutex::new(Some(sender)) });
    let router = Router::new().fallback(answer_browser).with_state(waiting);
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(async move {
        let served = axum::serve(listener, router).with_graceful_shutdown(async {
            let _ = stopped.await;
        });
        let _ = served.await;
    });
    let result = tokio::time::timeout(time, received).await;
    drop(stop);
    // The browser gets its page; a connection that it keeps open isn't waited for.
    let _ = tokio::time::timeout(Duration::from_secs(1), serving).await;
    match result {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(_)) => Err(Error::failed(ErrorCode::Consent, "stopped waiting for the redirect")),
        Err(_) => {
            let after = format_duration(time.as_secs());
            Err(Error::failed(ErrorCode::Consent, format!("nobody consented within {after}; nothing was changed"))
                .hint(format!(
                    "run `deployer connect {venue}` again; if the browser runs on another machine, add `--paste`"
                )))
        }
    }
}

struct WaitingConsent {
    request: ConsentRequest,
    sender: Mutex<Option<oneshot::Sender<RedirectResult>>>,
}

async fn answer_browser(State(waiting): State<Arc<WaitingConsent>>, method: Method, uri: Uri) -> Response {
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let result = match method {
        Method::GET => waiting.request.read_redirect(target),
        _ => Err(RedirectProblem::OtherAddress),
    };
    // Browsers also ask for an icon.
    if result == Err(RedirectProblem::OtherAddress) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let (status, text) = match &result {
        Ok(_) => (StatusCode::OK, "Tripleseat gave its consent. You can close this page; the terminal shows the rest."),
        Err(_) => (StatusCode::BAD_REQUEST, "This did not work. You can close this page; the terminal says why."),
    };
    if let Some(sender) = waiting.sender.lock().take() {
        let _ = sender.send(result);
    }
    // The address has the code, which no other page should see.
    let headers = [(header::REFERRER_POLICY, "no-referrer"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, text).into_response()
}
