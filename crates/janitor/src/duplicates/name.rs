//! A person's name as it is compared: whether two texts are the same name, may be one person's, or are two people's.
//!
//! Two names **agree** if they have the same words in the same order, whatever their case, punctuation and Unicode form.
//! They agree **weakly** if only diacritics or the order of the words differ: that needs more than one contact to be one
//! person. Names of which one is a part of the other (`Ana` and `Ana Silva`) are **compatible**: one person may have
//! written both, so an address with both isn't shared. A nickname is another name.

use std::collections::BTreeSet;

use icu_normalizer::properties::CanonicalCombiningClassMapBorrowed;
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

/// What distinguishes a father from his son.
const SUFFIXES: [&str; 9] = ["jr", "sr", "junior", "senior", "ii", "iii", "iv", "filho", "neto"];

/// Words that are no name: what people type when a name is required, and roles that several people have.
const PLACEHOLDERS: &[&str] = &[
    "accounting",
    "admin",
    "anonymous",
    "assistant",
    "booking",
    "bookings",
    "bride",
    "catering",
    "client",
    "company",
    "contact",
    "coordinator",
    "customer",
    "department",
    "desk",
    "event",
    "events",
    "executive",
    "first",
    "firstname",
    "front",
    "general",
    "groom",
    "group",
    "guest",
    "host",
    "hr",
    "info",
    "last",
    "lastname",
    "manager",
    "marketing",
    "na",
    "name",
    "none",
    "null",
    "office",
    "party",
    "planner",
    "planning",
    "reception",
    "sales",
    "tba",
    "tbd",
    "team",
    "test",
    "testing",
    "tester",
    "the",
    "unknown",
    "wedding",
];

/// A name, normalized.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PersonName {
    /// Its words in order, without case and punctuation, and composed by compatibility.
    words: Vec<String>,
    /// The same without diacritics, in alphabetical order.
    folded: Vec<FoldedWord>,
    is_full: bool,
}

/// A word without diacritics: `Müller` is `muller`, and `mueller` where a letter is spelled with two.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct FoldedWord {
    plain: String,
    spelled: String,
}

impl PersonName {
    /// Normalizes a name: `Silva, Ana` is `Ana Silva`, and full-width or decomposed letters are the usual ones.
    pub fn normalize(text: &str) -> Self {
        let text = fold_case(&ComposingNormalizerBorrowed::new_nfkc().normalize(text));
        let text = match text.split_once(',') {
            // `Smith, John` but not `John Smith, Jr.`: a suffix stays where it is.
            Some((last, first)) if !split_words(first).iter().all(|word| is_suffix(word)) => format!("{first} {last}"),
            _ => text,
        };
        let mut words = split_words(&text);
        if let [only] = words.as_slice()
            && only.chars().all(is_cjk)
            && (2..=3).contains(&only.chars().count())
        {
            // Most family names of Chinese and Korean are one character.
            let (family, given) = only.split_at(only.chars().next().map_or(0, char::len_utf8));
            words = vec![family.to_owned(), given.to_owned()];
        }
        let mut folded: Vec<FoldedWord> = words.iter().map(|word| FoldedWord::new(word)).collect();
        folded.sort_unstable();
        let is_full = names_a_person(&text, &words);
        Self { words, folded, is_full }
    }

    /// Whether it names a person well enough to tell one from others: two words that aren't initials or placeholders. A
    /// double name such as `Jean-Luc` is one. Without spaces, three characters of Chinese or Korean are a full name; two
    /// may be a given name.
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    /// Whether it is the same name.
    pub fn agrees_with(&self, other: &Self) -> bool {
        self.words == other.words
    }

    /// Whether it is the same name but for diacritics and the order of words.
    pub fn agrees_weakly_with(&self, other: &Self) -> bool {
        let mut left: Vec<&FoldedWord> = other.folded.iter().collect();
        self.folded.len() == other.folded.len()
            && self.folded.iter().all(|word| {
                let at = left.iter().position(|known| known.is_same(word));
                at.map(|at| left.swap_remove(at)).is_some()
            })
    }

