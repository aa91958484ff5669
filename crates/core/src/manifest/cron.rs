//! The six fields of EventBridge's `cron(...)`, and how often they can fire.
//!
//! The rules are those of <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cron-expressions.html>. Syntax
//! that this page doesn't describe (Quartz's `LW`, `L-3`, ranges that wrap) is rejected; it can be written another way.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::Flaw;

const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const MINUTES_OF_DAY: u64 = 24 * 60;
/// Weekdays and leap years repeat every 28 years (between 1970 and 2099, every fourth year is a leap year).
const TYPICAL_YEARS: RangeInclusive<u16> = 2000..=2027;

struct CronField {
    name: &'static str,
    range: RangeInclusive<u16>,
    names: &'static [&'static str],
    increments: bool,
}

const FIELDS: [CronField; 6] = [
    CronField { name: "minutes", range: 0..=59, names: &[], increments: true },
    CronField { name: "hours", range: 0..=23, names: &[], increments: true },
    CronField { name: "day-of-month", range: 1..=31, names: &[], increments: true },
    CronField { name: "month", range: 1..=12, names: &MONTHS, increments: true },
    CronField { name: "day-of-week", range: 1..=7, names: &WEEKDAYS, increments: false },
    CronField { name: "year", range: 1970..=2199, names: &[], increments: true },
];

/// A field: its items as they are written, and all the values that they stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CronList {
    /// What the commas separate.
    pub items: Vec<CronItem>,
    values: BTreeSet<u16>,
}

/// An item of a list, such as `5`, `8-18`, `*` or `0/15`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CronItem {
    /// What is before the `/`.
    pub base: CronBase,
    /// The increment, after the `/`.
    pub step: Option<u16>,
}

/// The values that an item starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CronBase {
    /// `*`
    All,
    /// One value; with an increment, all values from there on.
    One(u16),
    /// From the first to the last.
    Range(u16, u16),
}

impl CronItem {
    /// `*`
    pub const ALL: Self = Self { base: CronBase::All, step: None };
}

/// One of the two fields for days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CronDays {
    /// `?`
    Any,
    /// Days of the month, or days of the week from 1 for Sunday.
    List(CronList),
    /// `L` in day-of-month.
    LastOfMonth,
    /// `L` in day-of-week: Saturday.
    LastOfWeek,
    /// `15W`
    NearestWeekday(u16),
    /// `6L`: the last Friday.
    LastWeekday(u16),
    /// `3#2`: the second Tuesday.
    NthWeekday(u16, u16),
}

/// A valid expression, by its six fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CronExpression {
    text: String,
    /// 0 to 59.
    pub minutes: CronList,
    /// 0 to 23.
    pub hours: CronList,
    /// Days of the month; [`CronDays::Any`] unless day-of-week is.
    pub day_of_month: CronDays,
    /// 1 to 12.
    pub months: CronList,
    /// Days of the week; [`CronDays::Any`] unless day-of-month is.
    pub day_of_week: CronDays,
    /// 1970 to 2199.
    pub years: CronList,
}

impl CronExpression {
    /// `inner` is the text between the parentheses, which starts at byte `start` of the expression.
    pub(super) fn parse_fields(inner: &str, start: usize) -> Result<Self, Flaw> {
        let words: Vec<&str> = inner.split_whitespace().collect();
        let place = |word: &str| {
            let offset = start + (word.as_ptr() as usize - inner.as_ptr() as usize);
            offset..offset + word.len()
        };
        let &[minutes, hours, day_of_month, month, day_of_week, year] = words.as_slice() else {
            return Err(wrong_field_count(&words).at_span(start..start + inner.len()));
        };
        let upper: Vec<String> = words.iter().map(|word| word.to_ascii_uppercase()).collect();
        let located = |word: &str| {
            let at = place(word);
            move |flaw: Flaw| flaw.at_span(at)
        };
        if let Some(flaw) = check_question_marks(&upper) {
            let span = place(day_of_month).start..place(day_of_week).end;
            return Err(flaw.at_span(span));
        }
        let cron = Self {
            text: upper.join(" "),
            minutes: parse_list(&FIELDS[0], &upper[0]).map_err(located(minutes))?,
            hours: parse_list(&FIELDS[1], &upper[1]).map_err(located(hours))?,
            day_of_month: parse_day_of_month(&upper[2]).map_err(located(day_of_month))?,
            months: parse_list(&FIELDS[3], &upper[3]).map_err(located(month))?,
            day_of_week: parse_day_of_week(&upper[4]).map_err(located(day_of_week))?,
            years: parse_list(&FIELDS[5], &upper[5]).map_err(located(year))?,
        };
        if cron.firing_days().next().is_none() {
            return Err(Flaw::new(
                "this schedule never fires: none of its months has that day",
                "write L in day-of-month for the last day of the month",
            )
            .at_span(place(day_of_month)));
        }
        Ok(cron)
    }

