//! Metric math, as far as an alarm of one value a period needs it: numbers, metrics, `+ - * /`, comparisons, `IF` and `FILL`.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html>

use std::collections::BTreeMap;

/// The value of an expression in one period. `None` if a metric that it needs has none, or if it isn't an expression.
pub(super) fn evaluate_expression(text: &str, metrics: &BTreeMap<&str, Option<f64>>) -> Option<f64> {
    let mut reader = ExpressionReader { rest: text, metrics };
    let value = reader.read_comparison()?;
    if reader.rest.trim_start().is_empty() { value.0 } else { None }
}

/// A value that may be missing.
#[derive(Debug, Clone, Copy)]
struct Datum(Option<f64>);

struct ExpressionReader<'e> {
    rest: &'e str,
    metrics: &'e BTreeMap<&'e str, Option<f64>>,
}

impl Datum {
    fn combine(self, other: Self, with: impl Fn(f64, f64) -> f64) -> Self {
        Self(self.0.zip(other.0).map(|(one, other)| with(one, other)).filter(|value| value.is_finite()))
    }
}

impl ExpressionReader<'_> {
    fn accept(&mut self, sign: &str) -> bool {
        let rest = self.rest.trim_start();
        match rest.strip_prefix(sign) {
            Some(after) => {
                self.rest = after;
                true
            }
            None => false,
        }
    }

    fn read_comparison(&mut self) -> Option<Datum> {
        let left = self.read_sum()?;
        let flag = |holds: bool| f64::from(u8::from(holds));
        for (sign, compare) in [
            (">=", (|one, other| one >= other) as fn(f64, f64) -> bool),
            ("<=", |one, other| one <= other),
            (">", |one, other| one > other),
            ("<", |one, other| one < other),
        ] {
            if self.accept(sign) {
                return Some(left.combine(self.read_sum()?, |one, other| flag(compare(one, other))));
            }
        }
        Some(left)
    }

    fn read_sum(&mut self) -> Option<Datum> {
        let mut sum = self.read_product()?;
        loop {
            if self.accept("+") {
                sum = sum.combine(self.read_product()?, |one, other| one + other);
            } else if self.accept("-") {
                sum = sum.combine(self.read_product()?, |one, other| one - other);
            } else {
                return Some(sum);
            }
        }
    }

    fn read_product(&mut self) -> Option<Datum> {
        let mut product = self.read_atom()?;
        loop {
            if self.accept("*") {
                product = product.combine(self.read_atom()?, |one, other| one * other);
            } else if self.accept("/") {
                product = product.combine(self.read_atom()?, |one, other| one / other);
            } else {
                return Some(product);
            }
        }
    }

    fn read_atom(&mut self) -> Option<Datum> {
        if self.accept("(") {
            let inner = self.read_comparison()?;
            return self.accept(")").then_some(inner);
        }
        let rest = self.rest.trim_start();
        let end = rest.find(|sign: char| !sign.is_ascii_alphanumeric() && sign != '_' && sign != '.');
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        self.rest = after;
        if let Ok(number) = word.parse::<f64>() {
            return Some(Datum(Some(number)));
        }
        if !self.accept("(") {
            return self.metrics.get(word).copied().map(Datum);
        }
        let mut arguments = vec![self.read_comparison()?];
        while self.accept(",") {
            arguments.push(self.read_comparison()?);
        }
        if !self.accept(")") {
            return None;
        }
        match (word, arguments.as_slice()) {
            ("FILL", [value, filler]) => Some(Datum(value.0.or(filler.0))),
            ("IF", [condition, yes, no]) => {
                Some(Datum(condition.0.and_then(|holds| if holds == 0.0 { no.0 } else { yes.0 })))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evaluates_a_share_with_missing_values() {
        let share = "IF(failed >= 3, 100 * failed / (failed + FILL(synced, 0)), 0)";
        let value =
            |failed, synced| evaluate_expression(share, &BTreeMap::from([("failed", failed), ("synced", synced)]));
        assert_eq!(value(Some(3.0), Some(9.0)), Some(25.0));
        assert_eq!(value(Some(3.0), None), Some(100.0));
        assert_eq!(value(Some(2.0), None), Some(0.0), "too few to say anything");
        assert_eq!(value(None, Some(9.0)), None);
        assert_eq!(evaluate_expression("failed +", &BTreeMap::from([("failed", Some(1.0))])), None);
        assert_eq!(evaluate_expression("1 - 2 * 3", &BTreeMap::new()), Some(-5.0));
    }
}
