//! The head of every page: its security policy and its single style sheet.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

/// A page up to where its content begins. `title` is HTML. The policy allows the one style sheet by its hash, so that
/// injected content could add no other style, no script and no request.
pub(super) fn page_head(title: &str, style: &str) -> String {
    build_head(title, style, "")
}

/// A page with one script. The policy allows that by its hash too, so the page must contain exactly this text.
pub(super) fn page_head_with_script(title: &str, style: &str, script: &str) -> String {
    build_head(title, style, &format!("script-src 'sha256-{}'; ", csp_hash(script)))
}

fn csp_hash(text: &str) -> String {
    BASE64_STANDARD.encode(Sha256::digest(text.as_bytes()))
}

fn build_head(title: &str, style: &str, script: &str) -> String {
    let hash = csp_hash(style);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{hash}'; {script}\
         base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>{title}</title>\n<style>{style}</style>\n</head>\n<body>\n<main>\n"
    )
}
