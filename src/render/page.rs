//! What every page begins with: its policy, and its one style.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

/// A page up to the beginning of its content. `title` is HTML. The policy names the one style by its hash, so that nothing
/// that got into the page could add another, or a script, or a request.
pub(super) fn head(title: &str, style: &str) -> String {
    begin(title, style, "")
}

/// A page with one script, which has to stand in it as it is here; the policy names it by its hash as well.
pub(super) fn head_with_script(title: &str, style: &str, script: &str) -> String {
    begin(title, style, &format!("script-src 'sha256-{}'; ", hash(script)))
}

fn hash(text: &str) -> String {
    BASE64_STANDARD.encode(Sha256::digest(text.as_bytes()))
}

fn begin(title: &str, style: &str, script: &str) -> String {
    let hash = hash(style);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{hash}'; {script}\
         base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>{title}</title>\n<style>{style}</style>\n</head>\n<body>\n<main>\n"
    )
}
