//! Edits of a manifest's text. An edit changes only the bytes that it is about and keeps the comments, order, spacing
//! and line breaks of everything else. It doesn't check whether the result is valid; [`super::check`] does.

use std::ops::Range;

use sync_config::config::{DestinationConfig, HttpAuth, OAuthGrant, TRIPLESEAT_BASE_URI};
use toml_edit::{Document, Item, Table, TableLike};

use super::key::{KIND, Key, Optional};
use super::keys::{
    AUTH_HEADER, AUTH_QUERY, AuthTable, BLOCKER, DEPLOYMENT, DestinationTable, HTTP, INHERITED, ROOT, TRIPLESEAT,
    TripleseatKeys, VENUE,
};
use super::value::WordValue;
use super::{SecretRef, Status};

/// The file is valid but written in a way that can't be edited without changing more than requested.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Uneditable(String);

impl Uneditable {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// A venue to add.
#[derive(Debug, Clone)]
pub struct NewVenue {
    /// Key of its table.
    pub name: String,
    /// Display name.
    pub display_name: String,
    /// Omitted from the text if it is `active`, the default.
    pub status: Status,
    /// EventBridge expression; the default if `None`.
    pub schedule: Option<String>,
    /// Timeout of a run (`50s`); the default if `None`.
    pub timeout: Option<String>,
    /// Keys of `secrets` (those of [`secret_keys`]), with references to their values.
    pub secrets: Vec<(&'static str, SecretRef)>,
    /// Tripleseat's base URL, if it isn't the public one.
    pub tripleseat_base_uri: Option<String>,
    /// Where the leads go.
    pub destination: DestinationConfig,
    /// Destination fields with their mapping expressions.
    pub fields: Vec<(String, String)>,
}

/// The keys of `[venues.NAME.secrets]`.
pub mod secret_keys {
    use super::super::keys::SECRETS;

    /// HubSpot access token, of a service key.
    pub const HUBSPOT_TOKEN: &str = SECRETS.hubspot_token.name();
    /// Tripleseat's public key.
    pub const TRIPLESEAT_PUBLIC_KEY: &str = SECRETS.tripleseat_public_key.name();
    /// OAuth client in Tripleseat.
    pub const TRIPLESEAT_CLIENT_ID: &str = SECRETS.tripleseat_client_id.name();
    /// Secret of the OAuth client.
    pub const TRIPLESEAT_CLIENT_SECRET: &str = SECRETS.tripleseat_client_secret.name();
    /// Credential of a destination with kind "http".
    pub const DESTINATION_CREDENTIAL: &str = SECRETS.destination_credential.name();
}

/// A key of a blocker, and its new value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlockerEntry {
    /// What is blocking the venue.
    Reason(String),
    /// Who takes the next step.
    Owner(String),
    /// The next step.
    NextStep(String),
    /// Since when.
    Since(jiff::civil::Date),
}

impl BlockerEntry {
    fn entry_key(&self) -> &'static str {
        match self {
            Self::Reason(_) => BLOCKER.reason.name(),
            Self::Owner(_) => BLOCKER.owner.name(),
            Self::NextStep(_) => BLOCKER.next_step.name(),
            Self::Since(_) => BLOCKER.since.name(),
        }
    }

    fn toml_value(&self) -> String {
        match self {
            Self::Reason(text) | Self::Owner(text) | Self::NextStep(text) => quote_string(text),
            Self::Since(date) => date.to_string(),
        }
    }
}

