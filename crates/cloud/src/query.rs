//! The Query protocol of IAM, STS, SNS and CloudWatch: a form in, XML out.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{ApiError, CloudAnswer, ListPage};

/// The form of a request.
#[derive(Debug, Clone)]
pub(super) struct QueryForm {
    members: BTreeMap<String, String>,
}

impl QueryForm {
    pub(super) fn parse_form(body: &[u8]) -> Self {
        Self { members: form_urlencoded::parse(body).into_owned().collect() }
    }

    pub(super) fn member_text(&self, name: &str) -> Option<&str> {
        self.members.get(name).map(String::as_str)
    }

    /// # Errors
    /// `ValidationError` with IAM's message.
    pub(super) fn required_text(&self, name: &str) -> Result<&str, ApiError> {
        self.member_text(name).filter(|text| !text.is_empty()).ok_or_else(|| {
            let mut member = name.to_owned();
            if let Some(first) = member.get_mut(..1) {
                first.make_ascii_lowercase();
            }
            ApiError::bad_request(
                "ValidationError",
                format!(
                    "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must \
                     not be null"
                ),
            )
        })
    }

    pub(super) fn member_integer(&self, name: &str) -> Option<i64> {
        self.member_text(name).and_then(|text| text.parse().ok())
    }

    /// The elements of a list: `TagKeys.member.1`, `TagKeys.member.2`, ….
    pub(super) fn member_list(&self, name: &str) -> Vec<String> {
        (1..).map_while(|at| self.member_text(&format!("{name}.member.{at}"))).map(ToOwned::to_owned).collect()
    }

    /// The elements of a list of structures: `Dimensions.member.1.Name`, `Dimensions.member.1.Value`, ….
    pub(super) fn member_structures(&self, name: &str) -> Vec<Self> {
        (1..)
            .map_while(|at| {
                Some(self.members_below(&format!("{name}.member.{at}."))).filter(|form| !form.members.is_empty())
            })
            .collect()
    }

    /// The members whose names start with `prefix`, with the prefix removed.
    pub(super) fn members_below(&self, prefix: &str) -> Self {
        let from = self.members.range(prefix.to_owned()..);
        let members = from.map_while(|(name, value)| Some((name.strip_prefix(prefix)?.to_owned(), value.clone())));
        Self { members: members.collect() }
    }

    /// All members, by name.
    pub(super) fn into_members(self) -> BTreeMap<String, String> {
        self.members
    }

    /// A map: `Attributes.entry.1.key`, `Attributes.entry.1.value`, ….
    pub(super) fn member_entries(&self, name: &str) -> BTreeMap<String, String> {
        let pair = |at: u32| {
            let value = self.member_text(&format!("{name}.entry.{at}.value")).unwrap_or_default();
            Some((self.member_text(&format!("{name}.entry.{at}.key"))?.to_owned(), value.to_owned()))
        };
        (1..).map_while(pair).collect()
    }

    /// A member's floating-point number.
    pub(super) fn member_number(&self, name: &str) -> Option<f64> {
        self.member_text(name).and_then(|text| text.parse().ok())
    }

    /// Tags: `Tags.member.1.Key`, `Tags.member.1.Value`, ….
    pub(super) fn member_tags(&self, name: &str) -> BTreeMap<String, String> {
        (1..)
            .map_while(|at| {
                let key = self.member_text(&format!("{name}.member.{at}.Key"))?;
                let value = self.member_text(&format!("{name}.member.{at}.Value")).unwrap_or_default();
                Some((key.to_owned(), value.to_owned()))
            })
            .collect()
    }
}

/// An XML writer. Each element is closed when its closure returns.
#[derive(Debug, Default)]
pub(super) struct XmlWriter {
    text: String,
}

impl XmlWriter {
    /// Writes `<name>…</name>` around what `inside` writes.
    pub(super) fn write_element(&mut self, name: &str, inside: impl FnOnce(&mut Self)) {
        let _ = write!(self.text, "<{name}>");
        inside(self);
        let _ = write!(self.text, "</{name}>");
    }

    /// Writes `<name>text</name>`.
    pub(super) fn write_text(&mut self, name: &str, text: &str) {
        let _ = write!(self.text, "<{name}>{}</{name}>", escape_xml(text));
    }

    /// Writes members by their names in a form: `a.b` is nested, and `a.member.1` is in a list.
    pub(super) fn write_form_members(&mut self, members: &BTreeMap<String, String>) {
        let mut written = None;
        for (name, value) in members {
            let Some((first, _)) = name.split_once('.') else {
                self.write_text(name, value);
                continue;
            };
            if written == Some(first) {
                continue;
            }
            written = Some(first);
            let inner = |prefix: &str| -> BTreeMap<String, String> {
                let inner = members.iter().filter_map(|(name, value)| Some((name.strip_prefix(prefix)?, value)));
                inner.map(|(name, value)| (name.to_owned(), value.clone())).collect()
            };
            let items = (1..).map(|at| inner(&format!("{first}.member.{at}."))).take_while(|item| !item.is_empty());
            let items: Vec<_> = items.collect();
            if items.is_empty() {
                self.write_element(first, |xml| xml.write_form_members(&inner(&format!("{first}."))));
            } else {
                self.write_members(first, &items, |xml, item| xml.write_form_members(item));
            }
        }
    }

    /// Writes `<name><member>…</member>…</name>`.
    pub(super) fn write_members<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        each: impl Fn(&mut Self, T),
    ) {
        self.write_element(name, |xml| {
            for item in items {
                xml.write_element("member", |xml| each(xml, item));
            }
        });
    }

    /// Writes `<name><entry><key>…</key><value>…</value></entry>…</name>`.
    pub(super) fn write_entries(&mut self, name: &str, entries: &BTreeMap<String, String>) {
        self.write_element(name, |xml| {
            for (key, value) in entries {
                xml.write_element("entry", |xml| {
                    xml.write_text("key", key);
                    xml.write_text("value", value);
                });
            }
        });
    }

    /// Writes `<name><member><Key>…</Key><Value>…</Value></member>…</name>`.
    pub(super) fn write_tags(&mut self, name: &str, tags: &BTreeMap<String, String>) {
        self.write_members(name, tags, |xml, (key, value)| {
            xml.write_text("Key", key);
            xml.write_text("Value", value);
        });
    }

    /// Writes the token of the page after `page`, if there is one.
    pub(super) fn write_next_token<T>(&mut self, page: &ListPage<T>) {
        if let Some(next) = &page.next {
            self.write_text("NextToken", next);
        }
    }

    /// Writes the text of the current element.
    pub(super) fn write_raw_text(&mut self, text: &str) {
        self.text.push_str(&escape_xml(text));
    }
}

/// Builds `<OperationResponse><OperationResult>…</OperationResult><ResponseMetadata>…`.
pub(super) fn xml_answer(
    namespace: &str,
    operation: &str,
    request_id: &str,
    result: impl FnOnce(&mut XmlWriter),
) -> CloudAnswer {
    let mut xml = XmlWriter::default();
    let _ = write!(xml.text, "<{operation}Response xmlns=\"{namespace}\">");
    xml.write_element(&format!("{operation}Result"), result);
    xml.write_element("ResponseMetadata", |xml| xml.write_text("RequestId", request_id));
    let _ = write!(xml.text, "</{operation}Response>");
    CloudAnswer::from_xml(xml.text)
}

/// Escapes text for XML.
pub(super) fn escape_xml(text: &str) -> String {
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