    /// The expression, with single spaces between its fields.
    pub(super) fn to_expression(&self) -> String {
        format!("cron({})", self.text)
    }

    /// The shortest time between two firings, in seconds; `None` if it fires only once.
    pub(super) fn shortest_interval_s(&self) -> Option<u64> {
        let times: Vec<u64> = self
            .hours
            .values
            .iter()
            .flat_map(|hour| self.minutes.values.iter().map(|m| u64::from(*hour) * 60 + u64::from(*m)))
            .collect();
        let (first, last) = (*times.first()?, *times.last()?);
        let within_a_day = times.windows(2).map(|pair| pair[1] - pair[0]).min();
        let mut days_apart: Option<u64> = None;
        let mut previous: Option<u64> = None;
        for day in self.firing_days() {
            if let Some(previous) = previous.replace(day) {
                days_apart = Some(days_apart.map_or(day - previous, |shortest| shortest.min(day - previous)));
            }
            if days_apart == Some(1) {
                break;
            }
        }
        let over_night = days_apart.map(|days| days * MINUTES_OF_DAY + first - last);
        within_a_day.into_iter().chain(over_night).min().map(|minutes| minutes * 60)
    }

    /// The longest time between two firings, in seconds; `None` if it fires only once.
    pub(super) fn longest_gap_s(&self) -> Option<u64> {
        let times = || {
            let minutes = |hour: &u16| {
                let hour = u64::from(*hour) * 60;
                self.minutes.values.iter().map(move |minute| hour + u64::from(*minute))
            };
            self.hours.values.iter().flat_map(minutes)
        };
        let (first, last) = (times().next()?, times().last()?);
        let within_a_day = times().zip(times().skip(1)).map(|(one, next)| next - one).max();
        let days_apart = match self.fires_daily() {
            true => Some(1),
            false => self.firing_days().zip(self.firing_days().skip(1)).map(|(one, next)| next - one).max(),
        };
        let over_night = days_apart.map(|days| days * MINUTES_OF_DAY + first - last);
        within_a_day.into_iter().chain(over_night).max().map(|minutes| minutes * 60)
    }

