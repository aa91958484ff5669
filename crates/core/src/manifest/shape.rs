//! Checks a parsed file against the description of the keys: unknown keys, missing keys, types, and each value by
//! itself.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::format::Format;
use super::keys::{Key, Literal, ROOT, Table, Value};
use super::report::{Flaw, Problem, Span};
use super::{format, mapping};

/// The text being read, and the problems found in it so far.
pub(super) struct Reading<'s> {
    pub(super) text: &'s str,
    pub(super) problems: Vec<Problem>,
}

/// Where a table is: the dotted path for messages, and where to point if one of its keys is missing.
#[derive(Clone)]
pub(super) struct At {
    pub(super) path: String,
    pub(super) span: Span,
}

impl Reading<'_> {
    /// Checks `table` and everything below it.
    pub(super) fn check_table(&mut self, table: &DeTable<'_>, description: &Table, at: &At) {
        for (name, value) in ordered(table) {
            match description.key(name.get_ref()) {
                Some(key) => self.check_value(value, &key.value, &at.child(name)),
                None => self.unknown_key(name, description, at),
            }
        }
        // A misspelled key is not reported as missing as well.
        let known: Vec<&str> = description.keys.iter().map(|key| key.name).collect();
        let unknown = table.keys().filter(|name| description.key(name.get_ref()).is_none());
        let misspelled: Vec<&str> = unknown.filter_map(|name| nearest(name.get_ref(), &known)).collect();
        let absent = |key: &&Key| !table.contains_key(key.name) && !misspelled.contains(&key.name);
        for key in description.keys.iter().filter(|key| key.required).filter(absent) {
            self.missing(key, at);
        }
    }

    fn check_value(&mut self, value: &Spanned<DeValue<'_>>, expected: &Value, at: &At) {
        let span = value.span();
        match (expected, value.get_ref()) {
            (Value::Text(format), DeValue::String(text)) => {
                if let Err(flaw) = format.check(text) {
                    self.flaw(&flaw, code(*format), span, text);
                }
            }
            (Value::OneOf(words), DeValue::String(text)) if words.contains(&text.as_ref()) => {}
            (Value::OneOf(words), DeValue::String(text)) => {
                let help = one_of(text, words);
                self.not_allowed(span, at, "unknown value", help);
            }
            (Value::Integer { min, max }, DeValue::Integer(_)) => match integer(value) {
                Some(number) if (*min..=*max).contains(&number) => {}
                _ => {
                    let help = if *max == i64::MAX {
                        format!("it must be an integer of {min} or more")
                    } else {
                        format!("it must be an integer from {min} to {max}")
                    };
                    self.not_allowed(span, at, "out of range", help);
                }
            },
            (Value::IntegerOneOf(numbers), DeValue::Integer(_)) => {
                if !integer(value).is_some_and(|number| numbers.contains(&number)) {
                    let listed: Vec<String> = numbers.iter().map(i64::to_string).collect();
                    let nearest = integer(value).and_then(|n| numbers.iter().min_by_key(|other| n.abs_diff(**other)));
                    let nearest = nearest.map_or_else(String::new, |nearest| format!("the nearest is {nearest}; "));
                    let help = format!("{nearest}AWS accepts only {}", listed.join(", "));
                    self.not_allowed(span, at, "not allowed", help);
                }
            }
            (Value::Bool, DeValue::Boolean(_)) => {}
            (Value::Date, DeValue::Datetime(date)) if date.date.is_some() && date.time.is_none() => {}
            (Value::Date, DeValue::String(text)) if text.parse::<jiff::civil::Date>().is_ok() => {}
            (Value::Table(table), DeValue::Table(inner)) => self.check_table(inner, table, at),
            (Value::Named(description), DeValue::Table(inner)) => {
                for (name, value) in ordered(inner) {
                    if let Err(flaw) = format::name(name.get_ref()) {
                        self.flaw(&flaw, "name", name.span(), name.get_ref());
                    }
                    match value.get_ref() {
                        DeValue::Table(table) => self.check_table(table, description, &at.child(name)),
                        _ => self.wrong_type(value, "a table", &at.child(name), None),
                    }
                }
            }
            (Value::Kinds(kinds), DeValue::Table(inner)) => self.check_kinds(inner, kinds, at),
            (Value::Mapping, DeValue::Table(inner)) => {
                for (name, value) in ordered(inner) {
                    match value.get_ref() {
                        DeValue::String(text) => {
                            if let Err(flaw) = mapping::check(text) {
                                self.flaw(&flaw, "mapping", value.span(), text);
                            }
                        }
                        _ => self.wrong_type(
                            value,
                            "a string",
                            &at.child(name),
                            Some("to set a fixed value, write \"=value\""),
                        ),
                    }
                }
            }
            _ => self.wrong_type(value, type_words(expected), at, type_help(expected)),
        }
    }

    fn check_kinds(&mut self, table: &DeTable<'_>, kinds: &[(&str, &Table)], at: &At) {
        let words: Vec<&str> = kinds.iter().map(|(word, _)| *word).collect();
        let Some(kind) = table.get("kind") else {
            let help = format!("add kind = {}", alternatives(&words));
            let message = format!("`{}` is missing the key `kind`", at.path);
            self.push(Problem::new("missing_key", at.span.clone(), message, "missing `kind`").help(help));
            return;
        };
        let DeValue::String(word) = kind.get_ref() else {
            return self.wrong_type(kind, "a string", at, None);
        };
        match kinds.iter().find(|(name, _)| name == word) {
            Some((_, description)) => self.check_table(table, description, at),
            None => {
                let message = format!("{} has an unknown kind", at.name());
                self.push(Problem::new("kind", kind.span(), message, "unknown kind").help(one_of(word, &words)));
            }
        }
    }

    /// Quotes the value from the file, so it must not be used for keys that hold secrets.
    fn not_allowed(&mut self, span: Span, at: &At, label: &str, help: String) {
        let raw = self.text.get(span.clone()).unwrap_or_default();
        let message = format!("{} can't be {raw}", at.name());
        self.push(Problem::new("value", span, message, label).help(help));
    }

    pub(super) fn push(&mut self, problem: Problem) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// Reports what is wrong with the string at `span`. Points at the wrong part if the source has the string verbatim,
    /// without escapes.
    pub(super) fn flaw(&mut self, flaw: &Flaw, code: &'static str, span: Span, text: &str) {
        let part = flaw.at.clone().and_then(|at| self.part(&span, text, at));
        let problem = Problem::new(code, part.unwrap_or(span), flaw.message.clone(), "here").help(flaw.help.clone());
        self.push(problem);
    }

    fn part(&self, span: &Span, text: &str, at: Range<usize>) -> Option<Span> {
        let raw = self.text.get(span.clone())?;
        let quotes = raw.strip_suffix(text_end(raw)?)?.strip_suffix(text).map(str::len)?;
        Some(span.start + quotes + at.start..span.start + quotes + at.end)
    }

    fn unknown_key(&mut self, name: &Spanned<DeString<'_>>, table: &Table, at: &At) {
        let known: Vec<&str> = table.keys.iter().map(|key| key.name).collect();
        let help = match (nearest(name.get_ref(), &known), elsewhere(name.get_ref())) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, Some(path)) => format!("`{}` belongs in {path}", name.get_ref()),
            (None, None) => format!("the keys here are {}", known.join(", ")),
        };
        let place = if at.path.is_empty() { "the manifest".to_owned() } else { format!("`{}`", at.path) };
        let message = format!("{place} has no key `{}`", name.get_ref());
        self.push(Problem::new("unknown_key", name.span(), message, "unknown key").help(help));
    }

    fn missing(&mut self, key: &Key, at: &At) {
        let example = key.example.map(|example| format!("add it, for example {} = {example}", key.name));
        let help = match (&key.value, example) {
            (_, Some(example)) => example,
            (Value::Kinds(kinds), None) => {
                let words: Vec<&str> = kinds.iter().map(|(word, _)| *word).collect();
                format!("add [{}] with kind = {}", at.child_path(key.name), alternatives(&words))
            }
            (_, None) => format!("add [{}]", at.child_path(key.name)),
        };
        let place = if at.path.is_empty() { "the manifest".to_owned() } else { format!("`{}`", at.path) };
        let message = format!("{place} is missing the key `{}`", key.name);
        let label = format!("missing `{}`", key.name);
        self.push(Problem::new("missing_key", at.span.clone(), message, label).help(help));
    }

    fn wrong_type(&mut self, value: &Spanned<DeValue<'_>>, expected: &str, at: &At, help: Option<&str>) {
        let message = format!("{} must be {expected}", at.name());
        let mut problem = Problem::new("type", value.span(), message, format!("this is {}", found(value.get_ref())));
        problem.help = help.map(str::to_owned);
        self.push(problem);
    }
}

