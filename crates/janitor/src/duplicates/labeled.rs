//! Pairs of leads of which is known whether they are one person's, made from names of many cultures: none that isn't may
//! be marked, and each kind of repeat must be found.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::origin::LeadOrigin;
use super::pass::{ComparisonOptions, find_duplicates};
use super::phone::PhoneCountry;
use super::status::{HandledHow, LeadStatus};
use super::{AccountLead, DuplicateRow};

const DAY: i64 = 86_400;

/// Given and family names.
const NAMES: [(&str, &str); 48] = [
    ("Ana", "Silva"),
    ("James", "Smith"),
    ("Mary-Jane", "Watson"),
    ("Jürgen", "Müller"),
    ("Jean-Luc", "Lefèvre"),
    ("Conan", "O'Brien"),
    ("Anna", "van der Berg"),
    ("María José", "García Márquez"),
    ("Søren", "Kjær"),
    ("Łukasz", "Wiśniewski"),
    ("Zoë", "Åkesson"),
    ("Björk", "Guðmundsdóttir"),
    ("Dvořák", "Antonín"),
    ("Ștefan", "Țepeș"),
    ("İbrahim", "Yıldız"),
    ("Γιώργος", "Παπαδόπουλος"),
    ("Дмитрий", "Иванов"),
    ("Наталія", "Шевченко"),
    ("Семён", "Королёв"),
    ("محمد", "الحسن"),
    ("فاطمة", "الزهراء"),
    ("دריה", "כהן"),
    ("יעל", "לוי"),
    ("伟", "王"),
    ("秀英", "李"),
    ("太郎", "山田"),
    ("はなこ", "たなか"),
    ("ハナコ", "スズキ"),
    ("민준", "김"),
    ("서연", "이"),
    ("Minh Anh", "Nguyễn"),
    ("Văn Đức", "Trần"),
    ("ปรีชา", "สุวรรณ"),
    ("राजेश", "शर्मा"),
    ("সুমিতা", "সেন"),
    ("சுந்தர்", "முருகன்"),
    ("Chimamanda", "Adichie"),
    ("Ngũgĩ", "wa Thiong'o"),
    ("Siobhán", "Ní Dhomhnaill"),
    ("Llŷr", "ap Gwilym"),
    ("Kealiʻi", "Kahananui"),
    ("João", "dos Santos"),
    ("Renée", "d'Arcy"),
    ("Björn", "Strauß"),
    ("Edit", "Szűcs"),
    ("Giorgi", "Kvirikashvili"),
    ("Արամ", "Խաչատրյան"),
    ("Abdulrahman", "bin Khalid"),
];

/// A lead as it was sent, on a day.
#[derive(Debug, Clone)]
struct Sent {
    name: String,
    email: String,
    phone: String,
    company: String,
    event_date: String,
    status: LeadStatus,
    day: i64,
}

fn sent(name: impl Into<String>, email: impl Into<String>, phone: impl Into<String>) -> Sent {
    Sent {
        name: name.into(),
        email: email.into(),
        phone: phone.into(),
        company: String::new(),
        event_date: String::new(),
        status: LeadStatus::Open,
        day: 0,
    }
}

struct LabeledPair {
    kind: &'static str,
    country: &'static str,
    leads: [Sent; 2],
}

fn pair(kind: &'static str, one: Sent, other: Sent) -> LabeledPair {
    LabeledPair { kind, country: "US", leads: [one, Sent { day: 1, ..other }] }
}

/// The rows about leads, which are numbered from 1.
fn find_in(country: &str, leads: &[Sent]) -> Vec<DuplicateRow> {
    let directory = tempfile::tempdir().expect("a directory");
    let options = ComparisonOptions {
        window: SignedDuration::from_hours(30 * 24),
        country: PhoneCountry::parse_code(country).ok(),
    };
    let leads = leads.iter().enumerate().map(|(at, sent)| {
        Ok(AccountLead {
            id: at as u64 + 1,
            created_at: Timestamp::from_second((20_000 + sent.day) * DAY).ok(),
            name: sent.name.clone(),
            email: sent.email.clone(),
            phone: sent.phone.clone(),
            company: sent.company.clone(),
            event_date: sent.event_date.clone(),
            status: sent.status,
            reference: None,
            contact_id: None,
            origin: LeadOrigin::Elsewhere,
        })
    });
    let mut rows = Vec::new();
    let summary = find_duplicates(leads, &options, directory.path(), &mut |row| {
        rows.push(row);
        Ok(())
    });
    let summary = summary.expect("compared");
    assert_eq!(summary.remove as usize, rows.iter().filter(|row| row.remove).count());
    rows
}

