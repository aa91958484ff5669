//! The words of a cost estimate that all formats share.

use deployer_core::cost::{CostAssumptions, CostChange, CostEstimate, CostItem, Money};

/// The cost line at the end of a plan as text.
pub fn cost_line(estimate: &CostEstimate) -> String {
    let mut line = format!("Cost: {}; {}; free tier not counted.", total_text(estimate), estimate_basis(estimate));
    if !estimate.not_counted.is_empty() {
        line.push_str(" Not counted: ");
        line.push_str(&estimate.not_counted.join("; "));
        line.push('.');
    }
    if let Some(savings) = savings_text(estimate) {
        line.push(' ');
        line.push_str(&savings);
    }
    line
}

/// What to change first in order to pay less, if there is anything.
pub(super) fn savings_text(estimate: &CostEstimate) -> Option<String> {
    let options: Vec<String> = estimate
        .savings
        .iter()
        .map(|saving| format!("`{}` saves {} a month ({})", saving.setting, saving.saves, saving.meaning))
        .collect();
    (!options.is_empty()).then(|| format!("To pay less: {}.", options.join("; or ")))
}

/// `$0.84 a month now, $1.26 after (+$0.42)`.
pub(super) fn total_text(estimate: &CostEstimate) -> String {
    let ShownCost { before, after, difference } = ShownCost::of_change(&estimate.total);
    format!("{before} a month now, {after} after ({difference})")
}

/// The sides of a change in cents, as text. What is shown adds up: `after` is `before` and `difference`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ShownCost {
    pub(super) before: String,
    pub(super) after: String,
    pub(super) difference: String,
}

impl ShownCost {
    fn of_change(exact: &CostChange) -> Self {
        let cents = |money: Money| round_to_cents(money.as_nanos());
        Self::of_cents(exact, cents(exact.before), cents(exact.after))
    }

    fn of_cents(exact: &CostChange, before: i64, after: i64) -> Self {
        let difference = match (after - before, exact.difference().as_nanos()) {
            (0, 0) => "no change".to_owned(),
            (0, 1..) => "+<$0.01".to_owned(),
            (0, _) => "-<$0.01".to_owned(),
            (cents @ 1.., _) => format!("+{}", Money::from_nanos(cents * NANOS_OF_A_CENT)),
            (cents, _) => Money::from_nanos(cents * NANOS_OF_A_CENT).to_string(),
        };
        Self { before: cents_text(exact.before, before), after: cents_text(exact.after, after), difference }
    }

    pub(super) fn texts(&self) -> [&str; 3] {
        [&self.before, &self.after, &self.difference]
    }
}

/// The parts of a total as they are shown: in cents that add up to the cents of the total, with the largest remainders
/// rounded up. A part that doesn't change shows no change.
pub(super) fn share_cents(parts: &[CostChange]) -> Vec<ShownCost> {
    let nanos = |of: fn(&CostChange) -> Money| parts.iter().map(|part| of(part).as_nanos()).collect::<Vec<_>>();
    let (before, difference) = (nanos(|part| part.before), nanos(CostChange::difference));
    let total_before = round_to_cents(before.iter().sum());
    let total_after = round_to_cents(nanos(|part| part.after).iter().sum());
    let before = apportion(&before, total_before);
    let difference = apportion(&difference, total_after - total_before);
    let sides = parts.iter().zip(before.iter().zip(&difference));
    sides.map(|(part, (before, difference))| ShownCost::of_cents(part, *before, before + difference)).collect()
}

/// Amounts in billionths of a dollar as cents that add up to `total`. Amounts of zero stay zero where any other can be
/// rounded instead.
fn apportion(amounts: &[i64], total: i64) -> Vec<i64> {
    let mut cents: Vec<i64> = amounts.iter().map(|amount| amount.div_euclid(NANOS_OF_A_CENT)).collect();
    let mut order: Vec<usize> = (0..amounts.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(amounts[*at].rem_euclid(NANOS_OF_A_CENT)));
    let missing = total - cents.iter().sum::<i64>();
    for step in 0..missing.unsigned_abs() {
        let turn = usize::try_from(step).unwrap_or_default() % order.len().max(1);
        // The largest remainders get a cent, the smallest lose one.
        match (missing > 0, order.get(turn), order.len().checked_sub(turn + 1).and_then(|at| order.get(at))) {
            (true, Some(at), _) => cents[*at] += 1,
            (false, _, Some(at)) => cents[*at] -= 1,
            _ => break,
        }
    }
    cents
}

