//! Checks a parsed file against the description of the keys: unknown keys, missing keys, types, and each value by
//! itself.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::format::TextFormat;
use super::key::{KIND, KeySpec, TableKeys, TableSpec, ValueSpec};
use super::keys::RootKeys;
use super::report::{Flaw, ManifestProblem, Span};
use super::{format, mapping, tags};
use crate::error::ErrorCode;

/// The text being read, and the problems found in it so far.
pub(super) struct ManifestReading<'s> {
    pub(super) text: &'s str,
    pub(super) problems: Vec<ManifestProblem>,
}

/// Where a table is: the dotted path for messages, and where to point if one of its keys is missing.
#[derive(Clone)]
pub(super) struct TablePlace {
    pub(super) path: String,
    pub(super) span: Span,
}

impl ManifestReading<'_> {
    /// Checks `table` and everything below it.
    pub(super) fn check_table(&mut self, table: &DeTable<'_>, description: &TableSpec, at: &TablePlace) {
        for (name, value) in in_file_order(table) {
            match description.find_key(name.get_ref()) {
                Some(key) => self.check_value(value, &key.value, &at.child_place(name)),
                None => self.report_unknown_key(name, description, at),
            }
        }
        // A misspelled key is not reported as missing as well.
        let known: Vec<&str> = description.list_keys().map(|key| key.name).collect();
        let unknown = table.keys().filter(|name| description.find_key(name.get_ref()).is_none());
        let misspelled: Vec<&str> = unknown.filter_map(|name| find_nearest(name.get_ref(), &known)).collect();
        let absent = |key: &&'static KeySpec| !table.contains_key(key.name) && !misspelled.contains(&key.name);
        for key in description.list_keys().filter(|key| key.required).filter(absent) {
            self.report_missing_key(key, at);
        }
    }

    fn check_value(&mut self, value: &Spanned<DeValue<'_>>, expected: &ValueSpec, at: &TablePlace) {
        let span = value.span();
        match (expected, value.get_ref()) {
            (ValueSpec::Text(format), DeValue::String(text)) => {
                if let Err(flaw) = format.check_text(text) {
                    self.push_flaw(&flaw, problem_code(*format), span, text);
                }
            }
            (ValueSpec::OneOf(words), DeValue::String(text)) if words.contains(&text.as_ref()) => {}
            (ValueSpec::OneOf(words), DeValue::String(text)) => {
                let help = suggest_one_of(text, words);
                self.report_invalid_value(span, at, "unknown value", help);
            }
            (ValueSpec::NumberOrWord(words), DeValue::Integer(_))
                if parse_integer(value).is_some_and(|number| words.contains(&number.to_string().as_str())) => {}
            (ValueSpec::NumberOrWord(words), DeValue::String(text))
                if words.contains(&text.as_ref()) && !is_number(text) => {}
            (ValueSpec::NumberOrWord(words), DeValue::Integer(_) | DeValue::String(_)) => {
                self.report_invalid_value(span, at, "unknown value", format!("it must be {}", join_scalars(words)));
            }
            (ValueSpec::Integer { min, max }, DeValue::Integer(_)) => match parse_integer(value) {
                Some(number) if (*min..=*max).contains(&number) => {}
                _ => {
                    let help = if *max == i64::MAX {
                        format!("it must be an integer of {min} or more")
                    } else {
                        format!("it must be an integer from {min} to {max}")
                    };
                    self.report_invalid_value(span, at, "out of range", help);
                }
            },
            (ValueSpec::IntegerOneOf(numbers), DeValue::Integer(_)) => {
                if !parse_integer(value).is_some_and(|number| numbers.contains(&number)) {
                    let listed: Vec<String> = numbers.iter().map(i64::to_string).collect();
                    let nearest =
                        parse_integer(value).and_then(|n| numbers.iter().min_by_key(|other| n.abs_diff(**other)));
                    let nearest = nearest.map_or_else(String::new, |nearest| format!("the nearest is {nearest}; "));
                    let help = format!("{nearest}AWS accepts only {}", listed.join(", "));
                    self.report_invalid_value(span, at, "not allowed", help);
                }
            }
            (ValueSpec::Bool, DeValue::Boolean(_)) => {}
            (ValueSpec::Date, DeValue::Datetime(date)) if date.date.is_some() && date.time.is_none() => {}
            (ValueSpec::Date, DeValue::String(text)) if text.parse::<jiff::civil::Date>().is_ok() => {}
            (ValueSpec::Table(table), DeValue::Table(inner)) => self.check_table(inner, table, at),
            (ValueSpec::Named(description), DeValue::Table(inner)) => {
                for (name, value) in in_file_order(inner) {
                    if let Err(flaw) = format::check_name(name.get_ref()) {
                        self.push_flaw(&flaw, ErrorCode::Name, name.span(), name.get_ref());
                    }
                    match value.get_ref() {
                        DeValue::Table(table) => self.check_table(table, description, &at.child_place(name)),
                        _ => self.report_wrong_type(value, "a table", &at.child_place(name), None),
                    }
                }
            }
            (ValueSpec::Kinds(kinds), DeValue::Table(inner)) => self.check_kinds(inner, kinds, at),
            (ValueSpec::Mapping, DeValue::Table(inner)) => {
                for (name, value) in in_file_order(inner) {
                    match value.get_ref() {
                        DeValue::String(text) => {
                            if let Err(flaw) = mapping::check_mapping(text) {
                                self.push_flaw(&flaw, ErrorCode::Mapping, value.span(), text);
                            }
                        }
                        _ => self.report_wrong_type(
                            value,
                            "a string",
                            &at.child_place(name),
                            Some("to set a fixed value, write \"=value\""),
                        ),
                    }
                }
            }
            (ValueSpec::Texts { format, most }, DeValue::Array(values)) => {
                for value in values.iter() {
                    match value.get_ref() {
                        DeValue::String(text) => {
                            if let Err(flaw) = format.check_text(text) {
                                self.push_flaw(&flaw, problem_code(*format), value.span(), text);
                            }
                        }
                        _ => self.report_wrong_type(value, "a string", at, None),
                    }
                }
                if values.is_empty() || values.len() > *most {
                    let message = format!("{} has {} entries", at.quoted_path(), values.len());
                    let problem = ManifestProblem::new(ErrorCode::Value, span, message, "here");
                    self.push_problem(problem.with_help(format!("Lambda accepts 1 to {most}")));
                }
            }
            (ValueSpec::Tags, DeValue::Table(inner)) => {
                for (key, value) in in_file_order(inner) {
                    if let Err(flaw) = tags::check_tag_key(key.get_ref()) {
                        self.push_flaw(&flaw, ErrorCode::Tag, key.span(), key.get_ref());
                    }
                    match value.get_ref() {
                        DeValue::String(text) => {
                            if let Err(flaw) = tags::check_tag_value(text) {
                                self.push_flaw(&flaw, ErrorCode::Tag, value.span(), text);
                            }
                        }
                        _ => self.report_wrong_type(
                            value,
                            "a string",
                            &at.child_place(key),
                            Some("write it in quotes: a tag's value is a text"),
                        ),
                    }
                }
            }
            _ => self.report_wrong_type(value, describe_expected_type(expected), at, type_help(expected)),
        }
    }

    fn check_kinds(&mut self, table: &DeTable<'_>, kinds: &[(&str, &TableSpec)], at: &TablePlace) {
        let words: Vec<&str> = kinds.iter().map(|(word, _)| *word).collect();
        let Some(kind) = table.get(KIND.name) else {
            let help = format!("add {} = {}", KIND.name, join_alternatives(&words));
            let message = format!("`{}` is missing the key `{}`", at.path, KIND.name);
            self.push_problem(
                ManifestProblem::new(
                    ErrorCode::MissingKey,
                    at.span.clone(),
                    message,
                    format!("missing `{}`", KIND.name),
                )
                .with_help(help),
            );
            return;
        };
        let DeValue::String(word) = kind.get_ref() else {
            return self.report_wrong_type(kind, "a string", at, None);
        };
        match kinds.iter().find(|(name, _)| name == word) {
            Some((_, description)) => self.check_table(table, description, at),
            None => {
                let message = format!("{} has an unknown kind", at.quoted_path());
                self.push_problem(
                    ManifestProblem::new(ErrorCode::Kind, kind.span(), message, "unknown kind")
                        .with_help(suggest_one_of(word, &words)),
                );
            }
        }
    }

    /// Quotes the value from the file, so it must not be used for keys that hold secrets.
    fn report_invalid_value(&mut self, span: Span, at: &TablePlace, label: &str, help: String) {
        let raw = self.text.get(span.clone()).unwrap_or_default();
        let message = format!("{} can't be {raw}", at.quoted_path());
        self.push_problem(ManifestProblem::new(ErrorCode::Value, span, message, label).with_help(help));
    }

    pub(super) fn push_problem(&mut self, problem: ManifestProblem) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// Reports what is wrong with the string at `span`. Points at the wrong part if the source has the string verbatim,
    /// without escapes.
    pub(super) fn push_flaw(&mut self, flaw: &Flaw, code: ErrorCode, span: Span, text: &str) {
        let part = flaw.at.clone().and_then(|at| self.span_of_part(&span, text, at));
        let problem =
            ManifestProblem::new(code, part.unwrap_or(span), flaw.message.clone(), "here").with_help(flaw.help.clone());
        self.push_problem(problem);
    }

    fn span_of_part(&self, span: &Span, text: &str, at: Range<usize>) -> Option<Span> {
        let raw = self.text.get(span.clone())?;
        let quotes = raw.strip_suffix(closing_quotes(raw)?)?.strip_suffix(text).map(str::len)?;
        Some(span.start + quotes + at.start..span.start + quotes + at.end)
    }

    fn report_unknown_key(&mut self, name: &Spanned<DeString<'_>>, table: &TableSpec, at: &TablePlace) {
        let known: Vec<&str> = table.list_keys().map(|key| key.name).collect();
        let help = match (find_nearest(name.get_ref(), &known), find_table_of_key(name.get_ref())) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, Some(path)) => format!("`{}` belongs in {path}", name.get_ref()),
            (None, None) => format!("the keys here are {}", known.join(", ")),
        };
        let place = if at.path.is_empty() { "the manifest".to_owned() } else { format!("`{}`", at.path) };
        let message = format!("{place} has no key `{}`", name.get_ref());
        self.push_problem(
            ManifestProblem::new(ErrorCode::UnknownKey, name.span(), message, "unknown key").with_help(help),
        );
    }

    fn report_missing_key(&mut self, key: &KeySpec, at: &TablePlace) {
        let example = key.example.map(|example| format!("add it, for example {} = {example}", key.name));
        let help = match (&key.value, example) {
            (_, Some(example)) => example,
            (ValueSpec::Kinds(kinds), None) => {
                let words: Vec<&str> = kinds.iter().map(|(word, _)| *word).collect();
                format!("add [{}] with {} = {}", at.child_path(key.name), KIND.name, join_alternatives(&words))
            }
            (ValueSpec::Texts { format, .. }, None) => {
                format!("add it, for example {} = [\"{}\"]", key.name, format.example_id())
            }
            (_, None) => format!("add [{}]", at.child_path(key.name)),
        };
        let place = if at.path.is_empty() { "the manifest".to_owned() } else { format!("`{}`", at.path) };
        let message = format!("{place} is missing the key `{}`", key.name);
        let label = format!("missing `{}`", key.name);
        self.push_problem(ManifestProblem::new(ErrorCode::MissingKey, at.span.clone(), message, label).with_help(help));
    }

    fn report_wrong_type(&mut self, value: &Spanned<DeValue<'_>>, expected: &str, at: &TablePlace, help: Option<&str>) {
        let message = format!("{} must be {expected}", at.quoted_path());
        let mut problem = ManifestProblem::new(
            ErrorCode::Type,
            value.span(),
            message,
            format!("this is {}", describe_found_type(value.get_ref())),
        );
        problem.help = help.map(str::to_owned);
        self.push_problem(problem);
    }
}

