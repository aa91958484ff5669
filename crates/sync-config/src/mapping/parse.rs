//! Parses mapping expressions, for the manifest's report and for the function alike.

use std::ops::Range;

use super::FieldExpression;
use super::expression::{ExpressionPart, PropertyPart};
use super::filter::{FILTERS, Filter};

/// HubSpot's limit for internal names of properties.
const MAX_PROPERTY_NAME: usize = 100;

/// What is wrong with an expression, and how to fix it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingFlaw {
    /// What is wrong.
    pub message: String,
    /// How to fix it.
    pub help: String,
    /// The bytes of the expression that are wrong.
    pub at: Range<usize>,
    /// The name of a filter that doesn't exist, if that is what is wrong.
    pub unknown_filter: Option<String>,
}

impl std::fmt::Display for MappingFlaw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.message, self.help)
    }
}

impl MappingFlaw {
    fn new(at: Range<usize>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into(), at, unknown_filter: None }
    }
}

impl FieldExpression {
    /// Parses an expression.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse_expression(text: &str) -> Result<Self, MappingFlaw> {
        if let Some(constant) = text.strip_prefix('=') {
            return Ok(Self { parts: vec![ExpressionPart::Text(constant.trim().to_owned())] });
        }
        if text.is_empty() {
            return Err(MappingFlaw::new(
                0..0,
                "this mapping is empty",
                "write a HubSpot property, or \"=\" for a field that is always empty",
            ));
        }
        let mut scanner = ExpressionScanner { text, at: 0, braces: text.contains(['{', '}']) };
        if !scanner.braces {
            return Ok(Self { parts: vec![ExpressionPart::Property(scanner.scan_property()?)] });
        }
        let mut parts = Vec::new();
        while scanner.at < text.len() {
            let literal = scanner.take_until(&['{', '}']);
            if !literal.is_empty() {
                parts.push(ExpressionPart::Text(literal.to_owned()));
            }
            match scanner.peek_char() {
                None => break,
                Some('{') => {
                    let open = scanner.at;
                    scanner.at += 1;
                    let property = scanner.scan_property()?;
                    if !scanner.skip_char('}') {
                        return Err(unmatched_brace(open));
                    }
                    parts.push(ExpressionPart::Property(property));
                }
                Some(_) => return Err(unmatched_brace(scanner.at)),
            }
        }
        Ok(Self { parts })
    }
}

fn unmatched_brace(at: usize) -> MappingFlaw {
    MappingFlaw::new(
        at..at + 1,
        "this brace is not matched",
        "put a property in braces: \"{firstname} {lastname}\", or with a default \"{company|unknown}\"",
    )
}

/// What is left of an expression.
struct ExpressionScanner<'t> {
    text: &'t str,
    at: usize,
    /// Whether properties are in braces; if not, the whole expression is one.
    braces: bool,
}

