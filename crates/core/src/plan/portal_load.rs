//! Whether HubSpot's limits hold the runs of all venues, which share one portal.

use std::collections::BTreeMap;

use super::Plan;
use crate::desired::Desired;
use crate::manifest::ScheduleExpression;

/// Requests a day that a portal allows everybody together: Free and Starter, Professional, Enterprise.
/// <https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines>
const DAILY_REQUESTS: [u64; 3] = [250_000, 650_000, 1_000_000];
/// Searches a minute that a portal allows: five a second.
const SEARCHES_A_MINUTE: u64 = 300;
/// Percent of a limit that runs without contacts may take. The rest is for contacts, and for everybody else.
const IDLE_SHARE: u64 = 80;
/// Intervals that can be suggested, in minutes.
const INTERVALS: [u64; 14] = [2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60, 120, 240, 360];

/// Notes once that HubSpot's limits don't hold the runs, with numbers and the interval with which they would. A run that
/// finds nothing is one search.
pub(super) fn note_portal_load(plan: &mut Plan, desired: &Desired) {
    let mut rules: BTreeMap<&str, u64> = BTreeMap::new();
    let stacks = desired.venues.iter().filter_map(|venue| venue.stack.as_ref());
    for trigger in stacks.map(|stack| &stack.trigger).filter(|trigger| trigger.is_enabled()) {
        *rules.entry(trigger.expression()).or_default() += 1;
    }
    let venues = rules.values().sum();
    let thousandths = rules.iter().map(|(schedule, count)| {
        ScheduleExpression::parse_expression(schedule).map_or(0, |schedule| schedule.firings_in(24)) * count
    });
    let runs = thousandths.sum::<u64>() / 1000;
    if fits_portal(runs) {
        return;
    }
    let [starter, professional, enterprise] = DAILY_REQUESTS.map(with_separators);
    let fitting = INTERVALS.iter().find(|minutes| fits_portal(venues * 24 * 60 / **minutes));
    let advice = fitting.map_or_else(String::new, |minutes| {
        let runs = with_separators(venues * 24 * 60 / minutes);
        format!("; with schedule = \"rate({minutes} minutes)\", they would be {runs} a day")
    });
    plan.notes.push(format!(
        "{} venues start {} runs a day ({} a minute), each with at least one search. HubSpot allows a portal {starter} \
         requests a day (Starter), {professional} (Professional) or {enterprise} (Enterprise) and {SEARCHES_A_MINUTE} \
         searches a minute, for everything that uses it{advice}",
        with_separators(venues),
        with_separators(runs),
        with_separators(runs / (24 * 60)),
    ));
}

fn fits_portal(runs_a_day: u64) -> bool {
    let within = |used: u64, limit: u64| used * 100 <= limit * IDLE_SHARE;
    within(runs_a_day, DAILY_REQUESTS[0]) && within(runs_a_day / (24 * 60), SEARCHES_A_MINUTE)
}

/// `288,000`
fn with_separators(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_separators() {
        assert_eq!([7, 250_000, 1_000_000, 1_440].map(with_separators), ["7", "250,000", "1,000,000", "1,440"]);
    }

    #[test]
    fn a_portal_holds_what_leaves_room_for_contacts() {
        let venues_at = |venues: u64, minutes: u64| fits_portal(venues * 24 * 60 / minutes);
        assert!(venues_at(690, 5) && !venues_at(700, 5));
        assert!(venues_at(1_000, 10) && !venues_at(1_000, 6));
    }
}