/// Returns `text` with a table for the new venue after those of the other venues.
pub fn add_venue(text: &str, new: &NewVenue) -> Result<String, Uneditable> {
    let manifest = ManifestText::parse_text(text)?;
    let title = format_entry(VENUE.display_name.name(), &quote_string(&new.display_name));
    let mut block = format!("[{}.{}]\n{title}", ROOT.venues.name(), new.name);
    if new.status != Status::Active {
        block.push_str(&format_entry(VENUE.status.name(), &quote_string(new.status.as_word())));
    }
    for (key, value) in [(INHERITED.schedule.name(), &new.schedule), (INHERITED.timeout.name(), &new.timeout)] {
        block.extend(value.iter().map(|value| format_entry(key, &quote_string(value))));
    }
    block.push_str(&format_section(
        &new.name,
        VENUE.secrets.name(),
        new.secrets.iter().map(|(key, from)| (*key, quote_string(from))),
    ));
    let destination = destination_entries(new);
    block.push_str(&format_section(
        &new.name,
        VENUE.destination.name(),
        destination.iter().map(|(key, value)| (*key, value.clone())),
    ));
    let fields: Vec<_> = new.fields.iter().map(|(field, from)| (format_key(field), quote_string(from))).collect();
    block.push_str(&format_section(
        &new.name,
        VENUE.fields.name(),
        fields.iter().map(|(key, value)| (key.as_str(), value.clone())),
    ));

    let last = manifest.document.get(ROOT.venues.name()).map(end_of_item).unwrap_or_default();
    match manifest.next_header(last).filter(|_| last > 0) {
        // Comments right above the next table belong to that table, so the new venue goes before them.
        Some(header) => {
            let mut at = line_start(text, header);
            while at > 0 && text[line_start(text, at - 1)..at].trim_start().starts_with('#') {
                at = line_start(text, at - 1);
            }
            let before = if at == 0 || text[line_start(text, at - 1)..at].trim().is_empty() { "" } else { "\n" };
            Ok(manifest.replace_text(at..at, &format!("{before}{block}\n")))
        }
        None => {
            let before = match text {
                _ if text.trim().is_empty() || text.ends_with("\n\n") || text.ends_with("\n\r\n") => "",
                _ if text.ends_with('\n') => "\n",
                _ => "\n\n",
            };
            Ok(manifest.replace_text(text.len()..text.len(), &format!("{before}{block}")))
        }
    }
}

/// Returns `text` with the deployment's region changed.
pub fn set_region(text: &str, region: &str) -> Result<String, Uneditable> {
    set_deployment_key(text, DEPLOYMENT.region.name(), region, DEPLOYMENT.name.name())
}

/// Returns `text` with the deployment's account set.
pub fn set_account(text: &str, account: &str) -> Result<String, Uneditable> {
    set_deployment_key(text, DEPLOYMENT.account.name(), account, DEPLOYMENT.region.name())
}

/// Sets a key of `[deployment]`, after another one if it isn't there yet.
fn set_deployment_key(text: &str, key: &str, value: &str, after: &str) -> Result<String, Uneditable> {
    let manifest = ManifestText::parse_text(text)?;
    let table = manifest.document.get(ROOT.deployment.name()).and_then(Item::as_table_like);
    let table = table.ok_or_else(|| Uneditable::new(format!("it has no table {}", ROOT.deployment.name())))?;
    manifest.set_key(table, key, &quote_string(value), after)
}

/// Returns `text` with the venue's status changed.
pub fn set_status(text: &str, venue: &str, status: Status) -> Result<String, Uneditable> {
    let manifest = ManifestText::parse_text(text)?;
    let table = manifest.find_venue(venue)?;
    let key = VENUE.status.name();
    if status == Status::Active && !table.contains_key(key) {
        return Ok(text.to_owned());
    }
    manifest.set_key(table, key, &quote_string(status.as_word()), VENUE.display_name.name())
}

/// Returns `text` with these entries set in the venue's blocker. Its other entries stay.
pub fn set_blocker(text: &str, venue: &str, entries: &[BlockerEntry]) -> Result<String, Uneditable> {
    let manifest = ManifestText::parse_text(text)?;
    let table = manifest.find_venue(venue)?;
    let key_name = VENUE.blocker.name();
    if table.contains_key(key_name) {
        let mut text = text.to_owned();
        // Each entry is inserted right after the reason, so the last one has to be inserted first.
        for entry in entries.iter().rev() {
            let manifest = ManifestText::parse_text(&text)?;
            let blocker = manifest.find_venue(venue)?.get(key_name).and_then(Item::as_table_like);
            let blocker = blocker.ok_or_else(|| Uneditable::new("its blocker is not a table"))?;
            text = manifest.set_key(blocker, entry.entry_key(), &entry.toml_value(), BLOCKER.reason.name())?;
        }
        return Ok(text);
    }
    let status = VENUE.status.name();
    let anchor = if table.contains_key(status) { status } else { VENUE.display_name.name() };
    let (key, value) = manifest.key_and_value_places(table, anchor)?;
    if manifest.is_inline(venue) {
        let inner: Vec<_> =
            entries.iter().map(|entry| format!("{} = {}", entry.entry_key(), entry.toml_value())).collect();
        return Ok(manifest.replace_text(value.end..value.end, &format!(", {key_name} = {{ {} }}", inner.join(", "))));
    }
    let prefix = &text[line_start(text, key.start)..key.start];
    if !prefix.trim().is_empty() {
        let lines = entries
            .iter()
            .map(|item| format!("{prefix}{key_name}.{}", format_entry(item.entry_key(), &item.toml_value())));
        return Ok(manifest.insert_lines(line_end(text, value.end), &lines.collect::<String>()));
    }
    let table =
        manifest.venue_with_header(venue).ok_or_else(|| Uneditable::new("its table does not have its own header"))?;
    let at = manifest.end_of_section(table);
    let apart = if text[at..line_end(text, at)].trim().is_empty() { "\n" } else { "" };
    let block = format_section(venue, key_name, entries.iter().map(|entry| (entry.entry_key(), entry.toml_value())));
    Ok(manifest.insert_lines(at, &format!("{apart}{block}")))
}

