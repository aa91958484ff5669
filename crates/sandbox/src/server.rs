//! An HTTP server on a free port of this machine.

use std::io;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// A running server. Dropping it stops the server; requests in progress are still answered.
#[derive(Debug)]
pub struct SandboxServer {
    /// `http://127.0.0.1:PORT`, without a trailing slash.
    pub uri: String,
    /// Dropping it is the stop signal.
    _stop: oneshot::Sender<()>,
}

impl SandboxServer {
    /// Serves on a free port of 127.0.0.1, for programs only: what a page in a browser sends is refused.
    ///
    /// # Errors
    /// No port is available.
    pub async fn start(router: Router) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let uri = format!("http://{}", listener.local_addr()?);
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(async move {
            let served = axum::serve(listener, loopback::guard_programs(router)).with_graceful_shutdown(async {
                let _ = stopped.await;
            });
            let _ = served.await;
        });
        Ok(Self { uri, _stop: stop })
    }
}