    /// Whether one person may have written both: one is a part of the other, or abbreviates it.
    pub fn is_compatible_with(&self, other: &Self) -> bool {
        let suffixes = |name: &Self| name.words.iter().filter(|word| is_suffix(word)).cloned().collect::<BTreeSet<_>>();
        if suffixes(self) != suffixes(other) {
            return false;
        }
        let (less, more) = if self.folded.len() <= other.folded.len() { (self, other) } else { (other, self) };
        let mut left: Vec<&FoldedWord> = more.folded.iter().collect();
        // Whole words first, so that an initial doesn't take another word's place.
        let (initials, whole): (Vec<&FoldedWord>, Vec<&FoldedWord>) =
            less.folded.iter().partition(|word| word.plain.chars().count() == 1);
        whole.into_iter().chain(initials).all(|word| {
            let same = |known: &&FoldedWord| known.is_same(word);
            let starts =
                |known: &&FoldedWord| is_initial(&word.plain, &known.plain) || is_initial(&known.plain, &word.plain);
            let at = left.iter().position(same).or_else(|| left.iter().position(starts));
            at.map(|at| left.swap_remove(at)).is_some()
        })
    }
}

fn names_a_person(text: &str, words: &[String]) -> bool {
    let says = |word: &String| {
        let letters = word.chars().count();
        (letters > 1 || word.chars().all(is_cjk))
            && !is_suffix(word)
            && !PLACEHOLDERS.contains(&word.as_str())
            && word.chars().any(char::is_alphabetic)
    };
    // `Test Smith` is as artificial as `Test Test`.
    if words.iter().any(|word| word.starts_with("test")) {
        return false;
    }
    let parts: BTreeSet<Vec<String>> =
        text.split_whitespace().map(split_words).filter(|words| words.iter().any(says)).collect();
    let is_kana = |letter: char| matches!(letter, '\u{3040}'..='\u{30ff}');
    let full_alone =
        |word: &String| word.chars().count() >= 3 && word.chars().all(|letter| is_cjk(letter) && !is_kana(letter));
    parts.len() >= 2 || parts.iter().flatten().any(full_alone)
}

fn is_suffix(word: &str) -> bool {
    SUFFIXES.contains(&word)
}

fn is_initial(short: &str, long: &str) -> bool {
    short.chars().count() == 1 && !short.chars().all(is_cjk) && long.starts_with(short)
}

/// Chinese characters, kana and Hangul.
fn is_cjk(letter: char) -> bool {
    matches!(letter, '\u{3005}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{20000}'..='\u{3ffff}')
}

/// Lowercase by way of uppercase, so that ß is ss, and final and other sigmas are one.
fn fold_case(text: &str) -> String {
    let folded: String = text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect();
    // The lowercase of the Turkish İ is an i with a dot of its own.
    folded.replace("i\u{307}", "i")
}

/// The words of a text, without apostrophes and what isn't seen.
fn split_words(text: &str) -> Vec<String> {
    let unseen = |letter: char| matches!(letter, '\u{ad}' | '\u{640}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    let apostrophe = |letter: char| matches!(letter, '\'' | '’' | '‘' | 'ʼ' | 'ʻ' | '`' | '´' | '′');
    let text: String = text.chars().filter(|letter| !unseen(*letter) && !apostrophe(*letter)).collect();
    let classes = CanonicalCombiningClassMapBorrowed::new();
    // A mark belongs to the letter before it.
    let in_word = |letter: char| letter.is_alphanumeric() || classes.get_u8(letter) != 0;
    text.split(|letter| !in_word(letter)).filter(|word| !word.is_empty()).map(ToOwned::to_owned).collect()
}

impl FoldedWord {
    fn is_same(&self, other: &Self) -> bool {
        self.plain == other.plain || self.spelled == other.spelled
    }