/// Returns `text` without the venue's blocker. Comments inside its table are removed with it; those above it stay.
pub fn remove_blocker(text: &str, venue: &str) -> Result<String, Uneditable> {
    let manifest = ManifestText::parse_text(text)?;
    let table = manifest.find_venue(venue)?;
    let Some(item) = table.get(VENUE.blocker.name()) else { return Ok(text.to_owned()) };
    if let Item::Value(_) = item {
        let (key, value) = manifest.key_and_value_places(table, VENUE.blocker.name())?;
        if manifest.is_inline(venue) {
            // Also remove the comma before it or, if it is the first entry, the comma after it.
            let before = text[..key.start].trim_end();
            let after = text[value.end..].trim_start();
            return Ok(match (before.strip_suffix(','), after.strip_prefix(',')) {
                (Some(before), _) => manifest.replace_text(before.len()..value.end, ""),
                (None, Some(after)) => manifest.replace_text(key.start..text.len() - after.trim_start().len(), ""),
                (None, None) => manifest.replace_text(key.start..value.end, ""),
            });
        }
        let lines = line_start(text, key.start)..line_end(text, value.end);
        return Ok(manifest.replace_text(lines, ""));
    }
    let blocker = item.as_table().ok_or_else(|| Uneditable::new("its blocker is not a table"))?;
    if blocker.is_dotted() {
        let mut lines: Vec<Range<usize>> = Vec::new();
        for (key, _) in blocker.iter() {
            let (key, value) = manifest.key_and_value_places(blocker, key)?;
            lines.push(line_start(text, key.start)..line_end(text, value.end));
        }
        lines.sort_by_key(|range| range.start);
        let mut out = text.to_owned();
        lines.into_iter().rev().for_each(|range| out.replace_range(range, ""));
        return Ok(out);
    }
    let header = blocker.span().ok_or_else(|| Uneditable::new("its blocker does not have its own header"))?;
    let mut start = line_start(text, header.start);
    let end = line_end(text, end_of_item(item).saturating_sub(1));
    // Keep only one of the empty lines around it.
    let above = start.checked_sub(1).map(|at| line_start(text, at));
    if let Some(above) = above.filter(|above| text[*above..start].trim().is_empty())
        && text[end..line_end(text, end)].trim().is_empty()
    {
        start = above;
    }
    Ok(manifest.replace_text(start..end, ""))
}

/// `active`, `paused` or `blocked`.
pub fn status_word(status: Status) -> &'static str {
    status.as_word()
}

pub(super) struct ManifestText<'t> {
    text: &'t str,
    pub(super) document: Document<&'t str>,
}

impl<'t> ManifestText<'t> {
    pub(super) fn parse_text(text: &'t str) -> Result<Self, Uneditable> {
        // The parser's message would quote a line of the file, which may contain a misplaced secret.
        let document = Document::parse(text).map_err(|_| Uneditable::new("it is not valid TOML"))?;
        Ok(Self { text, document })
    }

    pub(super) fn find_venue(&self, name: &str) -> Result<&dyn TableLike, Uneditable> {
        let venues = self.document.get(ROOT.venues.name()).and_then(Item::as_table_like);
        let venue = venues.and_then(|venues| venues.get(name)).and_then(Item::as_table_like);
        venue.ok_or_else(|| Uneditable::new(format!("it has no venue {name}")))
    }

    fn venue_with_header(&self, name: &str) -> Option<&Table> {
        self.document.get(ROOT.venues.name())?.as_table()?.get(name)?.as_table().filter(|table| !table.is_dotted())
    }

    /// Whether the venue is written as an inline table.
    fn is_inline(&self, name: &str) -> bool {
        let venues = self.document.get(ROOT.venues.name());
        let venue = venues.and_then(Item::as_table_like).and_then(|venues| venues.get(name));
        [venues, venue].into_iter().flatten().any(|item| item.is_value())
    }

    /// The places of a key and its value.
    fn key_and_value_places(
        &self,
        table: &dyn TableLike,
        key: &str,
    ) -> Result<(Range<usize>, Range<usize>), Uneditable> {
        let found = table.get_key_value(key).and_then(|(key, item)| Some((key.span()?, item.span()?)));
        found.ok_or_else(|| Uneditable::new(format!("it has no `{key}`")))
    }