impl TablePlace {
    pub(super) fn child_place(&self, name: &Spanned<DeString<'_>>) -> Self {
        Self { path: self.child_path(name.get_ref()), span: name.span() }
    }

    fn child_path(&self, name: &str) -> String {
        let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        let name = if plain { name.to_owned() } else { format!("{name:?}") };
        if self.path.is_empty() { name } else { format!("{}.{name}", self.path) }
    }

    fn quoted_path(&self) -> String {
        format!("`{}`", self.path)
    }
}

/// The entries in the order of the file.
pub(super) fn in_file_order<'t, 's>(
    table: &'t DeTable<'s>,
) -> Vec<(&'t Spanned<DeString<'s>>, &'t Spanned<DeValue<'s>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    entries
}

/// An integer, in any of TOML's notations.
pub(super) fn parse_integer(value: &Spanned<DeValue<'_>>) -> Option<i64> {
    let number = value.get_ref().as_integer()?;
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// The longest word that can be a misspelled one, in bytes.
const LONGEST_WORD: usize = 200;

/// The known word that `word` was most likely meant to be.
pub(super) fn find_nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    // Comparing takes as long as both words together.
    if word.len() > LONGEST_WORD {
        return None;
    }
    let word = word.to_lowercase().replace('-', "_");
    let likeness = |other: &str| {
        let contained = other.len() > 3 && word.len() > 3 && (other.contains(&word) || word.contains(other));
        strsim::jaro_winkler(&word, other) + if contained { 0.1 } else { 0.0 }
    };
    let best = known.iter().map(|other| (*other, likeness(other))).max_by(|a, b| a.1.total_cmp(&b.1));
    best.filter(|(_, likeness)| *likeness > 0.82).map(|(other, _)| other)
}

