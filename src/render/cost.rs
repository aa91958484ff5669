//! The words of a cost estimate that all formats share.

use deployer_core::cost::{CostAssumptions, CostChange, CostEstimate};

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
    let CostChange { before, after } = estimate.total;
    format!("{before} a month now, {after} after ({})", estimate.total.difference().format_signed())
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
    let CostAssumptions { log_bytes_a_run, .. } = &estimate.assumptions;
    format!(
        "An estimate at list prices for a month of 730 hours. It {}; {log_bytes_a_run} bytes of logs and one secret read \
         per run; the metrics of a run in hours with a run. The free tier is not subtracted; data transfer, \
         taxes and discounts are not included.",
        estimate_basis(estimate)
    )
}

/// `1 s`, `1.25 s`.
fn seconds_text(milliseconds: u64) -> String {
    let text = format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000);
    format!("{} s", text.trim_end_matches('0').trim_end_matches('.'))
}
