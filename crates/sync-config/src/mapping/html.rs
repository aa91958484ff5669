//! Decodes HTML's character references, which forms and rich-text properties leave in HubSpot's texts.
//!
//! <https://html.spec.whatwg.org/multipage/named-characters.html>

/// The names of U+00A0 to U+00FF, in order.
const LATIN: [&str; 96] = [
    "nbsp", "iexcl", "cent", "pound", "curren", "yen", "brvbar", "sect", "uml", "copy", "ordf", "laquo", "not", "shy",
    "reg", "macr", "deg", "plusmn", "sup2", "sup3", "acute", "micro", "para", "middot", "cedil", "sup1", "ordm",
    "raquo", "frac14", "frac12", "frac34", "iquest", "Agrave", "Aacute", "Acirc", "Atilde", "Auml", "Aring", "AElig",
    "Ccedil", "Egrave", "Eacute", "Ecirc", "Euml", "Igrave", "Iacute", "Icirc", "Iuml", "ETH", "Ntilde", "Ograve",
    "Oacute", "Ocirc", "Otilde", "Ouml", "times", "Oslash", "Ugrave", "Uacute", "Ucirc", "Uuml", "Yacute", "THORN",
    "szlig", "agrave", "aacute", "acirc", "atilde", "auml", "aring", "aelig", "ccedil", "egrave", "eacute", "ecirc",
    "euml", "igrave", "iacute", "icirc", "iuml", "eth", "ntilde", "ograve", "oacute", "ocirc", "otilde", "ouml",
    "divide", "oslash", "ugrave", "uacute", "ucirc", "uuml", "yacute", "thorn", "yuml",
];

/// Other names that text editors write.
const OTHERS: [(&str, char); 20] = [
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("ndash", '–'),
    ("mdash", '—'),
    ("lsquo", '‘'),
    ("rsquo", '’'),
    ("sbquo", '‚'),
    ("ldquo", '“'),
    ("rdquo", '”'),
    ("bdquo", '„'),
    ("hellip", '…'),
    ("bull", '•'),
    ("euro", '€'),
    ("trade", '™'),
    ("OElig", 'Œ'),
    ("oelig", 'œ'),
    ("Scaron", 'Š'),
];
/// No name or number that stands for a character is longer.
const LONGEST: usize = 10;

/// `text` with each reference replaced by its character. What isn't a reference stays as it is.
pub(super) fn decode_html(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        decoded.push_str(before);
        let end = after.bytes().take(LONGEST + 1).position(|byte| byte == b';');
        match end.and_then(|end| Some((find_character(&after[..end])?, &after[end + 1..]))) {
            Some((character, behind)) => {
                decoded.push(character);
                rest = behind;
            }
            None => {
                decoded.push('&');
                rest = after;
            }
        }
    }
    decoded.push_str(rest);
    decoded
}

fn find_character(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => number.parse(),
        };
        return char::from_u32(code.ok()?).filter(|character| *character != '\0');
    }
    let latin = (0xa0_u32..).zip(LATIN).find(|(_, latin)| *latin == name).and_then(|(code, _)| char::from_u32(code));
    // A space that doesn't break a line is a space to everybody but a browser.
    let latin = latin.map(|character| if character == '\u{a0}' { ' ' } else { character });
    latin.or_else(|| OTHERS.iter().find(|(other, _)| *other == name).map(|(_, character)| *character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_references_and_keeps_everything_else() {
        for (text, expected) in [
            ("Fish &amp; Chips", "Fish & Chips"),
            ("O&#39;Brien &#x2019;s &quot;loft&quot;", "O'Brien ’s \"loft\""),
            ("Caf&eacute;&nbsp;Zo&euml; &yuml;&szlig;", "Café Zoë ÿß"),
            ("&lt;b&gt; &hellip; &euro;5", "<b> … €5"),
            ("R&D, AT&T; &unknown; & &; &#xffffffff; &#0;", "R&D, AT&T; &unknown; & &; &#xffffffff; &#0;"),
            ("&amp;lt;", "&lt;"),
            ("&", "&"),
            ("ends &am", "ends &am"),
            ("&🎉;", "&🎉;"),
        ] {
            assert_eq!(decode_html(text), expected, "{text}");
        }
    }
}
