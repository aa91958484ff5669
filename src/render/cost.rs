//! The words of a cost estimate that all formats share.

use deployer_core::cost::{CostAssumptions, CostChange, CostEstimate, CostItem, ItemCost};

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
    (!options.is_empty()).then(|| format!("To pay less, in [defaults]: {}.", options.join("; or ")))
}

/// `$0.84 a month now, $1.26 after (+$0.42)`.
pub(super) fn total_text(estimate: &CostEstimate) -> String {
    let CostChange { before, after } = estimate.total;
    format!("{before} a month now, {after} after ({})", estimate.total.format_difference())
}

/// The items that cost something on either side.
pub(super) fn charged_items(estimate: &CostEstimate) -> impl Iterator<Item = &ItemCost> {
    estimate.items.iter().filter(|item| item.cost != CostChange::default())
}

/// The last rows of a table whose rows are `parts` of the total. All rows together add up as displayed.
pub(super) fn total_rows<'a>(
    estimate: &CostEstimate,
    parts: impl Iterator<Item = &'a CostChange>,
) -> impl Iterator<Item = (&'static str, CostChange)> {
    let rounding = estimate.total.rounding_row(parts).map(|rounding| ("Rounding", rounding));
    rounding.into_iter().chain([("Total", estimate.total)])
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
    let charged = |wanted: &[CostItem]| charged_items(estimate).any(|item| wanted.contains(&item.item));
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
         per run; the metrics of a run in hours with a run{more}. The free tier is not subtracted; data \
         transfer, taxes and discounts are not included.",
        estimate_basis(estimate)
    )
}

/// `1 s`, `1.25 s`.
fn seconds_text(milliseconds: u64) -> String {
    let text = format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000);
    format!("{} s", text.trim_end_matches('0').trim_end_matches('.'))
}