    /// Sets a key's value. A missing key is added after `anchor`, which must exist.
    fn set_key(&self, table: &dyn TableLike, key: &str, value: &str, anchor: &str) -> Result<String, Uneditable> {
        if table.contains_key(key) {
            let (_, place) = self.key_and_value_places(table, key)?;
            return Ok(self.replace_text(place, value));
        }
        let (anchor_key, anchor_value) = self.key_and_value_places(table, anchor)?;
        let line = line_start(self.text, anchor_key.start);
        let prefix = &self.text[line..anchor_key.start];
        // In an inline table, entries are separated by commas.
        if prefix.contains('{') || prefix.contains(',') || self.is_in_braces(table) {
            return Ok(self.replace_text(anchor_value.end..anchor_value.end, &format!(", {key} = {value}")));
        }
        Ok(self.insert_lines(line_end(self.text, anchor_value.end), &format!("{prefix}{}", format_entry(key, value))))
    }

    fn is_in_braces(&self, table: &dyn TableLike) -> bool {
        let mut places = table.iter().filter_map(|(_, item)| item.span());
        let Some(inside) = places.next() else { return false };
        fn contains_position(item: &Item, at: usize) -> bool {
            match item {
                Item::Value(value) => {
                    value.is_inline_table() && value.span().is_some_and(|span| span.start < at && at < span.end)
                }
                Item::Table(table) => table.iter().any(|(_, item)| contains_position(item, at)),
                Item::None | Item::ArrayOfTables(_) => false,
            }
        }
        contains_position(self.document.as_item(), inside.start)
    }

    /// Where the next table's header starts.
    fn next_header(&self, after: usize) -> Option<usize> {
        self.header_starts().into_iter().find(|start| *start >= after)
    }

    /// Where the tables' headers start, in the order of the file.
    pub(super) fn header_starts(&self) -> Vec<usize> {
        fn collect_header_starts(item: &Item, out: &mut Vec<usize>) {
            if let Item::Table(table) = item {
                if !table.is_dotted() && !table.is_implicit() {
                    out.extend(table.span().map(|span| span.start));
                }
                table.iter().for_each(|(_, item)| collect_header_starts(item, out));
            }
        }
        let mut all = Vec::new();
        self.document.iter().for_each(|(_, item)| collect_header_starts(item, &mut all));
        all.sort_unstable();
        all
    }

    /// The line after the table's own entries and the comments that belong to them: those that follow directly, except
    /// for prose right above the next header, which is about that header.
    fn end_of_section(&self, table: &Table) -> usize {
        fn end_of_entries(table: &Table) -> usize {
            let own = table.iter().filter_map(|(_, item)| match item {
                Item::Value(value) => value.span().map(|span| span.end),
                Item::Table(inner) if inner.is_dotted() => Some(end_of_entries(inner)),
                _ => None,
            });
            own.chain(table.span().filter(|_| !table.is_dotted()).map(|span| span.end)).max().unwrap_or_default()
        }
        let text = self.text;
        let first = line_end(text, end_of_entries(table));
        let mut ends = vec![first];
        let mut at = first;
        while text[at..].trim_start_matches([' ', '\t']).starts_with('#') {
            at = line_end(text, at);
            ends.push(at);
        }
        if self.next_header(first).is_some_and(|header| line_start(text, header) == at) {
            while let [.., before, last] = ends[..]
                && !is_commented_key(&text[before..last])
            {
                ends.pop();
            }
        }
        ends.last().copied().unwrap_or(first)
    }

    /// Inserts whole lines at the start of a line, or at the end of a file without a final line break.
    fn insert_lines(&self, at: usize, lines: &str) -> String {
        let unended = at > 0 && !self.text[..at].ends_with('\n');
        self.replace_text(at..at, &format!("{}{lines}", if unended { "\n" } else { "" }))
    }

    /// Replaces a range with new text, using the file's own line breaks.
    fn replace_text(&self, place: Range<usize>, new: &str) -> String {
        let crlf = self.text.find('\n').is_some_and(|at| self.text[..at].ends_with('\r'));
        let new = if crlf { new.replace('\n', "\r\n") } else { new.to_owned() };
        let mut out = self.text.to_owned();
        out.replace_range(place, &new);
        out
    }
}