fn is_marked(pair: &LabeledPair) -> bool {
    find_in(pair.country, &pair.leads).iter().any(|row| row.remove)
}

/// Valid numbers, each once: `646` and seven digits.
fn local_number(at: usize) -> String {
    format!("{}{}", 231 + at, 4087 + at * 13)
}

fn decompose(text: &str) -> String {
    icu_normalizer::DecomposingNormalizerBorrowed::new_nfd().normalize(text).into_owned()
}

fn compose(text: &str) -> String {
    icu_normalizer::ComposingNormalizerBorrowed::new_nfc().normalize(text).into_owned()
}

/// With full-width letters and digits where there are some.
fn widen(text: &str) -> String {
    let wide = |letter: char| match letter {
        '!'..='~' => char::from_u32(u32::from(letter) + 0xfee0).unwrap_or(letter),
        _ => letter,
    };
    text.chars().map(wide).collect()
}

/// Repeats of one person, of fourteen kinds.
fn same_person() -> Vec<LabeledPair> {
    let mut pairs = Vec::new();
    for (at, (given, family)) in NAMES.into_iter().enumerate() {
        let name = format!("{given} {family}");
        let (email, local) = (format!("guest{at}x@silva.family"), local_number(at));
        let (exchange, line) = local.split_at(3);
        let by_email = |kind, one: String, other: String| pair(kind, sent(one, &email, ""), sent(other, &email, ""));
        let by_phone = |kind, one: String, other: String| pair(kind, sent(&name, &email, one), sent(&name, "", other));
        pairs.extend([
            by_phone(
                "a label before the number",
                format!("Cell: 646-{exchange}-{line}"),
                format!("(646) {exchange} {line}"),
            ),
            by_phone(
                "a number with and without its country",
                format!("646.{exchange}.{line}"),
                format!("+1 646 {exchange} {line}"),
            ),
            by_phone("0049 and +49", format!("0049 30 {local}"), format!("+49 30 {local}")),
            by_phone("full-width digits", widen(&format!("646-{exchange}-{line}")), format!("646-{exchange}-{line}")),
            by_email("composed and decomposed letters", compose(&name), decompose(&name)),
            by_email("last name first", format!("{family}, {given}"), name.clone()),
            by_email("upper case", name.to_uppercase(), name.clone()),
            by_email("full-width letters", widen(&name), name.clone()),
            by_email(
                "other apostrophes, hyphens and spaces",
                name.replace('\'', "’").replace('-', "‑").replace(' ', "\u{a0} "),
                name.clone(),
            ),
            pair(
                "Gmail dots",
                sent(&name, format!("guest.of.{at}@gmail.com"), ""),
                sent(&name, format!("guestof{at}@gmail.com"), ""),
            ),
            pair(
                "Gmail tags and its other domain",
                sent(&name, format!("guest{at}+mill@gmail.com"), ""),
                sent(&name, format!("guest{at}@googlemail.com"), ""),
            ),
            pair(
                "case and wrapping of the address",
                sent(&name, format!("Guest{at}X <GUEST{at}x@Silva.Family>"), ""),
                sent(&name, &email, ""),
            ),
            pair(
                "another spelling, with both contacts",
                sent(&name, &email, format!("646{local}")),
                sent(decompose(&name).replace(['\u{301}', '\u{308}', '\u{300}'], ""), &email, format!("1646{local}")),
            ),
        ]);
        let mut british = by_phone("+44 (0)20", format!("+44 (0)20 7946 {line}"), format!("020 7946 {line}"));
        british.country = "GB";
        pairs.push(british);
    }
    pairs
}