    /// The first firing after `now`, in UTC.
    pub(super) fn next_after(&self, now: Timestamp) -> Option<Timestamp> {
        let now = TimeZone::UTC.to_datetime(now);
        let last_year = *self.years.values.last()?;
        let mut date = now.date();
        while date.year() <= last_year.cast_signed() {
            if let Some(time) = self.times_on(date).find(|time| *time > now) {
                return TimeZone::UTC.to_timestamp(time).ok();
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    /// Firings in the given number of hours, averaged over the years in which it fires, in thousandths of a firing.
    pub(super) fn firings_in(&self, hours: u64) -> u64 {
        self.average_firings(hours, self.hours.values.len() * self.minutes.values.len())
    }

    /// How many of the given hours have at least one firing, on average, in thousandths of an hour.
    pub(super) fn busy_hours_in(&self, hours: u64) -> u64 {
        self.average_firings(hours, self.hours.values.len())
    }

    /// How often something happens in the given number of hours if it happens `on_a_day` times on each day with a
    /// firing, in thousandths.
    ///
    /// The average covers whole years: all years with firings, or, for a schedule that fires every year, the 28 years
    /// after which the calendar repeats. So it doesn't depend on a start date.
    fn average_firings(&self, hours: u64, on_a_day: usize) -> u64 {
        let years = self.typical_years();
        let days: u64 = years.iter().map(|year| if Date::new(*year, 2, 29).is_ok() { 366 } else { 365 }).sum();
        let firing_days = if self.fires_daily() { days } else { self.firing_days().count() as u64 };
        let times = u128::from(firing_days) * on_a_day as u128;
        let (times, hours) = (times * 1000 * u128::from(hours), days * 24);
        let rounded = (times + u128::from(hours / 2)) / u128::from(hours.max(1));
        u64::try_from(rounded).unwrap_or(u64::MAX)
    }

    /// The firing times on a day, in order.
    fn times_on(&self, date: Date) -> impl Iterator<Item = DateTime> + '_ {
        let number = |part: i8| u16::try_from(part).unwrap_or(0);
        let weekday = number(date.first_of_month().weekday().to_sunday_one_offset());
        let fires = self.years.values.contains(&date.year().cast_unsigned())
            && self.months.values.contains(&number(date.month()))
            && self.fires_on(number(date.day()), number(date.days_in_month()), weekday);
        let hours = self.hours.values.iter().filter(move |_| fires);
        hours.flat_map(move |&hour| {
            let part = |part: u16| i8::try_from(part).unwrap_or(0);
            self.minutes.values.iter().map(move |&minute| date.at(part(hour), part(minute), 0, 0))
        })
    }

    /// Whether it fires on every day of every year, as the rules of most venues do: thousands of days needn't be looked at.
    fn fires_daily(&self) -> bool {
        let has_all = |days: &CronDays, field: &CronField| match days {
            CronDays::Any => true,
            CronDays::List(list) => list.values.len() == field.range.len(),
            _ => false,
        };
        self.months.values.len() == FIELDS[3].range.len()
            && self.years.values.len() == FIELDS[5].range.len()
            && has_all(&self.day_of_month, &FIELDS[2])
            && has_all(&self.day_of_week, &FIELDS[4])
    }

    /// The days on which it fires, as consecutive day numbers.
    fn firing_days(&self) -> impl Iterator<Item = u64> + '_ {
        self.typical_years().into_iter().flat_map(move |year| {
            self.months.values.iter().flat_map(move |&month| {
                let first = Date::new(year, i8::try_from(month).unwrap_or(1), 1).ok();
                first.into_iter().flat_map(move |first| {
                    let length = u16::try_from(first.days_in_month()).unwrap_or(31);
                    let weekday = u16::try_from(first.weekday().to_sunday_one_offset()).unwrap_or(1);
                    let number = day_number(first);
                    (1..=length)
                        .filter(move |&day| self.fires_on(day, length, weekday))
                        .map(move |day| number + u64::from(day) - 1)
                })
            })
        })
    }

    /// Years that represent all the years in which it fires.
    fn typical_years(&self) -> Vec<i16> {
        let every_year = self.years.values.len() == FIELDS[5].range.clone().count();
        let years: Vec<u16> =
            if every_year { TYPICAL_YEARS.collect() } else { self.years.values.iter().copied().collect() };
        years.into_iter().map(u16::cast_signed).collect()
    }

    /// `first_weekday` is the weekday of the month's first day, 1 for Sunday.
    fn fires_on(&self, day: u16, length: u16, first_weekday: u16) -> bool {
        let weekday_of = |day: u16| (first_weekday + day - 2) % 7 + 1;
        let by_month = match &self.day_of_month {
            CronDays::Any => true,
            CronDays::List(days) => days.values.contains(&day),
            CronDays::LastOfMonth => day == length,
            CronDays::NearestWeekday(wanted) => {
                *wanted <= length && day == nearest_weekday(*wanted, length, weekday_of)
            }
            CronDays::LastOfWeek | CronDays::LastWeekday(_) | CronDays::NthWeekday(..) => false,
        };
        let by_week = match &self.day_of_week {
            CronDays::Any => true,
            CronDays::List(days) => days.values.contains(&weekday_of(day)),
            CronDays::LastOfWeek => weekday_of(day) == 7,
            CronDays::LastWeekday(wanted) => weekday_of(day) == *wanted && day + 7 > length,
            CronDays::NthWeekday(wanted, nth) => weekday_of(day) == *wanted && (day - 1) / 7 + 1 == *nth,
            CronDays::LastOfMonth | CronDays::NearestWeekday(_) => false,
        };
        by_month && by_week
    }
}

fn day_number(date: Date) -> u64 {
    let origin = jiff::civil::date(1970, 1, 1);
    origin.duration_until(date).as_hours().unsigned_abs() / 24
}

/// The weekday nearest to `wanted` in the same month.
fn nearest_weekday(wanted: u16, length: u16, weekday_of: impl Fn(u16) -> u16) -> u16 {
    match weekday_of(wanted) {
        7 if wanted == 1 => 3,
        7 => wanted - 1,
        1 if wanted == length => wanted - 2,
        1 => wanted + 1,
        _ => wanted,
    }
}

/// The expression that was probably meant by five or six fields: with a year, one `?`, and EventBridge's numbers of days.
/// Only one that EventBridge takes is suggested, so that nobody corrects it twice.
pub(super) fn suggest_expression(words: &[&str]) -> Option<String> {
    let mut fields: Vec<String> = words.iter().map(|word| word.to_ascii_uppercase()).collect();
    // In cron of Unix, days of the week are from 0 to 7, and both ends are Sunday.
    let is_unix = fields.len() == 5;
    if is_unix {
        fields[4] = renumber_weekdays(&fields[4]);
        fields.push("*".to_owned());
    }
    let [_, _, day_of_month, _, day_of_week, _] = &mut fields[..] else { return None };
    match (day_of_month.as_str(), day_of_week.as_str()) {
        ("?", "?") => *day_of_month = "*".to_owned(),
        ("?", _) | (_, "?") => {}
        (_, "*") => *day_of_week = "?".to_owned(),
        ("*", _) => *day_of_month = "?".to_owned(),
        // Which of the two was meant, nobody can tell. (Parsing it would ask for a suggestion again.)
        _ => return None,
    }
    CronExpression::parse_fields(&fields.join(" "), 0).ok().map(|cron| cron.to_expression())
}

/// Days of the week by name, where they are numbers of Unix's cron.
fn renumber_weekdays(field: &str) -> String {
    const NAMES: [&str; 8] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];
    let day = |word: &str| word.parse::<usize>().ok().and_then(|day| NAMES.get(day)).copied();
    let parts = field.split(',').map(|part| match part.split_once('-') {
        Some((from, to)) => Some(format!("{}-{}", day(from)?, day(to)?)),
        None => day(part).map(ToOwned::to_owned),
    });
    parts.collect::<Option<Vec<String>>>().map_or_else(|| field.to_owned(), |parts| parts.join(","))
}

