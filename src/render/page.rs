//! The frame of every page: its security policy, its single style sheet, and its script if it has one.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, Render, html};
use sha2::{Digest, Sha256};

use super::escape::one_line;

/// A page. The policy allows the one style sheet by its hash, so that injected content could add no other style, no
/// script and no request. In `content`, control characters are shown as escapes.
pub(super) fn render_page(title: &str, style: &'static str, content: &Markup) -> String {
    build_page(title, style, None, content)
}

/// A page, before it is written: alone, or with others of its kind.
#[derive(Debug)]
pub struct Page {
    pub(super) title: String,
    pub(super) style: &'static str,
    pub(super) content: Markup,
}

impl Page {
    /// The whole page.
    pub fn to_text(&self) -> String {
        render_page(&self.title, self.style, &self.content)
    }
}

/// One page of several, each below its name, with a list of them at the top.
pub fn join_pages(title: &str, pages: &[(String, Page)]) -> String {
    let numbered = || (1..).zip(pages);
    let content = html! {
        header {
            h1 { (title) }
            ul {
                @for (number, (name, page)) in numbered() {
                    li { a href=(format!("#manifest-{number}")) { (page.title) } " (" code { (name) } ")" }
                }
            }
        }
        @for (number, (name, page)) in numbered() {
            section id=(format!("manifest-{number}")) aria-label=(name) { (page.content) }
        }
    };
    // They are of one kind, so they have one style.
    render_page(title, pages.first().map_or("", |(_, page)| page.style), &content)
}

/// A page with one script at its end, which the policy allows by its hash too.
pub(super) fn render_page_with_script(
    title: &str,
    style: &'static str,
    script: &'static str,
    content: &Markup,
) -> String {
    build_page(title, style, Some(script), content)
}

fn build_page(title: &str, style: &'static str, script: Option<&'static str>, content: &Markup) -> String {
    let page = html! {
        (DOCTYPE) "\n"
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(security_policy(style, script));
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (one_line(title)) }
                // Safe: a constant of this program. Escaped, it wouldn't be the text that the policy's hash is of.
                style { (PreEscaped(style)) }
            }
            body {
                main { (OneLine(content)) }
                @if let Some(script) = script {
                    // Safe: a constant of this program. A browser doesn't undo escapes in a script.
                    script { (PreEscaped(script)) }
                }
            }
        }
        "\n"
    };
    page.into_string()
}

fn security_policy(style: &str, script: Option<&str>) -> String {
    let script = script.map(|script| format!("script-src 'sha256-{}'; ", csp_hash(script))).unwrap_or_default();
    let style = csp_hash(style);
    format!("default-src 'none'; style-src 'sha256-{style}'; {script}base-uri 'none'; form-action 'none'")
}

fn csp_hash(text: &str) -> String {
    BASE64_STANDARD.encode(Sha256::digest(text.as_bytes()))
}

/// Markup that is already escaped, in which control characters and bidirectional controls are shown as escapes. Done
/// once for a whole page, it can't be forgotten for one of its texts. What it writes contains no character of markup.
struct OneLine<'a>(&'a Markup);

impl Render for OneLine<'_> {
    fn render_to(&self, buffer: &mut String) {
        buffer.push_str(&one_line(&self.0.0));
    }
}