/// Leads that share something and aren't one person's, or not one inquiry.
fn different() -> Vec<LabeledPair> {
    let mut pairs = Vec::new();
    let handled = |how| LeadStatus::Handled { how, at: Timestamp::from_second(20_000 * DAY + 1).ok() };
    for (at, (given, family)) in NAMES.into_iter().enumerate() {
        let (other_given, other_family) = NAMES[(at + 7) % NAMES.len()];
        let name = format!("{given} {family}");
        let (email, phone) = (format!("guest{at}x@silva.family"), format!("646{}", local_number(at)));
        let other_phone = format!("212{}", local_number(at + 50));
        let other_email = format!("other{at}x@silva.family");
        let both = |name: &str| sent(name, &email, &phone);
        pairs.extend([
            pair(
                "a family with one mailbox",
                sent(&name, &email, ""),
                sent(format!("{other_given} {family}"), &email, ""),
            ),
            pair(
                "a family with one phone",
                sent(&name, "", &phone),
                sent(format!("{other_given} {family}"), "", &phone),
            ),
            pair("a couple", both(&name), both(&format!("{other_given} {other_family}"))),
            pair("twins", both(&name), both(&format!("{given}a {family}"))),
            pair("father and son with two addresses and numbers", both(&name), sent(&name, &other_email, &other_phone)),
            pair("father and son with one phone", both(&name), sent(&name, &other_email, &phone)),
            pair("father and son with one mailbox", both(&name), sent(&name, &email, &other_phone)),
            pair("father and son, told by a suffix", both(&name), both(&format!("{name} Jr."))),
            pair(
                "the same name at a shared mailbox",
                sent(&name, "events@silva.family", ""),
                sent(&name, "events@silva.family", ""),
            ),
            pair(
                "the same name and phone at a shared mailbox",
                sent(&name, "office@silva.family", &phone),
                sent(&name, "office@silva.family", &phone),
            ),
            pair("a placeholder address", sent(&name, "noemail@gmail.com", ""), sent(&name, "noemail@gmail.com", "")),
            pair(
                "an address at a reserved domain",
                sent(&name, "x1@example.com", &phone),
                sent(&name, "x1@example.com", &phone),
            ),
            pair("a made-up number", sent(&name, "", "646-555-5555"), sent(&name, "", "646-555-5555")),
            pair("a toll-free number", sent(&name, "", "800-555-0199"), sent(&name, "", "800-555-0199")),
            pair("two extensions", sent(&name, "", format!("{phone} x12")), sent(&name, "", format!("{phone} x13"))),
            pair(
                "an assistant for two companies",
                Sent { company: "Mill & Co".to_owned(), ..both(&name) },
                Sent { company: "Marina".to_owned(), ..both(&name) },
            ),
            pair(
                "an assistant for two dates",
                Sent { event_date: "2026-06-01".to_owned(), ..both(&name) },
                Sent { event_date: "2026-07-01".to_owned(), ..both(&name) },
            ),
            pair(
                "only a given name",
                both(given.split(' ').next().unwrap_or(given)),
                both(given.split(' ').next().unwrap_or(given)),
            ),
            pair(
                "an initial",
                sent(format!("J {}", family.replace([' ', '\''], "")), &email, ""),
                sent(format!("J {}", family.replace([' ', '\''], "")), &email, ""),
            ),
            pair("a role instead of a name", both("Event Coordinator"), both("Event Coordinator")),
            pair("a longer name", both(&name), both(&format!("{name} {other_family}"))),
            pair(
                "another order without a comma",
                sent(&name, &email, ""),
                sent(format!("{family} {given}"), &email, ""),
            ),
            pair("turned down", both(&name), Sent { status: handled(HandledHow::TurnedDown), ..both(&name) }),
            pair(
                "both booked",
                Sent { status: handled(HandledHow::Booked), ..both(&name) },
                Sent { status: handled(HandledHow::Booked), ..both(&name) },
            ),
            pair(
                "made after the other was converted",
                Sent { status: handled(HandledHow::Converted), ..both(&name) },
                both(&name),
            ),
            pair(
                "made after the other was turned down",
                Sent { status: handled(HandledHow::TurnedDown), ..both(&name) },
                both(&name),
            ),
            pair("a status that nobody told", both(&name), Sent { status: LeadStatus::Unknown, ..both(&name) }),
            pair("a number without an area code", sent(&name, "", "555-0123"), sent(&name, "", "555-0123")),
        ]);
    }
    for (one, other) in [
        ("Bob Smith", "Robert Smith"),
        ("Liz Taylor", "Elizabeth Taylor"),
        ("Саша Иванов", "Александр Иванов"),
        ("Pepe García", "José García"),
        ("Anna Weber", "Hanna Weber"),
        ("Jon Snow", "John Snow"),
        ("Jo Smith", "Joe Smith"),
        ("Su Lee", "Sue Lee"),
        ("Mr John Doe", "Mrs John Doe"),
        ("Ana & Ben Silva", "Ana Silva"),
        ("Minh Le", "Minh Do"),
        ("محمد علي", "محمود علي"),
        ("山田太郎", "山田次郎"),
        ("김민준", "김민서"),
    ] {
        let both = |name: &str| sent(name, "guest@silva.family", "646 231 4087");
        pairs.push(pair("names that only sound alike", both(one), both(other)));
        pairs.push(pair(
            "names that only sound alike",
            sent(one, "guest@silva.family", ""),
            sent(other, "guest@silva.family", ""),
        ));
    }
    pairs
}

