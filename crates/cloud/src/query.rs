//! The Query protocol of IAM, STS, SNS and CloudWatch: a form in, XML out.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Answer, ApiError, Page};

/// The form of a request.
#[derive(Debug, Clone)]
pub(super) struct Form {
    members: BTreeMap<String, String>,
}

impl Form {
    pub(super) fn parse(body: &[u8]) -> Self {
        Self { members: form_urlencoded::parse(body).into_owned().collect() }
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.members.get(name).map(String::as_str)
    }

    /// # Errors
    /// `ValidationError` with IAM's message.
    pub(super) fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.text(name).filter(|text| !text.is_empty()).ok_or_else(|| {
            let mut member = name.to_owned();
            if let Some(first) = member.get_mut(..1) {
                first.make_ascii_lowercase();
            }
            ApiError::bad(
                "ValidationError",
                format!(
                    "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must \
                     not be null"
                ),
            )
        })
    }

    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        self.text(name).and_then(|text| text.parse().ok())
    }

    /// The elements of a list: `TagKeys.member.1`, `TagKeys.member.2`, ….
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        (1..).map_while(|at| self.text(&format!("{name}.member.{at}"))).map(ToOwned::to_owned).collect()
    }

    /// The elements of a list of structures: `Dimensions.member.1.Name`, `Dimensions.member.1.Value`, ….
    pub(super) fn structures(&self, name: &str) -> Vec<Self> {
        (1..)
            .map_while(|at| Some(self.below(&format!("{name}.member.{at}."))).filter(|form| !form.members.is_empty()))
            .collect()
    }

    /// The members whose names start with `prefix`, with the prefix removed.
    pub(super) fn below(&self, prefix: &str) -> Self {
        let from = self.members.range(prefix.to_owned()..);
        let members = from.map_while(|(name, value)| Some((name.strip_prefix(prefix)?.to_owned(), value.clone())));
        Self { members: members.collect() }
    }

    /// A map: `Attributes.entry.1.key`, `Attributes.entry.1.value`, ….
    pub(super) fn entries(&self, name: &str) -> BTreeMap<String, String> {
        let pair = |at: u32| {
            let value = self.text(&format!("{name}.entry.{at}.value")).unwrap_or_default();
            Some((self.text(&format!("{name}.entry.{at}.key"))?.to_owned(), value.to_owned()))
        };
        (1..).map_while(pair).collect()
    }

    /// A member's floating-point number.
    pub(super) fn number(&self, name: &str) -> Option<f64> {
        self.text(name).and_then(|text| text.parse().ok())
    }

    /// Tags: `Tags.member.1.Key`, `Tags.member.1.Value`, ….
    pub(super) fn tags(&self, name: &str) -> BTreeMap<String, String> {
        (1..)
            .map_while(|at| {
                let key = self.text(&format!("{name}.member.{at}.Key"))?;
                let value = self.text(&format!("{name}.member.{at}.Value")).unwrap_or_default();
                Some((key.to_owned(), value.to_owned()))
            })
            .collect()
    }
}

/// An XML writer. Each element is closed when its closure returns.
#[derive(Debug, Default)]
pub(super) struct Xml {
    text: String,
}

impl Xml {
    /// Writes `<name>…</name>` around what `inside` writes.
    pub(super) fn element(&mut self, name: &str, inside: impl FnOnce(&mut Self)) {
        let _ = write!(self.text, "<{name}>");
        inside(self);
        let _ = write!(self.text, "</{name}>");
    }

    /// Writes `<name>text</name>`.
    pub(super) fn text(&mut self, name: &str, text: &str) {
        let _ = write!(self.text, "<{name}>{}</{name}>", escape(text));
    }

    /// Writes `<name><member>…</member>…</name>`.
    pub(super) fn members<T>(&mut self, name: &str, items: impl IntoIterator<Item = T>, each: impl Fn(&mut Self, T)) {
        self.element(name, |xml| {
            for item in items {
                xml.element("member", |xml| each(xml, item));
            }
        });
    }

    /// Writes `<name><entry><key>…</key><value>…</value></entry>…</name>`.
    pub(super) fn entries(&mut self, name: &str, entries: &BTreeMap<String, String>) {
        self.element(name, |xml| {
            for (key, value) in entries {
                xml.element("entry", |xml| {
                    xml.text("key", key);
                    xml.text("value", value);
                });
            }
        });
    }

    /// Writes `<name><member><Key>…</Key><Value>…</Value></member>…</name>`.
    pub(super) fn tags(&mut self, name: &str, tags: &BTreeMap<String, String>) {
        self.members(name, tags, |xml, (key, value)| {
            xml.text("Key", key);
            xml.text("Value", value);
        });
    }

    /// Writes the token of the page after `page`, if there is one.
    pub(super) fn next_token<T>(&mut self, page: &Page<T>) {
        if let Some(next) = &page.next {
            self.text("NextToken", next);
        }
    }

    /// Writes the text of the current element.
    pub(super) fn raw(&mut self, text: &str) {
        self.text.push_str(&escape(text));
    }
}

/// Builds `<OperationResponse><OperationResult>…</OperationResult><ResponseMetadata>…`.
pub(super) fn answer(namespace: &str, operation: &str, request_id: &str, result: impl FnOnce(&mut Xml)) -> Answer {
    let mut xml = Xml::default();
    let _ = write!(xml.text, "<{operation}Response xmlns=\"{namespace}\">");
    xml.element(&format!("{operation}Result"), result);
    xml.element("ResponseMetadata", |xml| xml.text("RequestId", request_id));
    let _ = write!(xml.text, "</{operation}Response>");
    Answer::xml(xml.text)
}

/// Escapes text for XML.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\r' => escaped.push_str("&#xD;"),
            _ => escaped.push(letter),
        }
    }
    escaped
}
