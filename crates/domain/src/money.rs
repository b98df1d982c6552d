//! Exact money in US dollars (or USDC, one to one).

use std::{borrow::Cow, fmt, iter::Sum, str::FromStr};

use rust_decimal::{Decimal, RoundingStrategy, prelude::ToPrimitive};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Dollars, exact to the millionth (USDC has six decimals too). Never a float: on the wire it is a
/// decimal string such as `"1.25"`, in a table a whole number of micro-dollars.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Usd(i64);

/// Why a text or number is not an amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsdError {
    /// Not a decimal number.
    #[error("not an amount in dollars: {0:?} (want a number such as \"12.50\")")]
    NotANumber(String),
    /// Finer than a micro-dollar.
    #[error("{0} dollars is finer than a millionth of a dollar")]
    TooFine(Decimal),
    /// Beyond nine trillion dollars.
    #[error("the amount is too large")]
    TooLarge,
}

const MICROS: i64 = 1_000_000;
const DECIMALS: u32 = 6;

impl Usd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// A billion dollars, the most that is reserved or spent at once: sums of such amounts stay exact in a double, in
    /// which scripts of Redis count.
    pub const COUNTABLE_MAX: Self = Self::dollars(1_000_000_000);

    /// Whole dollars.
    #[must_use]
    pub const fn dollars(dollars: i32) -> Self {
        Self(dollars as i64 * MICROS)
    }

    /// Whole cents.
    #[must_use]
    pub const fn cents(cents: i32) -> Self {
        Self(cents as i64 * (MICROS / 100))
    }

    /// An amount read from storage, in micro-dollars.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// The amount in micro-dollars, for storage.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// An exact amount.
    ///
    /// # Errors
    /// [`UsdError::TooFine`] when digits would be lost, [`UsdError::TooLarge`] when it doesn't fit.
    pub fn exact(amount: Decimal) -> Result<Self, UsdError> {
        let amount = amount.normalize();
        if amount.scale() > DECIMALS {
            return Err(UsdError::TooFine(amount));
        }
        Self::rounded_up(amount)
    }

    /// A computed cost, rounded *up* to the micro-dollar: a budget is never understated.
    ///
    /// # Errors
    /// [`UsdError::TooLarge`] when it doesn't fit.
    pub fn rounded_up(amount: Decimal) -> Result<Self, UsdError> {
        let micros = amount
            .checked_mul(Decimal::from(MICROS))
            .ok_or(UsdError::TooLarge)?
            .round_dp_with_strategy(0, RoundingStrategy::ToPositiveInfinity);
        micros.to_i64().map(Self).ok_or(UsdError::TooLarge)
    }

    /// The amount as a decimal number of dollars.
    #[must_use]
    pub fn to_decimal(self) -> Decimal {
        Decimal::new(self.0, DECIMALS).normalize()
    }

    /// Whether something can cost this: from zero to [`Self::COUNTABLE_MAX`].
    #[must_use]
    pub const fn is_countable(self) -> bool {
        self.0 >= 0 && self.0 <= Self::COUNTABLE_MAX.0
    }

    /// The sum, or `None` beyond nine trillion dollars.
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(micros) => Some(Self(micros)),
            None => None,
        }
    }

    /// The sum, held at the largest amount instead of overflowing: a cap then refuses it.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, held at the smallest amount instead of overflowing.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Self::saturating_add)
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_decimal().fmt(f)
    }
}

impl fmt::Debug for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${self}")
    }
}

impl FromStr for Usd {
    type Err = UsdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let amount = Decimal::from_str_exact(text.trim()).map_err(|_| UsdError::NotANumber(text.to_owned()))?;
        Self::exact(amount)
    }
}

impl TryFrom<String> for Usd {
    type Error = UsdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Usd> for String {
    fn from(amount: Usd) -> Self {
        amount.to_string()
    }
}

impl JsonSchema for Usd {
    fn schema_name() -> Cow<'static, str> {
        "Usd".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^-?[0-9]+(\.[0-9]{1,6})?$",
            "description": "Dollars as an exact decimal string, to the millionth."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_tenth_and_two_tenths_make_three_tenths() {
        let sum: Usd = ["0.1", "0.2"].iter().map(|t| t.parse::<Usd>().unwrap()).sum();
        assert_eq!(sum.to_string(), "0.3");
        assert_eq!(serde_json::to_string(&sum).unwrap(), "\"0.3\"");
    }

    #[test]
    fn digits_are_never_lost_in_silence() {
        assert!(matches!("0.0000001".parse::<Usd>(), Err(UsdError::TooFine(_))));
        assert_eq!(Usd::rounded_up("0.0000001".parse().unwrap()).unwrap().micros(), 1);
        assert!(matches!("1e3".parse::<Usd>(), Err(UsdError::NotANumber(_))));
        assert_eq!("1.2500000000".parse::<Usd>().unwrap(), Usd::cents(125));
    }

    proptest! {
        #[test]
        fn text_round_trips(micros in any::<i64>()) {
            let amount = Usd::from_micros(micros);
            prop_assert_eq!(amount.to_string().parse::<Usd>().unwrap(), amount);
        }
    }
}