/// The allowed words (`"a", "b" or "c"`), after a suggestion if one of them is similar.
pub(super) fn suggest_one_of(word: &str, words: &[&str]) -> String {
    match find_nearest(word, words) {
        Some(near) => format!("did you mean \"{near}\"? It must be {}", join_alternatives(words)),
        None => format!("it must be {}", join_alternatives(words)),
    }
}

fn join_alternatives(words: &[&str]) -> String {
    match words {
        [first @ .., last] if !first.is_empty() => format!("\"{}\" or \"{last}\"", first.join("\", \"")),
        _ => format!("\"{}\"", words.concat()),
    }
}

/// Whether a word is a number, which is written without quotes.
pub(super) fn is_number(word: &str) -> bool {
    word.parse::<i64>().is_ok()
}

/// The allowed numbers and words: `1, "off" or "auto"`.
fn join_scalars(words: &[&str]) -> String {
    let written: Vec<String> =
        words.iter().map(|word| if is_number(word) { (*word).to_owned() } else { format!("\"{word}\"") }).collect();
    match written.as_slice() {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => written.concat(),
    }
}

/// The table that a misplaced key belongs in.
fn find_table_of_key(name: &str) -> Option<String> {
    fn find_table_with_key(name: &str, table: &TableSpec, path: &str) -> Option<String> {
        let here = || table.find_key(name).is_some().then(|| format!("[{path}]"));
        let below = || {
            table.list_keys().find_map(|key| {
                let path = if path.is_empty() { key.name.to_owned() } else { format!("{path}.{}", key.name) };
                match &key.value {
                    ValueSpec::Table(table) => find_table_with_key(name, table, &path),
                    ValueSpec::Named(table) => find_table_with_key(name, table, &format!("{path}.NAME")),
                    ValueSpec::Kinds(kinds) => {
                        kinds.iter().find_map(|(_, table)| find_table_with_key(name, table, &path))
                    }
                    _ => None,
                }
            })
        };
        if path.is_empty() { below() } else { here().or_else(below) }
    }
    find_table_with_key(name, RootKeys::SPEC, "")
}