impl At {
    pub(super) fn child(&self, name: &Spanned<DeString<'_>>) -> Self {
        Self { path: self.child_path(name.get_ref()), span: name.span() }
    }

    fn child_path(&self, name: &str) -> String {
        let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        let name = if plain { name.to_owned() } else { format!("{name:?}") };
        if self.path.is_empty() { name } else { format!("{}.{name}", self.path) }
    }

    fn name(&self) -> String {
        format!("`{}`", self.path)
    }
}

impl std::fmt::Display for Literal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => write!(f, "\"{text}\""),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Bool(value) => write!(f, "{value}"),
        }
    }
}

/// The entries in the order of the file.
pub(super) fn ordered<'t, 's>(table: &'t DeTable<'s>) -> Vec<(&'t Spanned<DeString<'s>>, &'t Spanned<DeValue<'s>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    entries
}

/// An integer, in any of TOML's notations.
pub(super) fn integer(value: &Spanned<DeValue<'_>>) -> Option<i64> {
    let number = value.get_ref().as_integer()?;
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// The known word that `word` was most likely meant to be.
pub(super) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let word = word.to_lowercase().replace('-', "_");
    let likeness = |other: &str| {
        let contained = other.len() > 3 && word.len() > 3 && (other.contains(&word) || word.contains(other));
        strsim::jaro_winkler(&word, other) + if contained { 0.1 } else { 0.0 }
    };
    let best = known.iter().map(|other| (*other, likeness(other))).max_by(|a, b| a.1.total_cmp(&b.1));
    best.filter(|(_, likeness)| *likeness > 0.82).map(|(other, _)| other)
}

