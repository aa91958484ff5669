//! Edits that concern a whole venue: removing and renaming it. As in [`super::edit`], everything else keeps its bytes.

use std::ops::Range;

use toml_edit::{Item, Table};

use super::edit::{ManifestText, Uneditable, format_key, line_end, line_start};
use super::keys::ROOT;

/// Returns `text` without the venue: its tables, and the comments in them and right above them.
///
/// # Errors
/// There is no such venue, or it isn't written as tables of its own.
pub fn remove_venue(text: &str, venue: &str) -> Result<String, Uneditable> {
    let manifest = ManifestText::parse_text(text)?;
    let own = venue_headers(&manifest, venue)?;
    let all = manifest.header_starts();
    let mut out = text.to_owned();
    // The last one first, so that the places of the others stay true.
    for header in own.into_iter().rev() {
        let start = section_start(text, header.start);
        let next = all.iter().find(|start| **start > header.start);
        let end = next.map_or(text.len(), |next| section_start(text, *next));
        out.replace_range(start..end, "");
    }
    let content = out.trim_end().len();
    if content < out.len() && own_ends_file(text, &out) {
        let line_break = if out[content..].starts_with("\r\n") { 2 } else { 1 };
        out.truncate(content + line_break);
    }
    Ok(out)
}

/// Returns `text` with the venue under another name. Its values stay, also those that contain the old name.
///
/// # Errors
/// There is no such venue, or it isn't written as tables of its own.
pub fn rename_venue(text: &str, from: &str, to: &str) -> Result<String, Uneditable> {
    let manifest = ManifestText::parse_text(text)?;
    let mut out = text.to_owned();
    for header in venue_headers(&manifest, from)?.into_iter().rev() {
        let name = second_part(&text[header.clone()]).ok_or_else(|| Uneditable::new("a header of it can't be read"))?;
        out.replace_range(header.start + name.start..header.start + name.end, &format_key(to));
    }
    Ok(out)
}

/// The headers of the venue's table and of the tables in it, in the order of the file.
fn venue_headers(manifest: &ManifestText<'_>, venue: &str) -> Result<Vec<Range<usize>>, Uneditable> {
    manifest.find_venue(venue)?;
    let written_apart = || Uneditable::new(format!("{venue} doesn't have a table with a header of its own"));
    let venues = manifest.document.get(ROOT.venues.name()).and_then(Item::as_table).ok_or_else(written_apart)?;
    let table = venues.get(venue).and_then(Item::as_table).filter(|table| !table.is_dotted());
    let mut headers = Vec::new();
    collect_headers(table.ok_or_else(written_apart)?, &mut headers);
    headers.sort_by_key(|place| place.start);
    if headers.is_empty() { Err(written_apart()) } else { Ok(headers) }
}

fn collect_headers(table: &Table, places: &mut Vec<Range<usize>>) {
    if !table.is_dotted() && !table.is_implicit() {
        places.extend(table.span());
    }
    table.iter().filter_map(|(_, item)| item.as_table()).for_each(|inner| collect_headers(inner, places));
}

/// The start of a table, with the comments right above its header.
fn section_start(text: &str, header: usize) -> usize {
    let mut at = line_start(text, header);
    while at > 0 {
        let above = line_start(text, at - 1);
        if !text[above..at].trim_start().starts_with('#') || is_behind_entries(text, above) {
            break;
        }
        at = above;
    }
    at
}

/// Whether the comment follows entries without an empty line: then it's about them, such as a key that is commented out.
fn is_behind_entries(text: &str, comment: usize) -> bool {
    let mut at = comment;
    while at > 0 {
        let above = line_start(text, at - 1);
        let line = text[above..line_end(text, above)].trim();
        if line.is_empty() {
            return false;
        }
        if !line.starts_with('#') {
            return true;
        }
        at = above;
    }
    false
}

/// Whether what was removed was the end of the file.
fn own_ends_file(before: &str, after: &str) -> bool {
    !after.is_empty() && before.starts_with(after.trim_end())
}

/// The place of `NAME` in `[venues.NAME.secrets]`.
fn second_part(header: &str) -> Option<Range<usize>> {
    let mut quote = None;
    let mut dots = Vec::new();
    let mut escaped = false;
    for (at, sign) in header.char_indices() {
        match (quote, sign) {
            _ if escaped => escaped = false,
            (Some('"'), '\\') => escaped = true,
            (Some(open), sign) if sign == open => quote = None,
            (None, '"' | '\'') => quote = Some(sign),
            (None, '.' | ']') => dots.push(at),
            _ => {}
        }
    }
    let (first, second) = (*dots.first()?, *dots.get(1)?);
    let part = &header[first + 1..second];
    let start = first + 1 + (part.len() - part.trim_start().len());
    Some(start..start + part.trim().len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# top\n[deployment]\nname = \"a\"\n\n# about x\n[venues.x]\ndisplay_name = \"x\"\n# protect = true\n[venues.x.secrets]\nk = \"env:X\"\n\n# about y\n[venues.\"y\"]\ndisplay_name = \"Y\" # venues.y\n[ venues . y . fields ]\na = \"[venues.y]\"\n\n[venues.z]\ndisplay_name = \"Z\"\n";

    #[test]
    fn a_venue_goes_with_its_comments_and_nothing_else() {
        let without_x = remove_venue(TEXT, "x").expect("it has tables");
        assert_eq!(
            without_x,
            TEXT.replace(&TEXT[TEXT.find("# about x").expect("x")..TEXT.find("# about y").expect("y")], "")
        );
        let without_z = remove_venue(TEXT, "z").expect("it has a table");
        assert_eq!(without_z, TEXT[..TEXT.find("\n[venues.z]").expect("z")].to_owned());
        assert!(remove_venue(TEXT, "nobody").is_err());
        assert!(remove_venue("venues.x.display_name = \"X\"\n", "x").is_err());
        assert!(remove_venue("[venues]\nx = { display_name = \"X\" }\n", "x").is_err());
    }

    #[test]
    fn only_the_headers_of_a_renamed_venue_change() {
        let renamed = rename_venue(TEXT, "y", "harbor").expect("it has tables");
        assert_eq!(
            renamed,
            TEXT.replace("[venues.\"y\"]", "[venues.harbor]")
                .replace("[ venues . y . fields ]", "[ venues . harbor . fields ]")
        );
    }
}
