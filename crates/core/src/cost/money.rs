//! Amounts of money, in whole billionths of a dollar, so that sums are exact and the same on every machine.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Sub};

use serde::{Serialize, Serializer};

/// Billionths of a dollar in a dollar.
const NANOS: i64 = 1_000_000_000;
/// Billionths of a dollar in a cent.
const NANOS_OF_A_CENT: i64 = NANOS / 100;

/// US dollars, in billionths. As JSON it is a string with a decimal point, exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Money(i64);

impl Money {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// An amount in billionths of a dollar.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// The amount in billionths of a dollar.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// A difference, for people: `+$0.42`, `-$0.42`, `+<$0.01`, or `no change`.
    pub fn format_signed(self) -> String {
        match self.0 {
            0 => "no change".to_owned(),
            1.. => format!("+{self}"),
            _ => self.to_string(),
        }
    }

    /// The exact amount, such as `0.401825`, without trailing zeros after the cents.
    pub fn format_exact(self) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        let nanos = self.0.unsigned_abs();
        let whole = nanos / NANOS.unsigned_abs();
        let mut parts = format!("{:09}", nanos % NANOS.unsigned_abs());
        while parts.len() > 2 && parts.ends_with('0') {
            parts.pop();
        }
        format!("{sign}{whole}.{parts}")
    }
}

/// For people, in cents: `$1.32`; `<$0.01` for a nonzero amount below a cent.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.unsigned_abs();
        let cent = NANOS_OF_A_CENT.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        if nanos > 0 && nanos < cent {
            return write!(f, "{sign}<$0.01");
        }
        let cents = nanos.saturating_add(cent / 2) / cent;
        write!(f, "{sign}${}.{:02}", cents / 100, cents % 100)
    }
}

impl Add for Money {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Money {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Self::add)
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.format_exact())
    }
}
