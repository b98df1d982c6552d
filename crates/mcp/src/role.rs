//! Tool roles: what the rest of Chimera calls, mapped to one server's tool by configuration alone.

use std::collections::BTreeMap;

use chimera_domain::Usd;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    config::{ConfigError, HostConfig},
    likeness::nearest_of,
    template::Template,
};

/// One role: a tool, its arguments, and how to read its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleConfig {
    /// The server's configured name.
    pub server: String,
    /// The tool's own name there.
    pub tool: String,
    /// JSON whose strings may hold `{{name}}` or `{{name?}}`; see the module `template`.
    #[serde(default)]
    pub arguments: Value,
    /// Whether calling it twice is as good as calling it once. Only then is a failed call tried again.
    #[serde(default)]
    pub idempotent: bool,
    /// Longest silence of one call, in milliseconds; the server's if absent.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
    /// What a call costs.
    #[serde(default)]
    pub cost: Cost,
    /// Names for parts of the answer: name to JSON pointer into the structured content.
    #[serde(default)]
    pub result: BTreeMap<String, String>,
    /// Roles to try, in this order, when the server can't be reached (and for idempotent roles, when the outcome is
    /// unknown). Their own fallbacks are not followed.
    #[serde(default)]
    pub fallback: Vec<String>,
}

/// What a call of a role costs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cost {
    /// Nothing.
    #[default]
    None,
    /// This much for every call that succeeded or may have done its work.
    Fixed(Usd),
    /// What the tool says: a JSON pointer to dollars (text or number) in the structured content, of errors too.
    Field(String),
}

impl RoleConfig {
    /// A role without retries, cost, named results or fallbacks.
    #[must_use]
    pub fn new(server: impl Into<String>, tool: impl Into<String>, arguments: Value) -> Self {
        Self {
            server: server.into(),
            tool: tool.into(),
            arguments,
            idempotent: false,
            timeout_ms: None,
            cost: Cost::None,
            result: BTreeMap::new(),
            fallback: vec![],
        }
    }

    /// Checks the role, and compiles its template on the way.
    pub(crate) fn compile(&self, name: &str, config: &HostConfig) -> Result<Template, ConfigError> {
        let role = || name.to_owned();
        if !config.servers.contains_key(&self.server) {
            let nearest = nearest_of(&self.server, config.servers.keys().map(String::as_str));
            return Err(ConfigError::UnknownServer { role: role(), server: self.server.clone(), nearest });
        }
        if self.timeout_ms == Some(0) {
            return Err(ConfigError::NoTime { role: role() });
        }
        let template =
            Template::compile(&self.arguments).map_err(|source| ConfigError::Template { role: role(), source })?;
        for fallback in &self.fallback {
            let problem = if fallback == name {
                "is the role itself"
            } else if !config.roles.contains_key(fallback) {
                "is no configured role"
            } else {
                continue;
            };
            return Err(ConfigError::BadFallback { role: role(), fallback: fallback.clone(), problem });
        }
        let cost = match &self.cost {
            Cost::Field(pointer) => Some(("cost.field".to_owned(), pointer)),
            Cost::None | Cost::Fixed(_) => None,
        };
        let results = self.result.iter().map(|(key, pointer)| (format!("result.{key}"), pointer));
        for (key, pointer) in results.chain(cost) {
            if !pointer.is_empty() && !pointer.starts_with('/') {
                return Err(ConfigError::BadPointer { role: role(), key, pointer: pointer.clone() });
            }
        }
        Ok(template)
    }
}

impl Cost {
    /// The price of one successful call that answered this. `None` when the tool should have said it and didn't.
    pub(crate) fn of_success(&self, structured: &Value) -> Option<Usd> {
        match self {
            Self::None => Some(Usd::ZERO),
            Self::Fixed(price) => Some(*price),
            Self::Field(pointer) => structured.pointer(pointer).and_then(dollars),
        }
    }

    /// The price of one call that the tool answered with this error: what the error says, if anything.
    pub(crate) fn of_error(&self, structured: &Value) -> Usd {
        match self {
            Self::Field(_) => self.of_success(structured).unwrap_or(Usd::ZERO),
            Self::None | Self::Fixed(_) => Usd::ZERO,
        }
    }

    /// The price of one call that may or may not have done its work: never understated.
    pub(crate) fn of_unknown(&self) -> Usd {
        match self {
            Self::Fixed(price) => *price,
            Self::None | Self::Field(_) => Usd::ZERO,
        }
    }
}

/// Dollars from text or a number, rounded up to the micro-dollar; negative amounts are no prices.
fn dollars(value: &Value) -> Option<Usd> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let amount = Decimal::from_str_exact(&text).or_else(|_| Decimal::from_scientific(&text)).ok()?;
    Usd::rounded_up(amount).ok().filter(|price| *price >= Usd::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_price_is_read_from_text_or_number_and_never_understated() {
        let field = Cost::Field("/usage/cost_usd".into());
        let said = |value: Value| field.of_success(&json!({"usage": {"cost_usd": value}})).map(Usd::micros);
        assert_eq!(said(json!("0.039")), Some(39_000));
        assert_eq!(said(json!(0.039)), Some(39_000));
        assert_eq!(said(json!(1.5e-7)), Some(1));
        assert_eq!(said(json!(-1)), None);
        assert_eq!(said(json!("a lot")), None);
        assert_eq!(field.of_success(&json!({})), None);
        assert_eq!(Cost::Fixed(Usd::cents(2)).of_unknown(), Usd::cents(2));
        assert_eq!(field.of_error(&json!({"usage": {"cost_usd": "0.01"}, "error": {}})), Usd::cents(1));
        assert_eq!(field.of_error(&json!({"error": {}})), Usd::ZERO);
        assert_eq!(Cost::Fixed(Usd::cents(2)).of_error(&json!({})), Usd::ZERO);
    }
}
