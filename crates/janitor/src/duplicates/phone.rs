//! A phone number as it is compared, by the rules of libphonenumber.

use std::collections::BTreeSet;

use icu_normalizer::ComposingNormalizerBorrowed;
use phonenumber::country::Id;
use phonenumber::metadata::DATABASE;
use phonenumber::{Mode, Type};

/// Which country each time zone is in.
const ZONES: &str = include_str!("zones.txt");

/// Longer texts are no phone number.
const MAX_LENGTH: usize = 80;
/// The longest number by ITU-T E.164, section 6.
const MAX_DIGITS: usize = 15;
/// Fewer digits identify nothing.
const MIN_DIGITS: usize = 7;

/// The country in which a number without a country code is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PhoneCountry(Id);

impl PhoneCountry {
    /// Parses a country's ISO 3166-1 code, such as `US`.
    ///
    /// # Errors
    /// libphonenumber knows no such country. The error says how to write it.
    pub fn parse_code(text: &str) -> Result<Self, String> {
        let code = text.to_ascii_uppercase();
        code.parse().map(Self).map_err(|_| "write a country's code of two letters, such as US or GB".to_owned())
    }

    /// The country that an IANA time zone is in. `None` for zones without a country, such as `UTC`.
    pub fn of_timezone(zone: &str) -> Option<Self> {
        let rows = ZONES.lines().filter(|line| !line.starts_with('#'));
        let mut found = rows
            .filter_map(|line| line.split_once(' '))
            .filter(|(_, zones)| zones.split(' ').any(|known| known == zone));
        Self::parse_code(found.next()?.0).ok()
    }

    /// Its code: `US`.
    pub fn code(&self) -> &str {
        self.0.as_ref()
    }

    /// Whether its calling code is 1.
    fn is_north_american(self) -> bool {
        DATABASE.by_id(self.0.as_ref()).is_some_and(|country| country.country_code() == 1)
    }
}

/// A phone number, normalized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneNumber {
    /// What is compared: `+12125550123`, `+12125550123;12` with an extension, or only digits if it isn't valid.
    pub key: String,
    /// Whether it is a valid number that may be one person's: no toll-free or premium line, not made up.
    pub is_personal: bool,
}

impl PhoneNumber {
    /// Normalizes a number: `(646) 555-0123`, `Cell: 646.555.0123`, `+44 (0)20 7946 0018`, `0044 20 7946 0018`, with
    /// digits of any script. `country` is where a number without a country code is meant. `None` for fewer than seven
    /// digits, for one repeated digit, and for a text with several numbers.
    pub fn normalize(text: &str, country: Option<PhoneCountry>) -> Option<Self> {
        let text: String = text.chars().take(MAX_LENGTH + 1).collect();
        let parts = DialedParts::split(&ComposingNormalizerBorrowed::new_nfkc().normalize(&text))?;
        let extension = if parts.extension.is_empty() { String::new() } else { format!(";{}", parts.extension) };
        let found = parts.international(country).and_then(|number| parse_valid(None, &number));
        let found = found.or_else(|| match parts.plus {
            true => None,
            // Without a country, and where it isn't valid there, it may still have a country code.
            false => country
                .and_then(|country| parse_valid(Some(country.0), &parts.digits))
                .or_else(|| parse_valid(None, &format!("+{}", parts.digits)).filter(|_| parts.digits.len() > 10)),
        });
        Some(match found {
            Some((number, kind)) => {
                let shared = matches!(
                    kind,
                    Type::TollFree
                        | Type::PremiumRate
                        | Type::SharedCost
                        | Type::Uan
                        | Type::Voicemail
                        | Type::Emergency
                );
                Self { is_personal: !shared && !is_made_up(&number), key: format!("{number}{extension}") }
            }
            None => Self { key: format!("{}{extension}", parts.digits), is_personal: false },
        })
    }
}

/// A number in E.164 and its type, if it is valid.
fn parse_valid(country: Option<Id>, text: &str) -> Option<(String, Type)> {
    let number = phonenumber::parse(country, text).ok()?;
    let valid = phonenumber::is_valid(&number);
    valid.then(|| (number.format().mode(Mode::E164).to_string(), number.number_type(&DATABASE)))
}