    fn new(word: &str) -> Self {
        let classes = CanonicalCombiningClassMapBorrowed::new();
        let decomposing = DecomposingNormalizerBorrowed::new_nfkd();
        let (mut plain, mut spelled) = (String::new(), String::new());
        for letter in word.chars() {
            let (one, two) = match letter {
                'ä' => ("a", "ae"),
                'ö' | 'ø' => ("o", "oe"),
                'ü' => ("u", "ue"),
                'å' => ("a", "aa"),
                'æ' => ("ae", "ae"),
                'œ' => ("oe", "oe"),
                'ł' => ("l", "l"),
                'đ' | 'ð' => ("d", "d"),
                'þ' => ("th", "th"),
                'ı' => ("i", "i"),
                _ => {
                    let mut buffer = [0; 4];
                    let decomposed = decomposing.normalize(letter.encode_utf8(&mut buffer));
                    // Marks are dropped.
                    let letters = decomposed.chars().filter(|letter| classes.get_u8(*letter) == 0);
                    let letters: String = letters.collect();
                    plain.push_str(&letters);
                    spelled.push_str(&letters);
                    continue;
                }
            };
            plain.push_str(one);
            spelled.push_str(two);
        }
        // Hangul was decomposed too.
        let composing = ComposingNormalizerBorrowed::new_nfkc();
        Self { plain: composing.normalize(&plain).into_owned(), spelled: composing.normalize(&spelled).into_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agree(one: &str, other: &str) -> (bool, bool, bool) {
        let (one, other) = (PersonName::normalize(one), PersonName::normalize(other));
        let found = (one.agrees_with(&other), one.agrees_weakly_with(&other), one.is_compatible_with(&other));
        assert_eq!(found.2, other.is_compatible_with(&one), "it holds both ways: {one:?} {other:?}");
        found
    }

    #[test]
    fn the_same_name_in_other_letters_agrees() {
        for (one, other) in [
            ("Ana Silva", "ANA  SILVA"),
            ("Silva, Ana", "Ana Silva"),
            ("Ａｎａ Ｓｉｌｖａ", "Ana Silva"),
            ("Jürgen Müller", "Ju\u{308}rgen Mu\u{308}ller"),
            ("Conan O'Brien", "Conan O’Brien"),
            ("Jean-Luc Picard", "Jean Luc Picard"),
            ("van der Berg, Anna", "Anna Van Der Berg"),
            ("Franz Strauß", "FRANZ STRAUSS"),
            ("Γιώργος Παπαδόπουλος", "γιώργοσ παπαδόπουλοσ"),
            ("İbrahim Yılmaz", "ibrahim yılmaz"),
            ("محمـد علي", "محمد علي"),
            ("王伟", "王 伟"),
            ("김민준", "김 민준"),
            ("ﾀﾅｶ ﾊﾅｺ", "タナカ ハナコ"),
            ("Дмитрий Иванов", "ДМИТРИЙ ИВАНОВ"),
            ("Ana\u{200b} Silva\u{200e}", "Ana Silva"),
        ] {
            assert_eq!(agree(one, other), (true, true, true), "{one} / {other}");
            assert!([one, other].iter().any(|text| PersonName::normalize(text).is_full()), "{one}");
        }
    }

    #[test]
    fn diacritics_and_order_are_weaker_signs() {
        for (one, other) in [
            ("Jürgen Müller", "Jurgen Muller"),
            ("Jürgen Müller", "Juergen Mueller"),
            ("Søren Kjær", "Soren Kjaer"),
            ("Łukasz Nowak", "Lukasz Nowak"),
            ("Семён Королёв", "Семен Королев"),
            ("مُحَمَّد علي", "محمد علي"),
            ("Ana Silva", "Silva Ana"),
            ("伟 王", "王伟"),
        ] {
            assert_eq!(agree(one, other), (false, true, true), "{one} / {other}");
        }
    }

    #[test]
    fn a_part_is_compatible_and_nothing_more() {
        for (one, other) in
            [("Ana", "Ana Silva"), ("A. Silva", "Ana Silva"), ("Ana Maria Silva", "Ana Silva"), ("", "Ana Silva")]
        {
            assert_eq!(agree(one, other), (false, false, true), "{one} / {other}");
        }
    }

    #[test]
    fn other_people_are_not_compatible() {
        for (one, other) in [
            ("Ana Silva", "Bea Silva"),
            ("Bob Smith", "Robert Smith"),
            ("John Smith", "John Smith Jr."),
            ("John Smith Sr", "John Smith, Jr."),
            ("Minh Le", "Minh Do"),
            ("王伟", "王芳"),
            ("김민준", "김민서"),
            ("A. Silva", "Bea Silva"),
            ("Jo Smith", "Joe Smith"),
            ("Su Lee", "Sue Lee"),
        ] {
            assert_eq!(agree(one, other), (false, false, false), "{one} / {other}");
        }
    }

    #[test]
    fn initials_and_placeholders_name_nobody() {
        for text in [
            "",
            "Ana",
            "J Smith",
            "Test Test",
            "Test Smith",
            "n/a",
            "Event Planner",
            "Smith Jr",
            "Guest",
            "123 456",
            "The Office Manager",
            "Ana Ana",
            "Jean-Luc",
            "秀英",
            "はなこ",
        ] {
            assert!(!PersonName::normalize(text).is_full(), "{text}");
        }
    }
}