/// The allowed words (`"a", "b" or "c"`), after a suggestion if one of them is similar.
pub(super) fn one_of(word: &str, words: &[&str]) -> String {
    match nearest(word, words) {
        Some(near) => format!("did you mean \"{near}\"? It must be {}", alternatives(words)),
        None => format!("it must be {}", alternatives(words)),
    }
}

fn alternatives(words: &[&str]) -> String {
    match words {
        [first @ .., last] if !first.is_empty() => format!("\"{}\" or \"{last}\"", first.join("\", \"")),
        _ => format!("\"{}\"", words.concat()),
    }
}

/// The table that a misplaced key belongs in.
fn elsewhere(name: &str) -> Option<String> {
    fn find_table_with_key(name: &str, table: &Table, path: &str) -> Option<String> {
        let here = || table.key(name).is_some().then(|| format!("[{path}]"));
        let below = || {
            table.keys.iter().find_map(|key| {
                let path = if path.is_empty() { key.name.to_owned() } else { format!("{path}.{}", key.name) };
                match &key.value {
                    Value::Table(table) => find_table_with_key(name, table, &path),
                    Value::Named(table) => find_table_with_key(name, table, &format!("{path}.NAME")),
                    Value::Kinds(kinds) => kinds.iter().find_map(|(_, table)| find_table_with_key(name, table, &path)),
                    _ => None,
                }
            })
        };
        if path.is_empty() { below() } else { here().or_else(below) }
    }
    find_table_with_key(name, &ROOT, "")
}

fn code(format: Format) -> &'static str {
    match format {
        Format::SecretRef => "secret_reference",
        Format::Schedule => "schedule",
        Format::Timeout => "duration",
        Format::Name => "name",
        Format::BaseUri | Format::Url | Format::LookupUrl => "address",
        _ => "value",
    }
}

fn type_words(expected: &Value) -> &'static str {
    match expected {
        Value::Text(_) | Value::OneOf(_) => "a string",
        Value::Integer { .. } | Value::IntegerOneOf(_) => "an integer",
        Value::Bool => "true or false",
        Value::Date => "a date",
        Value::Table(_) | Value::Named(_) | Value::Kinds(_) | Value::Mapping => "a table",
    }
}

fn type_help(expected: &Value) -> Option<&'static str> {
    match expected {
        Value::Text(Format::Timeout) => Some("write it in quotes with a unit, such as \"90s\" or \"4m\""),
        Value::Text(Format::Account) => Some("write it in quotes, since an account ID can start with 0"),
        Value::Text(Format::SecretRef) => Some("write a reference, such as \"env:NAME\""),
        Value::Text(_) | Value::OneOf(_) => Some("write it in quotes"),
        Value::Integer { .. } | Value::IntegerOneOf(_) => Some("write it as a whole number, without quotes"),
        Value::Bool => Some("write true or false, without quotes"),
        Value::Date => Some("write it as YYYY-MM-DD, such as 2025-09-15"),
        _ => None,
    }
}

fn found(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

fn text_end(raw: &str) -> Option<&str> {
    ["\"\"\"", "'''", "\"", "'"].into_iter().find(|end| raw.ends_with(end) && raw.starts_with(end))
}