/// Whether the end of a number is what people type when one is required: `5555555`, `1234567`, `0000`.
fn is_made_up(number: &str) -> bool {
    let end: Vec<u8> = number.bytes().rev().take(MIN_DIGITS).collect();
    let distinct: BTreeSet<u8> = end.iter().copied().collect();
    let rising = end.windows(2).all(|pair| pair[0] == pair[1] + 1);
    let falling = end.windows(2).all(|pair| pair[0] + 1 == pair[1]);
    distinct.len() < 3 || rising || falling
}

/// What is dialed.
struct DialedParts {
    plus: bool,
    digits: String,
    extension: String,
}

impl DialedParts {
    fn split(text: &str) -> Option<Self> {
        if text.chars().count() > MAX_LENGTH {
            return None;
        }
        // `+44 (0)20`: the zero is dialed only in the country.
        let text = text.replace("(0)", " ");
        // Each number's digits, and whether a + is before them. What is between two numbers is a word such as `ext`.
        let mut numbers: Vec<(String, bool)> = Vec::new();
        let (mut word, mut within) = (String::new(), false);
        for letter in text.chars() {
            if let Some(digit) = decimal_digit(letter) {
                if !within {
                    numbers.push((String::new(), word.ends_with('+')));
                    word.clear();
                    within = true;
                }
                if let Some((digits, _)) = numbers.last_mut() {
                    digits.push(digit);
                }
            } else if !is_separator(letter) {
                within = false;
                word.push(letter);
            }
        }
        let mut numbers = numbers.into_iter();
        let (digits, plus) = numbers.next()?;
        let extension = match (numbers.next(), numbers.next()) {
            (None, _) => String::new(),
            (Some((extension, false)), None) if extension.len() < MIN_DIGITS => extension,
            // Several numbers.
            _ => return None,
        };
        let one_digit = digits.chars().all(|digit| digits.starts_with(digit));
        ((MIN_DIGITS..=MAX_DIGITS + 3).contains(&digits.len()) && !one_digit).then_some(Self {
            plus,
            digits,
            extension,
        })
    }

    /// The number from its country code on, if it is written with one.
    fn international(&self, country: Option<PhoneCountry>) -> Option<String> {
        let abroad = |prefix: &str| self.digits.strip_prefix(prefix).map(|rest| format!("+{rest}"));
        if self.plus {
            // `+0044` and `+011 44` are written too.
            return abroad("00").or_else(|| abroad("011")).or_else(|| Some(format!("+{}", self.digits)));
        }
        let american = country.is_none_or(PhoneCountry::is_north_american);
        abroad("00").or_else(|| abroad("011").filter(|_| american))
    }
}

/// A digit's value in ASCII. Compatibility normalization has mapped full-width digits; these are the scripts of guests
/// that have their own.
fn decimal_digit(letter: char) -> Option<char> {
    let zero = match letter {
        '0'..='9' => '0',
        '\u{660}'..='\u{669}' => '\u{660}',
        '\u{6f0}'..='\u{6f9}' => '\u{6f0}',
        '\u{966}'..='\u{96f}' => '\u{966}',
        '\u{9e6}'..='\u{9ef}' => '\u{9e6}',
        '\u{e50}'..='\u{e59}' => '\u{e50}',
        _ => return None,
    };
    char::from_digit(u32::from(letter) - u32::from(zero), 10)
}

