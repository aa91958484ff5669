//! Contacts from a file, as HubSpot exports them: the columns are headed with the labels of properties.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use deployer_core::error::{Error, Result};

/// How the label of a venue's tick box begins.
const FLAG_LABEL: &str = "Tripleseat Sync - ";

/// Labels that HubSpot's own properties have in an export, with their internal names.
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

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactsFile {
    /// In the file's order.
    pub columns: Vec<Column>,
    /// Internal names and values, in the file's order. What is empty isn't there.
    pub contacts: Vec<BTreeMap<String, String>>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// As it is headed.
    pub label: String,
    /// The property's internal name.
    pub name: String,
}

impl Column {
    /// Whether it is headed as a venue's tick box is.
    pub fn is_flag(&self) -> bool {
        self.label.starts_with(FLAG_LABEL)
    }
}

/// Reads a file. `labels` are properties that only the manifest knows, label and internal name.
///
/// # Errors
/// The file can't be read, or as [`parse`].
pub fn read(path: &Path, labels: &[(String, String)]) -> Result<ContactsFile> {
    let bytes = std::fs::read(path).map_err(|error| {
        Error::usage(format!("{}: the contacts can't be read", path.display()))
            .caused_by(&error)
            .hint("give the path of a CSV file as HubSpot exports contacts")
    })?;
    parse(&bytes, &path.display().to_string(), labels)
}

/// Reads the bytes of a file that is called `name`.
///
/// # Errors
/// It isn't UTF-8 text, has no header or no contact, a row has more or less fields than the header, a column is there
/// twice, or two contacts have one id or one email.
pub fn parse(bytes: &[u8], name: &str, labels: &[(String, String)]) -> Result<ContactsFile> {
    let text = text(bytes, name)?;
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut records = reader.records().map(|record| record.map_err(|error| unreadable(&error, name)));
    let Some(header) = records.next().transpose()? else {
        return Err(Error::usage(format!("{name}: the file is empty"))
            .hint("export the contacts again: the first line has the names of the columns"));
    };
    let columns = columns(&header, name, labels)?;
    let (mut contacts, mut ids, mut emails) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    for record in records {
        let record = record?;
        let line = line(&record);
        if record.len() != columns.len() {
            let (fields, wanted) = (record.len(), columns.len());
            let column = fields.min(wanted) + 1;
            let (found, wanted) = (counted(fields, "field"), counted(wanted, "column"));
            return Err(Error::usage(format!(
                "{name}:{line}: {found} for {wanted} (the trouble is at column {column})"
            ))
            .hint("a comma, a quotation mark or a line break within a field needs quotation marks around the field"));
        }
        let contact: BTreeMap<String, String> = columns
            .iter()
            .zip(&record)
            .filter(|(_, value)| !value.trim().is_empty())
            .map(|(column, value)| (column.name.clone(), value.to_owned()))
            .collect();
        once(&mut ids, contact.get("hs_object_id").map(|id| id.trim()), "Record ID", line, name, &columns)?;
        once(&mut emails, contact.get("email").map(|email| email.trim()), "Email", line, name, &columns)?;
        contacts.push(contact);
    }
    if contacts.is_empty() {
        return Err(Error::usage(format!("{name}: the file has a header and no contact"))
            .hint("export the contacts again, or give another file"));
    }
    Ok(ContactsFile { columns, contacts })
}

/// The internal name that a label becomes where nothing else is known.
pub fn slug(label: &str) -> String {
    let words = label.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let slug = words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("_");
    // A property's name begins with a letter.
    if slug.starts_with(|first: char| first.is_ascii_lowercase()) { slug } else { format!("property_{slug}") }
}

fn text<'a>(bytes: &'a [u8], name: &str) -> Result<&'a str> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let column = String::from_utf8_lossy(&before[start..]).chars().count() + 1;
        Error::usage(format!("{name}:{line}:{column}: the file isn't UTF-8 text"))
            .hint("save it as \"CSV UTF-8\", or export the contacts as CSV, not as XLSX")
    })?;
    // A mark that spreadsheets put at the beginning.
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn columns(header: &csv::StringRecord, name: &str, labels: &[(String, String)]) -> Result<Vec<Column>> {
    let mut columns: Vec<Column> = Vec::new();
    for (index, label) in header.iter().map(str::trim).enumerate() {
        let at = format!("{name}:1: column {}", index + 1);
        if label.is_empty() {
            return Err(Error::usage(format!("{at} has no name"))
                .hint("the first line has the names of the columns, as HubSpot exports them"));
        }
        let column = Column { label: label.to_owned(), name: internal_name(label, labels) };
        if let Some(other) = columns.iter().position(|other| other.name == column.name) {
            return Err(Error::usage(format!("{at} is the property {} as column {} is", column.name, other + 1))
                .hint("take one of the two columns out"));
        }
        columns.push(column);
    }
    let known: BTreeSet<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    if !["email", "firstname", "lastname", "phone"].iter().any(|wanted| known.contains(wanted)) {
        return Err(Error::usage(format!("{name}:1: the first line has no name of a column of contacts")).hint(
            "the first line has the names of the columns: Record ID, First Name, Last Name, Email, Phone Number, …",
        ));
    }
    Ok(columns)
}

fn internal_name(label: &str, labels: &[(String, String)]) -> String {
    let given = labels.iter().find(|(known, _)| known.eq_ignore_ascii_case(label)).map(|(_, name)| name.clone());
    let own = || LABELS.iter().find(|(known, _)| known.eq_ignore_ascii_case(label)).map(|(_, name)| (*name).to_owned());
    // An internal name is its own slug but for doubled underscores, which flags have.
    let internal = || {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        (label.bytes().all(allowed) && label.starts_with(|first: char| first.is_ascii_lowercase()))
            .then(|| label.to_owned())
    };
    given.or_else(own).or_else(internal).unwrap_or_else(|| slug(label))
}

/// Refuses a value that another line has.
fn once(
    lines: &mut BTreeMap<String, u64>,
    value: Option<&str>,
    what: &str,
    line: u64,
    name: &str,
    columns: &[Column],
) -> Result<()> {
    let Some(value) = value else { return Ok(()) };
    let Some(other) = lines.insert(value.to_lowercase(), line) else { return Ok(()) };
    let property = if what == "Email" { "email" } else { "hs_object_id" };
    let column = columns.iter().position(|column| column.name == property).map_or(0, |index| index + 1);
    // Not the value: an email is personal.
    Err(Error::usage(format!("{name}:{line}: the {what} (column {column}) is that of line {other}"))
        .hint("HubSpot has one contact for each: take one of the two lines out"))
}

fn unreadable(error: &csv::Error, name: &str) -> Error {
    let line = error.position().map_or(1, csv::Position::line);
    Error::usage(format!("{name}:{line}: this is no CSV")).caused_by(error).hint("export the contacts again, as CSV")
}

fn line(record: &csv::StringRecord) -> u64 {
    record.position().map_or(0, csv::Position::line)
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
