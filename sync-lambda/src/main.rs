//! `bootstrap`: the executable that AWS Lambda starts. Its environment decides whether it syncs a venue or works for
//! all of them: forwards messages, and sends the digest.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;
use sync_lambda::error::RunError;
use sync_lambda::forward::Forwarder;
use sync_lambda::handler::{EnvironmentReader, Handler};
use sync_lambda::report::LogSink;

/// What an invocation does.
enum FunctionMode {
    Sync(Box<Handler>),
    Forward(Box<Forwarder>),
}

// A single thread is enough: a run mostly waits for the network, and a 128 MB function has a fraction of a CPU.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // A broken environment is reported at every invocation, where people see it, instead of preventing the start.
    let mode = read_mode();
    let mode = &mode;
    let serve = service_fn(move |event: LambdaEvent<Value>| async move {
        let (event, context) = event.into_parts();
        let mode = mode.as_ref().map_err(|error| lambda_diagnostic(error.clone()))?;
        mode.handle_event(&event, &context.request_id, context.deadline()).await.map_err(lambda_diagnostic)
    });
    match lambda_runtime::run(serve).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("could not use the Lambda runtime API: {error}");
            ExitCode::FAILURE
        }
    }
}

fn read_mode() -> Result<FunctionMode, RunError> {
    let variables = |name: &str| std::env::var(name).ok();
    let shared: (Arc<EnvironmentReader>, Arc<LogSink>) = (Arc::new(variables), Arc::new(write_log_line));
    match Forwarder::from_environment(&shared.0, &shared.1) {
        Some(forwarder) => forwarder.map(|forwarder| FunctionMode::Forward(Box::new(forwarder))),
        None => {
            let handler = Handler::new(Box::new(variables), Box::new(write_log_line))?;
            Ok(FunctionMode::Sync(Box::new(handler)))
        }
    }
}

impl FunctionMode {
    async fn handle_event(&self, event: &Value, request_id: &str, deadline: SystemTime) -> Result<Value, RunError> {
        match self {
            Self::Sync(handler) => handler.handle_event(event, request_id, deadline).await,
            Self::Forward(forwarder) => forwarder.handle_event(event, deadline).await,
        }
    }
}

fn write_log_line(line: &Value) {
    // If the log can't be written, there is nowhere left to report that.
    let _ = writeln!(std::io::stdout().lock(), "{}", secrets::redact_secrets(&line.to_string()));
}

fn lambda_diagnostic(error: RunError) -> Diagnostic {
    Diagnostic {
        error_type: error.kind_name().to_owned(),
        error_message: secrets::redact_secrets(&error.to_string()).into_owned(),
    }
}
