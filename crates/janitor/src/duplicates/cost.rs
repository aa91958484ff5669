//! The two ways to remove duplicates, and what they cost.

use serde::Serialize;

use deployer_core::cost::Money;

const NANOS: i128 = 1_000_000_000;

/// The assumptions about the two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RemovalTerms {
    /// The vendor's fee for a mass deletion; `None` if unknown.
    pub fee: Option<Money>,
    /// How long a person takes to find and remove one lead, in billionths of a minute.
    #[serde(skip)]
    pub minutes_per_lead: DecimalAmount,
    /// What an hour of that person's work costs.
    pub hourly_rate: Money,
}

/// A number with up to nine decimals, exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DecimalAmount(i64);

impl DecimalAmount {
    /// Parses a number such as `2` or `1.5`: not negative, below a billion, with at most nine decimals.
    ///
    /// # Errors
    /// The number is invalid. The error says how to write it.
    pub fn parse_decimal(text: &str) -> Result<Self, String> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| (1..=9).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(decimals) {
            return Err("write a number such as 2 or 1.5".to_owned());
        }
        let number = |text: &str| text.parse::<i64>().expect("at most nine digits, as checked above");
        Ok(Self(number(whole) * 1_000_000_000 + number(&format!("{decimals:0<9}"))))
    }

    /// The amount in dollars.
    pub fn as_dollars(self) -> Money {
        Money::from_nanos(self.0)
    }
}

/// Without trailing zeros: `2`, `1.5`.
impl std::fmt::Display for DecimalAmount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = format!("{}.{:09}", self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// The cost of both ways for a number of leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemovalCost {
    /// Leads to remove.
    pub leads: u64,
    /// The cost of the vendor's mass deletion.
    pub by_vendor: Option<Money>,
    /// Minutes of manual work, rounded up.
    pub minutes_by_hand: u64,
    /// What that work costs.
    pub by_hand: Money,
}

impl RemovalCost {
    /// What it costs to remove `leads`.
    pub fn new(leads: u64, terms: &RemovalTerms) -> Self {
        let minutes = i128::from(leads) * i128::from(terms.minutes_per_lead.0);
        let by_hand = minutes * i128::from(terms.hourly_rate.as_nanos()) / 60 / NANOS;
        Self {
            leads,
            by_vendor: terms.fee.map(|fee| if leads == 0 { Money::ZERO } else { fee }),
            minutes_by_hand: u64::try_from((minutes + NANOS - 1) / NANOS).unwrap_or(u64::MAX),
            by_hand: Money::from_nanos(i64::try_from(by_hand).unwrap_or(i64::MAX)),
        }
    }

    /// The time of manual work: `3 h 20 min`.
    pub fn time_by_hand(&self) -> String {
        match (self.minutes_by_hand / 60, self.minutes_by_hand % 60) {
            (0, minutes) => format!("{minutes} min"),
            (hours, minutes) => format!("{hours} h {minutes} min"),
        }
    }

    /// Which way is cheaper, as a sentence.
    pub fn describe_cheaper_way(&self) -> String {
        match self.by_vendor {
            _ if self.leads == 0 => "There is nothing to remove.".to_owned(),
            None => format!("The vendor's mass deletion is cheaper if the fee is below {}.", self.by_hand),
            Some(fee) if fee < self.by_hand => "The vendor's mass deletion is cheaper.".to_owned(),
            Some(fee) if fee == self.by_hand => "Both cost the same.".to_owned(),
            Some(_) => "Removing them by hand is cheaper.".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_amount(text: &str) -> DecimalAmount {
        DecimalAmount::parse_decimal(text).expect("a number")
    }

    #[test]
    fn amounts_round_trip_exactly() {
        for text in ["0", "2", "1.5", "0.000000001", "999999999.999999999"] {
            assert_eq!(parse_amount(text).to_string(), text);
        }
        for text in ["", "-1", "1.", ".5", "1e3", "1,5", "$2", "1234567890", "1.0000000001"] {
            assert!(DecimalAmount::parse_decimal(text).is_err(), "{text}");
        }
    }

    #[test]
    fn prices_both_ways() {
        let terms = |fee: Option<&str>| RemovalTerms {
            fee: fee.map(|fee| parse_amount(fee).as_dollars()),
            minutes_per_lead: parse_amount("1.5"),
            hourly_rate: parse_amount("40").as_dollars(),
        };
        let mend = RemovalCost::new(101, &terms(Some("250")));
        assert_eq!((mend.minutes_by_hand, mend.time_by_hand()), (152, "2 h 32 min".to_owned()));
        assert_eq!(
            (mend.by_hand.to_string(), mend.by_vendor.map(|fee| fee.to_string())),
            ("$101.00".to_owned(), Some("$250.00".to_owned()))
        );
        assert_eq!(mend.describe_cheaper_way(), "Removing them by hand is cheaper.");
        let unknown = RemovalCost::new(101, &terms(None));
        assert_eq!(
            unknown.describe_cheaper_way(),
            "The vendor's mass deletion is cheaper if the fee is below $101.00."
        );
        assert_eq!(RemovalCost::new(0, &terms(Some("250"))).describe_cheaper_way(), "There is nothing to remove.");
    }
}
