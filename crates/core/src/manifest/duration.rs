//! Durations as people write them: `90s`, `4m`, `1m30s`.

use super::Flaw;

const UNITS: [(char, u32); 3] = [('h', 3600), ('m', 60), ('s', 1)];
const HELP: &str = "write whole hours, minutes and seconds, largest first, such as \"90s\", \"4m\" or \"1m30s\"";

/// Parses a duration such as `1m30s` to seconds: whole numbers, each unit at most once, larger units first.
pub fn parse_duration(text: &str) -> Result<u32, Flaw> {
    let not_one = || Flaw::new("this is not a duration", HELP);
    let too_long = || Flaw::new("this duration is too long", "one run of a function can take at most 15 minutes");
    let mut rest = text;
    let mut total = 0_u32;
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(digits);
        if number.is_empty() {
            return Err(not_one());
        }
        let unit = after.chars().next().ok_or_else(|| {
            Flaw::new("this duration has a number without a unit", format!("write \"{text}s\" for seconds; {HELP}"))
        })?;
        let seconds = units.find(|(letter, _)| *letter == unit).map(|(_, seconds)| *seconds).ok_or_else(not_one)?;
        let number: u32 = number.parse().map_err(|_| too_long())?;
        total = number.checked_mul(seconds).and_then(|part| total.checked_add(part)).ok_or_else(too_long)?;
        rest = &after[unit.len_utf8()..];
    }
    if text.is_empty() { Err(not_one()) } else { Ok(total) }
}

/// The shortest form of `seconds` that [`parse_duration`] accepts.
pub fn format_duration(seconds: u64) -> String {
    let mut rest = seconds;
    let mut text = String::new();
    for (letter, unit) in UNITS {
        let count = rest / u64::from(unit);
        rest %= u64::from(unit);
        if count > 0 {
            text.push_str(&format!("{count}{letter}"));
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}