#[test]
fn no_other_persons_lead_is_marked() {
    let pairs = different();
    let wrong: Vec<_> = pairs.iter().filter(|pair| is_marked(pair)).map(|pair| (pair.kind, &pair.leads)).collect();
    println!("{} pairs of different people or inquiries: {} marked", pairs.len(), wrong.len());
    assert!(pairs.len() >= 1000, "{}", pairs.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_kind_of_repeat_is_found() {
    let pairs = same_person();
    let mut kinds: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut missed = Vec::new();
    for pair in &pairs {
        let found = is_marked(pair);
        let counts = kinds.entry(pair.kind).or_default();
        *counts = (counts.0 + usize::from(found), counts.1 + 1);
        if !found {
            missed.push((pair.kind, &pair.leads));
        }
    }
    for (kind, (found, all)) in &kinds {
        println!("{found} of {all}: {kind}");
    }
    assert_eq!((kinds.len(), pairs.len()), (14, 14 * NAMES.len()));
    assert!(missed.is_empty(), "{missed:#?}");
}

/// All pairs of different people in one account, and many who share with many: nothing is marked.
#[test]
fn a_crowd_is_not_marked() {
    let mut leads: Vec<Sent> = different().into_iter().flat_map(|pair| pair.leads).collect();
    // An assistant with one address for everybody, and a form that somebody filled in again and again.
    let assistant = |(given, family): &(&str, &str)| sent(format!("{given} {family}"), "pa@mill.co", "646 231 9087");
    leads.extend(NAMES.iter().map(assistant));
    leads.extend((0..500).map(|_| sent("Ana Silva", "machine@mill.co", "")));
    leads.extend((0..500).map(|_| sent("Ana Silva", "", "646 299 4087")));
    for (position, lead) in leads.iter_mut().enumerate() {
        lead.day = (position % 20) as i64;
    }
    let marked: Vec<_> = find_in("US", &leads).into_iter().filter(|row| row.remove).collect();
    assert!(marked.is_empty(), "{:?}", marked.first());
}

/// However leads are mixed: no mark without an equal contact, a kept lead in the group, and an open status.
#[test]
fn every_mark_has_its_reason_and_a_kept_lead() {
    let mut leads: Vec<Sent> = same_person().into_iter().flat_map(|pair| pair.leads).collect();
    leads.extend(different().into_iter().flat_map(|pair| pair.leads));
    let rows = find_in("US", &leads);
    let mut marked = 0;
    for row in rows.iter().filter(|row| row.remove) {
        marked += 1;
        assert_eq!(row.lead.status, LeadStatus::Open);
        let kept = rows.iter().find(|other| other.group == row.group && other.keep).expect("a kept lead");
        assert!(row.reason.ends_with(&format!("as lead {}, which is kept", kept.lead.id)), "{}", row.reason);
        let again = rows.iter().filter(|other| other.lead.id == row.lead.id && other.remove).count();
        assert_eq!(again, 1, "a lead is removed once");
        assert!(!rows.iter().any(|other| other.lead.id == kept.lead.id && other.remove), "a kept lead is removed");
    }
    assert!(marked > 0);
    assert!(rows.iter().all(|row| !row.reason.is_empty()));
}