fn problem_code(format: TextFormat) -> ErrorCode {
    match format {
        TextFormat::SecretRef => ErrorCode::SecretReference,
        TextFormat::Schedule => ErrorCode::Schedule,
        TextFormat::Timeout | TextFormat::RetickWindow => ErrorCode::Duration,
        TextFormat::TimeZone => ErrorCode::Timezone,
        TextFormat::Name => ErrorCode::Name,
        TextFormat::BaseUri | TextFormat::Url | TextFormat::LookupUrl => ErrorCode::Address,
        _ => ErrorCode::Value,
    }
}

fn describe_expected_type(expected: &ValueSpec) -> &'static str {
    match expected {
        ValueSpec::Text(_) | ValueSpec::OneOf(_) => "a string",
        ValueSpec::NumberOrWord(_) => "a number or a word",
        ValueSpec::Integer { .. } | ValueSpec::IntegerOneOf(_) => "an integer",
        ValueSpec::Bool => "true or false",
        ValueSpec::Date => "a date",
        ValueSpec::Texts { .. } => "a list",
        ValueSpec::Table(_) | ValueSpec::Named(_) | ValueSpec::Kinds(_) | ValueSpec::Mapping | ValueSpec::Tags => {
            "a table"
        }
    }
}

fn type_help(expected: &ValueSpec) -> Option<&'static str> {
    match expected {
        ValueSpec::Text(TextFormat::Timeout | TextFormat::RetickWindow) => {
            Some("write it in quotes with a unit, such as \"90s\" or \"4m\"")
        }
        ValueSpec::Text(TextFormat::Account) => Some("write it in quotes, since an account ID can start with 0"),
        ValueSpec::Text(TextFormat::SecretRef) => Some("write a reference, such as \"env:NAME\""),
        ValueSpec::Text(_) | ValueSpec::OneOf(_) => Some("write it in quotes"),
        ValueSpec::Integer { .. } | ValueSpec::IntegerOneOf(_) => Some("write it as a whole number, without quotes"),
        ValueSpec::Bool => Some("write true or false, without quotes"),
        ValueSpec::Texts { .. } => Some("write it in brackets, such as [\"a\", \"b\"]"),
        ValueSpec::Date => Some("write it as YYYY-MM-DD, such as 2025-09-15"),
        _ => None,
    }
}

fn describe_found_type(value: &DeValue<'_>) -> &'static str {
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

fn closing_quotes(raw: &str) -> Option<&str> {
    ["\"\"\"", "'''", "\"", "'"].into_iter().find(|end| raw.ends_with(end) && raw.starts_with(end))
}