fn wrong_field_count(words: &[&str]) -> Flaw {
    let message = format!("cron(...) takes six fields, but this has {}", words.len());
    let help = match suggest_expression(words) {
        Some(expression) => {
            format!("write {expression}: in EventBridge the last field is a year, and one of the two day fields is `?`")
        }
        None => "the fields are minutes, hours, day-of-month, month, day-of-week and year, such as cron(0 8 * * ? *)"
            .to_owned(),
    };
    Flaw::new(message, help)
}

fn check_question_marks(words: &[String]) -> Option<Flaw> {
    let message = match (words[2].as_str(), words[4].as_str()) {
        ("?", "?") => "only one of day-of-month and day-of-week may be `?`",
        ("?", _) | (_, "?") => return None,
        _ => "one of day-of-month and day-of-week must be `?`",
    };
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let with_days = |day_of_month: &str, day_of_week: &str| {
        suggest_expression(&[words[0], words[1], day_of_month, words[3], day_of_week, words[5]])
    };
    let fixed = suggest_expression(&words).map(|fixed| format!("write {fixed}"));
    // Both are given: either can be left out.
    let either = || Some(format!("write {}, or {}", with_days(words[2], "?")?, with_days("?", words[4])?));
    let help = fixed.or_else(either).unwrap_or_else(|| "write a schedule such as cron(0 8 * * ? *)".to_owned());
    Some(Flaw::new(message, help))
}

fn parse_day_of_month(word: &str) -> Result<CronDays, Flaw> {
    let field = &FIELDS[2];
    if word == "?" {
        return Ok(CronDays::Any);
    }
    if word == "L" {
        return Ok(CronDays::LastOfMonth);
    }
    if let Some(day) = word.strip_suffix('W')
        && !day.contains([',', '-', '/', 'L'])
    {
        return Ok(CronDays::NearestWeekday(parse_field_value(field, day)?));
    }
    if word.contains(['L', 'W']) {
        return Err(Flaw::new(
            format!("`{word}` is not a valid day-of-month"),
            "L (the last day) and W (15W, the weekday nearest the 15th) can't be part of a list or a range",
        ));
    }
    parse_list(field, word).map(CronDays::List)
}

