//! Estimates the width of a text without its font, well enough to cut what wouldn't fit.

/// The width of `text` in a sans-serif font of `size`, in the same unit. Errs on the wide side.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    text.chars().map(char_width).sum::<f64>() * size
}

/// `text`, or as much of its beginning as fits into `room`, plus an ellipsis.
pub(super) fn fit_text(text: &str, size: f64, room: f64) -> String {
    if text_width(text, size) <= room {
        return text.to_owned();
    }
    let mut left = room - text_width("…", size);
    let fits = |(_, character): &(usize, char)| {
        left -= char_width(*character) * size;
        left >= 0.0
    };
    let end = text.char_indices().take_while(fits).last().map_or(0, |(at, character)| at + character.len_utf8());
    // A joiner without the character that it joins to means nothing.
    let kept = text[..end].trim_end_matches(|character: char| character.is_whitespace() || character == '\u{200d}');
    format!("{kept}…")
}

/// The width of a character, as a fraction of the font size.
fn char_width(character: char) -> f64 {
    match character {
        // Joiners, variation selectors and combining marks share the space of another character.
        '\u{200b}'..='\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{300}'..='\u{36f}' | '\u{20d0}'..='\u{20ff}' => 0.0,
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' => 0.32,
        ' ' | 'f' | 't' | 'r' | '(' | ')' | '-' | '/' | 'I' | '[' | ']' => 0.4,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' => 0.98,
        'a'..='z' | '0'..='9' => 0.6,
        'A'..='Z' | '\u{80}'..='\u{24f}' => 0.74,
        // Wide scripts, and pictographs.
        '\u{1100}'..='\u{115f}'
        | '\u{2190}'..='\u{2bff}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}' => 1.1,
        '\u{10000}'.. => 1.4,
        _ => 0.8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_only_text_that_does_not_fit() {
        assert_eq!(fit_text("Venue A", 13.0, 100.0), "Venue A");
        for text in [
            "The Harbour House at the Old Custom Pier",
            "港の家の宴会場と結婚式場",
            "🏝️🏝️🏝️🏝️🏝️🏝️🏝️🏝️",
            "بيت الميناء القديم للمناسبات",
        ] {
            let cut = fit_text(text, 13.0, 100.0);
            assert!(cut.ends_with('…') && text_width(&cut, 13.0) <= 100.0, "{cut}");
            assert!(text.starts_with(cut.trim_end_matches('…')), "{cut}");
        }
        assert_eq!(fit_text("👩\u{200d}👩", 10.0, 25.0), "👩…", "no joiner is left at the end");
        assert_eq!(fit_text("word", 10.0, 1.0), "…");
    }
}