/// Where the last entry or header in the item ends.
fn end_of_item(item: &Item) -> usize {
    let own = item.span().map(|span| span.end).unwrap_or_default();
    let inner = item.as_table_like().into_iter().flat_map(|table| table.iter().map(|(_, item)| end_of_item(item)));
    inner.max().unwrap_or_default().max(own)
}

pub(super) fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |at| at + 1)
}

/// The position after the line break of the line that contains `at`.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |length| at + length + 1)
}

/// Whether the line is a commented-out key, such as `# protect = true`.
fn is_commented_key(line: &str) -> bool {
    let word = line.trim().trim_start_matches('#').trim_start();
    let rest = word.trim_start_matches(|char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-' | '.'));
    rest.len() < word.len() && rest.trim_start().starts_with('=')
}

/// A basic string on one line. JSON's escapes are valid in TOML too.
fn quote_string(text: impl ToString) -> String {
    serde_json::Value::from(text.to_string()).to_string()
}

pub(super) fn format_key(key: &str) -> String {
    let bare = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-');
    if !key.is_empty() && key.chars().all(bare) { key.to_owned() } else { quote_string(key) }
}

fn format_entry(key: &str, value: &str) -> String {
    format!("{key} = {value}\n")
}

/// A table of the venue, or an empty string if it would have no entries.
fn format_section<'k>(venue: &str, table: &str, entries: impl Iterator<Item = (&'k str, String)>) -> String {
    let entries: String = entries.map(|(key, value)| format_entry(key, &value)).collect();
    if entries.is_empty() { entries } else { format!("[{}.{venue}.{table}]\n{entries}", ROOT.venues.name()) }
}

fn destination_entries(new: &NewVenue) -> Vec<(&'static str, String)> {
    let mut entries = Vec::new();
    match &new.destination {
        DestinationConfig::Tripleseat(place) => {
            let number = |key: &Key<TripleseatKeys, Optional<u64>>, value: Option<u64>| {
                value.map(|value| (key.name(), value.to_string()))
            };
            entries.push(kind_entry(DestinationTable::Tripleseat));
            let base_uri = new.tripleseat_base_uri.as_deref().filter(|uri| *uri != TRIPLESEAT_BASE_URI);
            entries.extend(base_uri.map(|uri| (TRIPLESEAT.base_uri.name(), quote_string(uri))));
            entries.extend(number(&TRIPLESEAT.location_id, place.location_id));
            entries.extend(number(&TRIPLESEAT.lead_form_id, place.lead_form_id));
            entries.extend(number(&TRIPLESEAT.site_id, place.site_id));
            entries.extend(number(&TRIPLESEAT.lead_source_id, place.lead_source_id));
            entries.extend(number(&TRIPLESEAT.referral_source_id, place.referral_source_id));
            let oauth = Some(place.oauth).filter(|oauth| *oauth != OAuthGrant::default());
            entries.extend(oauth.map(|oauth| (TRIPLESEAT.oauth.name(), quote_string(oauth.as_word()))));
        }
        DestinationConfig::Http(http) => {
            entries.extend([kind_entry(DestinationTable::Http), (HTTP.url.name(), quote_string(&http.url))]);
            entries.extend(http.auth.as_ref().map(|auth| (HTTP.auth.name(), format_auth(auth))));
            let texts = [
                (&HTTP.success_pointer, &http.success_pointer),
                (&HTTP.id_pointer, &http.id_pointer),
                (&HTTP.lookup_url, &http.lookup_url),
                (&HTTP.lookup_id_pointer, &http.lookup_id_pointer),
            ];
            entries
                .extend(texts.into_iter().filter_map(|(key, value)| Some((key.name(), quote_string(value.as_ref()?)))));
            let rate = http.requests_per_second.map(|number| (HTTP.requests_per_second.name(), number.to_string()));
            entries.extend(rate);
        }
    }
    entries
}

fn kind_entry(kind: impl WordValue) -> (&'static str, String) {
    (KIND.name, quote_string(kind.as_word()))
}

fn format_auth(auth: &HttpAuth) -> String {
    let (kind, name) = match auth {
        HttpAuth::Bearer => (AuthTable::Bearer, None),
        HttpAuth::Basic => (AuthTable::Basic, None),
        HttpAuth::Header { name } => (AuthTable::Header, Some((AUTH_HEADER.name.name(), quote_string(name)))),
        HttpAuth::Query { name } => (AuthTable::Query, Some((AUTH_QUERY.name.name(), quote_string(name)))),
    };
    let entries = std::iter::once(kind_entry(kind)).chain(name);
    let entries: Vec<String> = entries.map(|(key, value)| format!("{key} = {value}")).collect();
    format!("{{ {} }}", entries.join(", "))
}
