//! Runs a bootstrap under the Lambda runtime interface, as Lambda does.
