//! Reads contacts from a CSV file in HubSpot's export format, where the column headers are property labels.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use deployer_core::error::{Error, ErrorCode, Result};

/// How the label of a venue's flag starts.
const FLAG_LABEL: &str = "Tripleseat Sync - ";

/// HubSpot's own properties: the label in an export, and the internal name.
const LABELS: [(&str, &str); 22] = [
    ("Record ID", "hs_object_id"),
    ("First Name", "firstname"),
    ("Last Name", "lastname"),
    ("Email", "email"),
    ("Phone Number", "phone"),
    ("Mobile Phone Number", "mobilephone"),
    ("Company Name", "company"),
    ("Company", "company"),
    ("Job Title", "jobtitle"),
    ("Message", "message"),
    ("Street Address", "address"),
    ("City", "city"),
    ("State/Region", "state"),
    ("Postal Code", "zip"),
    ("Country/Region", "country"),
    ("Website URL", "website"),
    ("Lifecycle Stage", "lifecyclestage"),
    ("Lead Status", "hs_lead_status"),
    ("Create Date", "createdate"),
    ("Last Modified Date", "lastmodifieddate"),
    ("Guest Count", "guest_count"),
    ("Event Date", "event_date"),
];

/// A parsed contacts file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactsFile {
    /// In file order.
    pub columns: Vec<ContactColumn>,
    /// Values by internal name, in file order. Empty values are left out.
    pub contacts: Vec<BTreeMap<String, String>>,
}

/// A column of a contacts file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactColumn {
    /// The header text.
    pub label: String,
    /// The property's internal name.
    pub name: String,
}

impl ContactColumn {
    /// Whether the header is that of a venue's flag.
    pub fn is_flag(&self) -> bool {
        self.label.starts_with(FLAG_LABEL)
    }
}

/// The longest file with contacts, in bytes. They are all in memory, and a portal on this machine has thousands.
const MAX_CONTACTS_FILE: u64 = 64 * 1024 * 1024;

/// Reads a file. `labels` has the label and internal name of properties that only the manifest knows.
///
/// # Errors
/// The file can't be read, or parsing fails as in [`parse`].
pub fn read_contacts(path: &Path, labels: &[(String, String)]) -> Result<ContactsFile> {
    let bytes = bounds::read_regular_file(path, MAX_CONTACTS_FILE).map_err(|error| {
        Error::usage(ErrorCode::ContactsFile, format!("{}: could not read the contacts", path.display()))
            .caused_by(&error)
            .hint("pass the path of a CSV file with contacts exported from HubSpot")
    })?;
    parse_contacts(&bytes, &path.display().to_string(), labels)
}

/// Parses the bytes of a file. Errors refer to it as `name`.
///
/// # Errors
/// It isn't UTF-8 text, it has no header or no contacts, a row has more or fewer fields than the header, a column
/// appears twice, or two contacts share an id or an email.
pub fn parse_contacts(bytes: &[u8], name: &str, labels: &[(String, String)]) -> Result<ContactsFile> {
    let text = decode_text(bytes, name)?;
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut records = reader.records().map(|record| record.map_err(|error| invalid_csv(&error, name)));
    let Some(header) = records.next().transpose()? else {
        return Err(Error::usage(ErrorCode::ContactsFile, format!("{name}: the file is empty"))
            .hint("export the contacts again; the first line must have the column names"));
    };
    let columns = parse_columns(&header, name, labels)?;
    let (mut contacts, mut ids, mut emails) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    for record in records {
        let record = record?;
        let line = record_line(&record);
        if record.len() != columns.len() {
            let (fields, wanted) = (record.len(), columns.len());
            let column = fields.min(wanted) + 1;
            let (found, wanted) = (count_with_noun(fields, "field"), count_with_noun(wanted, "column"));
            return Err(Error::usage(
                ErrorCode::ContactsFile,
                format!("{name}:{line}: expected {wanted}, found {found} (they differ from column {column} on)"),
            )
            .hint("put quotation marks around fields that contain a comma, a quotation mark or a line break"));
        }
        let contact: BTreeMap<String, String> = columns
            .iter()
            .zip(&record)
            .filter(|(_, value)| !value.trim().is_empty())
            .map(|(column, value)| (column.name.clone(), value.to_owned()))
            .collect();
        check_unique(&mut ids, contact.get("hs_object_id").map(|id| id.trim()), "Record ID", line, name, &columns)?;
        check_unique(&mut emails, contact.get("email").map(|email| email.trim()), "Email", line, name, &columns)?;
        contacts.push(contact);
    }
    if contacts.is_empty() {
        return Err(Error::usage(ErrorCode::ContactsFile, format!("{name}: the file has a header but no contacts"))
            .hint("export the contacts again, or use another file"));
    }
    Ok(ContactsFile { columns, contacts })
}

