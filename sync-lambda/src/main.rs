//! `bootstrap`: the executable that AWS Lambda starts.

use std::io::Write;
use std::process::ExitCode;

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;
use sync_lambda::error::RunError;
use sync_lambda::handler::Handler;

// A single thread is enough: a run mostly waits for the network, and a 128 MB function has a fraction of a CPU.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let variables = Box::new(|name: &str| std::env::var(name).ok());
    // A broken environment is reported at every invocation, where people see it, instead of preventing the start.
    let handler = Handler::new(variables, Box::new(write_log_line));
    let handler = &handler;
    let serve = service_fn(move |event: LambdaEvent<Value>| async move {
        let (event, context) = event.into_parts();
        let handler = handler.as_ref().map_err(|error| lambda_diagnostic(error.clone()))?;
        handler.handle_event(&event, &context.request_id, context.deadline()).await.map_err(lambda_diagnostic)
    });
    match lambda_runtime::run(serve).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("could not use the Lambda runtime API: {error}");
            ExitCode::FAILURE
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