fn parse_day_of_week(word: &str) -> Result<CronDays, Flaw> {
    let field = &FIELDS[4];
    if word == "?" {
        return Ok(CronDays::Any);
    }
    if word == "L" {
        return Ok(CronDays::LastOfWeek);
    }
    if let Some((day, nth)) = word.split_once('#') {
        let nth = nth.parse::<u16>().ok().filter(|nth| (1..=5).contains(nth)).ok_or_else(|| {
            Flaw::new(
                format!("`{word}` is not a valid day-of-week"),
                "write a number from 1 to 5 after #: 3#2 is the second Tuesday of the month",
            )
        })?;
        return Ok(CronDays::NthWeekday(parse_field_value(field, day)?, nth));
    }
    if let Some(day) = word.strip_suffix('L').filter(|day| !day.contains([',', '-'])) {
        return Ok(CronDays::LastWeekday(parse_field_value(field, day)?));
    }
    parse_list(field, word).map(CronDays::List)
}

fn parse_list(field: &CronField, word: &str) -> Result<CronList, Flaw> {
    let mut list = CronList { items: Vec::new(), values: BTreeSet::new() };
    for item in word.split(',') {
        let (item, values) = parse_list_item(field, item)?;
        list.items.push(item);
        list.values.extend(values);
    }
    Ok(list)
}

fn parse_list_item(field: &CronField, item: &str) -> Result<(CronItem, impl Iterator<Item = u16> + use<>), Flaw> {
    let (low, high) = (*field.range.start(), *field.range.end());
    let (base, step) = match item.split_once('/') {
        None => (item, None),
        Some(_) if !field.increments => {
            let help = "write the days as a list, such as MON,WED,FRI";
            return Err(Flaw::new(format!("EventBridge does not allow increments in {}", field.name), help));
        }
        Some((base, step)) => {
            let step = step.parse::<u16>().ok().filter(|step| (1..=high).contains(step)).ok_or_else(|| {
                let help = format!("write a whole number from 1 to {high} after /, such as {low}/{}", 10.min(high));
                Flaw::new(format!("`{item}` does not have a valid increment for {}", field.name), help)
            })?;
            (base, Some(step))
        }
    };
    let (parsed, from, to) = match base.split_once('-') {
        _ if base == "*" => (CronBase::All, low, high),
        Some((from, to)) => {
            let (from, to) = (parse_field_value(field, from)?, parse_field_value(field, to)?);
            (CronBase::Range(from, to), from, to)
        }
        None => {
            let from = parse_field_value(field, base)?;
            (CronBase::One(from), from, if step.is_some() { high } else { from })
        }
    };
    if from > to {
        return Err(Flaw::new(
            format!("the range `{base}` in {} ends before it starts", field.name),
            format!("write it as a list of two ranges: {}-{high},{low}-{}", from, to),
        ));
    }
    Ok((CronItem { base: parsed, step }, (from..=to).step_by(usize::from(step.unwrap_or(1)))))
}

fn parse_field_value(field: &CronField, word: &str) -> Result<u16, Flaw> {
    if let Some(index) = field.names.iter().position(|name| *name == word) {
        return Ok(u16::try_from(index).unwrap_or_default() + 1);
    }
    let digits = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let value = word.parse::<u16>().ok().filter(|value| digits && field.range.contains(value));
    value.ok_or_else(|| {
        let (low, high) = (field.range.start(), field.range.end());
        let names = match (field.names.first(), field.names.last()) {
            (Some(first), Some(last)) => format!(" or {first} to {last}"),
            _ => String::new(),
        };
        let extra = match field.name {
            "day-of-week" => "; 1 is Sunday",
            _ if word.is_empty() => "; write the first value or * before /",
            _ => "",
        };
        Flaw::new(
            format!("`{word}` is not valid for {}", field.name),
            format!("{} must be from {low} to {high}{names}{extra}", field.name),
        )
    })
}