const NANOS_OF_A_CENT: i64 = 10_000_000;

fn round_to_cents(nanos: i64) -> i64 {
    (nanos + NANOS_OF_A_CENT / 2).div_euclid(NANOS_OF_A_CENT)
}

/// An amount that isn't zero and rounds to it is less than a cent.
fn cents_text(exact: Money, cents: i64) -> String {
    match cents {
        0 if exact != Money::ZERO => "<$0.01".to_owned(),
        cents => Money::from_nanos(cents * NANOS_OF_A_CENT).to_string(),
    }
}

/// What an estimate is based on: `assumes runs of 1 s, prices of us-east-1 as of 2026-08-11`.
pub(super) fn estimate_basis(estimate: &CostEstimate) -> String {
    let CostAssumptions { run_ms, measured_run_ms, .. } = &estimate.assumptions;
    let unmeasured = if measured_run_ms.is_empty() { "" } else { " where none were measured" };
    let of = if estimate.prices_of == estimate.region {
        estimate.region.clone()
    } else {
        format!("{} (those of {} are unknown)", estimate.prices_of, estimate.region)
    };
    format!("assumes runs of {}{unmeasured}, prices of {of} as of {}", seconds_text(*run_ms), estimate.prices_as_of)
}

/// All assumptions, and what the estimate leaves out.
pub(super) fn small_print(estimate: &CostEstimate) -> String {
    let CostAssumptions { log_bytes_a_run, failed_of_1000_runs, .. } = &estimate.assumptions;
    let charged = |wanted: &[CostItem]| {
        let mut items = estimate.items.iter().filter(|item| item.cost != CostChange::default());
        items.any(|item| wanted.contains(&item.item))
    };
    let mut more = String::new();
    if charged(&[CostItem::KmsRequests]) {
        more.push_str("; up to three uses of the declared key per run, but not the key itself");
    }
    if charged(&[CostItem::XrayTraces]) {
        more.push_str("; one trace per run");
    }
    if charged(&[CostItem::SqsMessages, CostItem::SnsMessages]) {
        more.push_str(&format!("; {failed_of_1000_runs} failed runs of 1000"));
    }
    format!(
        "An estimate at list prices for a month of 730 hours. It {}; {log_bytes_a_run} bytes of logs and one secret read \
         per run; the metrics of a run in hours with a run{more}. The free tier is not subtracted; data transfer, \
         taxes and discounts are not included.",
        estimate_basis(estimate)
    )
}

/// `1 s`, `1.25 s`.
fn seconds_text(milliseconds: u64) -> String {
    let text = format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000);
    format!("{} s", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cents_of(text: &str) -> i64 {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let cents = if text.contains('<') || text == "no change" { 0 } else { digits.parse().expect("an amount") };
        if text.starts_with('-') { -cents } else { cents }
    }

    #[test]
    fn thirds_of_a_dollar_add_up_to_it() {
        let third = |nanos| CostChange { before: Money::ZERO, after: Money::from_nanos(nanos) };
        let shown = share_cents(&[third(333_333_333), third(333_333_334), third(333_333_333)]);
        let after: Vec<&str> = shown.iter().map(|part| part.after.as_str()).collect();
        assert_eq!(after, ["$0.33", "$0.34", "$0.33"]);
        let tiny = CostChange { before: Money::from_nanos(1), after: Money::from_nanos(1) };
        assert_eq!(ShownCost::of_change(&tiny).texts(), ["<$0.01", "<$0.01", "no change"]);
    }

    proptest! {
        #[test]
        fn what_is_shown_adds_up(amounts in proptest::collection::vec((0..50_000_000_000_i64, 0..50_000_000_000_i64), 1..40)) {
            let parts: Vec<CostChange> = amounts
                .iter()
                .map(|(before, after)| CostChange { before: Money::from_nanos(*before), after: Money::from_nanos(*after) })
                .collect();
            let sum = |of: fn(&CostChange) -> Money| parts.iter().map(of).sum::<Money>();
            let total = ShownCost::of_change(&CostChange { before: sum(|part| part.before), after: sum(|part| part.after) });
            let shown = share_cents(&parts);
            for column in 0..3 {
                let added: i64 = shown.iter().map(|part| cents_of(part.texts()[column])).sum();
                prop_assert_eq!(added, cents_of(total.texts()[column]));
            }
            for part in &shown {
                prop_assert_eq!(cents_of(&part.before) + cents_of(&part.difference), cents_of(&part.after));
            }
        }
    }
}