/// The internal name derived from a label, for properties that aren't known otherwise.
pub fn property_slug(label: &str) -> String {
    let words = label.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let slug = words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("_");
    // A property name must start with a letter.
    if slug.starts_with(|first: char| first.is_ascii_lowercase()) { slug } else { format!("property_{slug}") }
}

fn decode_text<'a>(bytes: &'a [u8], name: &str) -> Result<&'a str> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let column = String::from_utf8_lossy(&before[start..]).chars().count() + 1;
        Error::usage(ErrorCode::ContactsFile, format!("{name}:{line}:{column}: the file isn't UTF-8 text"))
            .hint("save it as \"CSV UTF-8\", or export the contacts as CSV, not as XLSX")
    })?;
    // Spreadsheets put a byte order mark at the start.
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn parse_columns(header: &csv::StringRecord, name: &str, labels: &[(String, String)]) -> Result<Vec<ContactColumn>> {
    let mut columns: Vec<ContactColumn> = Vec::new();
    for (index, label) in header.iter().map(str::trim).enumerate() {
        let at = format!("{name}:1: column {}", index + 1);
        if label.is_empty() {
            return Err(Error::usage(ErrorCode::ContactsFile, format!("{at} has no name"))
                .hint("the first line must have the column names, as in HubSpot's export"));
        }
        let column = ContactColumn { label: label.to_owned(), name: internal_name(label, labels) };
        if let Some(other) = columns.iter().position(|other| other.name == column.name) {
            return Err(Error::usage(
                ErrorCode::ContactsFile,
                format!("{at} is the property {}, and so is column {}", column.name, other + 1),
            )
            .hint("remove one of the two columns"));
        }
        columns.push(column);
    }
    let known: BTreeSet<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    if !["email", "firstname", "lastname", "phone"].iter().any(|wanted| known.contains(wanted)) {
        return Err(Error::usage(
            ErrorCode::ContactsFile,
            format!("{name}:1: the first line has no known contact column"),
        )
        .hint("the first line must have the column names: Record ID, First Name, Last Name, Email, Phone Number, …"));
    }
    Ok(columns)
}

fn internal_name(label: &str, labels: &[(String, String)]) -> String {
    let given = labels.iter().find(|(known, _)| known.eq_ignore_ascii_case(label)).map(|(_, name)| name.clone());
    let own = || LABELS.iter().find(|(known, _)| known.eq_ignore_ascii_case(label)).map(|(_, name)| (*name).to_owned());
    // The header may already be an internal name. `slug` would collapse the double underscores in a flag's name.
    let internal = || {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        (label.bytes().all(allowed) && label.starts_with(|first: char| first.is_ascii_lowercase()))
            .then(|| label.to_owned())
    };
    given.or_else(own).or_else(internal).unwrap_or_else(|| property_slug(label))
}

/// Refuses a value that an earlier line already has.
fn check_unique(
    lines: &mut BTreeMap<String, u64>,
    value: Option<&str>,
    what: &str,
    line: u64,
    name: &str,
    columns: &[ContactColumn],
) -> Result<()> {
    let Some(value) = value else { return Ok(()) };
    let Some(other) = lines.insert(value.to_lowercase(), line) else { return Ok(()) };
    let property = if what == "Email" { "email" } else { "hs_object_id" };
    let column = columns.iter().position(|column| column.name == property).map_or(0, |index| index + 1);
    // The value itself stays out of the error: an email is personal data.
    Err(Error::usage(
        ErrorCode::ContactsFile,
        format!("{name}:{line}: the {what} (column {column}) is the same as on line {other}"),
    )
    .hint("in HubSpot only one contact can have it: remove one of the two lines"))
}

fn invalid_csv(error: &csv::Error, name: &str) -> Error {
    let line = error.position().map_or(1, csv::Position::line);
    Error::usage(ErrorCode::ContactsFile, format!("{name}:{line}: this is not valid CSV"))
        .caused_by(error)
        .hint("export the contacts again, as CSV")
}

fn record_line(record: &csv::StringRecord) -> u64 {
    record.position().map_or(0, csv::Position::line)
}

fn count_with_noun(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