/// What people put between the digits of one number.
fn is_separator(letter: char) -> bool {
    letter.is_whitespace()
        || matches!(letter, '-' | '.' | '(' | ')' | '/' | '[' | ']' | '·' | '•' | '_' | '‐'..='―' | '−' | 'ー' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn normalize_in(country: &str, text: &str) -> Option<PhoneNumber> {
        PhoneNumber::normalize(text, PhoneCountry::parse_code(country).ok())
    }

    #[test]
    fn one_number_is_written_in_many_ways() {
        let ways = |country: &str, key: &str, ways: &[&str]| {
            for text in ways {
                let number = normalize_in(country, text).unwrap_or_else(|| panic!("{text} is a number"));
                assert_eq!((number.key.as_str(), number.is_personal), (key, true), "{text}");
            }
        };
        ways(
            "US",
            "+16465550123",
            &[
                "646-555-0123",
                "(646) 555 0123",
                "+1 646 555 0123",
                "1.646.555.0123",
                "Cell: 646-555-0123",
                "646-555-0123 (cell)",
                "００１ ６４６ ５５５ ０１２３",
                "６４６－５５５－０１２３",
                "+1 (646) 555‑0123",
                "646/555-0123",
                "٦٤٦ ٥٥٥ ٠١٢٣",
                "tel:+1-646-555-0123",
                "011 1 646 555 0123",
            ],
        );
        ways(
            "US",
            "+442079460018",
            &[
                "+44 (0)20 7946 0018",
                "+44 20 7946 0018",
                "0044 20 7946 0018",
                "0044 (0)20 7946 0018",
                "011 44 20 7946 0018",
                "44 20 7946 0018",
                "+0044 20 7946 0018",
            ],
        );
        ways("GB", "+442079460018", &["020 7946 0018", "(020) 7946 0018", "+44 20 7946 0018"]);
        ways("US", "+493023124087", &["+49 30 23124087", "0049 30 23124087", "+49 (0)30 23124087"]);
        ways("DE", "+493023124087", &["030 23124087", "030/23124087", "0049 30 23124087"]);
        ways("IT", "+390669824087", &["06 6982 4087", "+39 06 69824087"]);
    }

    #[test]
    fn extensions_distinguish_numbers() {
        let key = |text: &str| normalize_in("US", text).map(|number| number.key);
        for text in [
            "646-555-0123 x12",
            "646-555-0123 ext. 12",
            "+1 646 555 0123;ext=12",
            "646-555-0123 #12",
            "646 555 0123, 12",
        ] {
            assert_eq!(key(text).as_deref(), Some("+16465550123;12"), "{text}");
        }
        assert_ne!(key("646-555-0123 x12"), key("646-555-0123 x13"));
        assert_ne!(key("646-555-0123 x12"), key("646-555-0123"));
    }

    #[test]
    fn what_identifies_nobody_is_not_personal() {
        for text in [
            "555-555-5555",
            "123-456-7890",
            "646-555-5555",
            "800-555-0199",
            "555-0123",
            "+1 999 999 9999",
            "212 123 4567",
        ] {
            assert!(normalize_in("US", text).is_none_or(|number| !number.is_personal), "{text}");
        }
        let two = "646-555-0123 or 212-555-0199";
        for text in [
            "",
            "12345",
            "0000000000",
            "n/a",
            "x5550100199".get(..5).unwrap_or_default(),
            two,
            "646-555-0123/212-555-0199",
        ] {
            assert_eq!(normalize_in("US", text), None, "{text}");
        }
    }

    #[test]
    fn without_a_country_a_national_number_identifies_nobody() {
        let number = PhoneNumber::normalize("(646) 555-0123", None).expect("digits");
        assert_eq!((number.key.as_str(), number.is_personal), ("6465550123", false));
        let number = PhoneNumber::normalize("+1 646 555 0123", None).expect("a number");
        assert_eq!((number.key.as_str(), number.is_personal), ("+16465550123", true));
    }

    #[test]
    fn a_time_zone_has_a_country() {
        let code = |zone: &str| PhoneCountry::of_timezone(zone).map(|country| country.code().to_owned());
        for (zone, country) in [
            ("America/New_York", "US"),
            ("US/Pacific", "US"),
            ("Europe/London", "GB"),
            ("Asia/Tokyo", "JP"),
            ("Europe/Kiev", "UA"),
        ] {
            assert_eq!(code(zone).as_deref(), Some(country), "{zone}");
        }
        assert_eq!(code("UTC"), None);
        assert!(PhoneCountry::parse_code("us").is_ok());
        assert!(PhoneCountry::parse_code("USA").is_err_and(|error| error.contains("two letters")));
        let unknown = |line: &&str| PhoneCountry::parse_code(line.split(' ').next().unwrap_or_default()).is_err();
        let unknown: Vec<&str> =
            ZONES.lines().filter(|line| !line.starts_with('#')).filter(unknown).map(|line| &line[..2]).collect();
        // Nobody lives there.
        assert_eq!(unknown, ["AQ", "GS", "PN", "TF", "UM"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

        #[test]
        fn any_text_is_a_number_or_none(text in any::<String>(), number in "[+0-9 ()x;=.#-]{0,40}", at in 0..4_usize) {
            let country = [None, Some("US"), Some("GB"), Some("IT")][at];
            let country = country.and_then(|code| PhoneCountry::parse_code(code).ok());
            PhoneNumber::normalize(&text, country);
            PhoneNumber::normalize(&number, country);
        }
    }
}