impl<'t> ExpressionScanner<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn peek_char(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Everything before the first of `ends`.
    fn take_until(&mut self, ends: &[char]) -> &'t str {
        let rest = self.rest();
        let taken = &rest[..rest.find(ends).unwrap_or(rest.len())];
        self.at += taken.len();
        taken
    }

    fn skip_char(&mut self, expected: char) -> bool {
        let found = self.peek_char() == Some(expected);
        if found {
            self.at += expected.len_utf8();
        }
        found
    }

    fn skip_spaces(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    /// `name`, `name:filter:filter('argument')`, `name|default` and both, up to the closing brace.
    fn scan_property(&mut self) -> Result<PropertyPart, MappingFlaw> {
        let start = self.at;
        let name = self.take_until(&[':', '|', '{', '}']);
        // A brace that has no partner is what is wrong, whatever is in it.
        if self.braces && !self.rest().contains('}') || self.peek_char() == Some('{') {
            return Err(unmatched_brace(start.saturating_sub(1)));
        }
        let name = self.check_property(name, start)?;
        let mut filters = Vec::new();
        while self.skip_char(':') {
            filters.push(self.scan_filter()?);
        }
        let default = if self.skip_char('|') {
            if self.braces { self.take_until(&['{', '}']) } else { self.take_until(&[]) }
        } else {
            ""
        };
        if self.braces && self.peek_char() != Some('}') {
            return Err(unmatched_brace(start.saturating_sub(1)));
        }
        Ok(PropertyPart { name, filters, default: default.to_owned() })
    }

    /// HubSpot's internal names have lowercase letters, digits and `_`.
    fn check_property(&self, written: &str, start: usize) -> Result<String, MappingFlaw> {
        let name = written.trim();
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if !name.is_empty() && name.len() <= MAX_PROPERTY_NAME && name.bytes().all(fits) {
            return Ok(name.to_owned());
        }
        let whole = self.text;
        let lower = name.to_lowercase().replace([' ', '-'], "_");
        let help = if self.braces {
            "write the internal name of a property in the braces, such as {firstname}".to_owned()
        } else {
            format!("for a fixed value write \"={whole}\"; for a property write its internal name, perhaps \"{lower}\"")
        };
        let message = if name.is_empty() {
            "the property name is missing"
        } else {
            "this is not the internal name of a HubSpot property"
        };
        let end = (start + written.len().max(1)).min(whole.len());
        Err(MappingFlaw::new(start..whole.ceil_char_boundary(end), message, help))
    }

    /// `name`, or `name` with arguments in parentheses.
    fn scan_filter(&mut self) -> Result<Filter, MappingFlaw> {
        self.skip_spaces();
        let start = self.at;
        let rest = self.rest();
        let name = &rest[..rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())];
        let end = start + name.len();
        self.at = end;
        self.skip_spaces();
        let Some(spec) = FILTERS.iter().find(|spec| spec.name == name) else {
            let names: Vec<&str> = FILTERS.iter().map(|spec| spec.name).collect();
            let mut flaw = MappingFlaw::new(
                start..end.max(start + 1).min(self.text.len()),
                if name.is_empty() {
                    "a filter's name is missing".to_owned()
                } else {
                    format!("unknown filter `{name}`")
                },
                format!("the filters are {}", names.join(", ")),
            );
            flaw.at.end = self.text.ceil_char_boundary(flaw.at.end);
            flaw.unknown_filter = Some(name.to_owned()).filter(|name| !name.is_empty());
            return Err(flaw);
        };
        let arguments = if self.skip_char('(') { self.scan_arguments(self.at - 1)? } else { Vec::new() };
        let behind = self.at;
        self.skip_spaces();
        if !matches!(self.peek_char(), None | Some(':' | '|' | '}')) {
            let end = behind + self.text[behind..].find([':', '|', '}']).unwrap_or(self.text.len() - behind);
            return Err(MappingFlaw::new(
                self.at..end,
                format!("this doesn't belong to the filter `{name}`"),
                "after a filter comes another one, as in {event_type:label:shorten(50)}, a default, or the end",
            ));
        }
        (spec.build)(&arguments)
            .map_err(|usage| MappingFlaw::new(start..behind, format!("the filter `{name}` takes {usage}"), spec.doc))
    }

    /// The arguments after an opening parenthesis, in quotes of either kind; numbers need none.
    fn scan_arguments(&mut self, open: usize) -> Result<Vec<String>, MappingFlaw> {
        let unclosed = |at: usize, what: &str| {
            MappingFlaw::new(
                at..at + 1,
                format!("this {what} is not closed"),
                "write arguments in parentheses and quotes, such as join(', ') or shorten(255)",
            )
        };
        let mut arguments = Vec::new();
        loop {
            self.skip_spaces();
            match self.peek_char() {
                None => return Err(unclosed(open, "parenthesis")),
                Some(')') if arguments.is_empty() => {}
                Some(quote @ ('\'' | '"')) => {
                    let start = self.at;
                    self.at += 1;
                    arguments.push(self.take_until(&[quote]).to_owned());
                    if !self.skip_char(quote) {
                        return Err(unclosed(start, "quote"));
                    }
                }
                Some(_) => arguments.push(self.take_until(&[',', ')', '}']).trim().to_owned()),
            }
            self.skip_spaces();
            if self.skip_char(')') {
                return Ok(arguments);
            }
            if !self.skip_char(',') {
                return Err(unclosed(open, "parenthesis"));
            }
        }
    }
}
