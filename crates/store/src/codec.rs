//! Between domain values and columns. Whatever the two databases would treat differently is evened out here.

use std::str::FromStr;

use chrono::{DateTime, SubsecRound, Utc};
use sea_orm::{ActiveModelBehavior, ActiveModelTrait, EntityTrait, IntoActiveModel, JsonValue};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use chimera_domain::{QuietHours, Score, TenantId, TraceId, UnknownName};

use crate::{BadValue, Result, RowKind, StoreError};

/// A table whose rows are a domain entity.
pub(crate) trait Mapped: EntityTrait
where
    Self::Model: IntoActiveModel<Self::ActiveModel>,
    Self::ActiveModel: ActiveModelTrait<Entity = Self> + ActiveModelBehavior + Send,
{
    /// The entity.
    type Domain;

    /// The row that holds `entity` for `tenant`.
    fn write(entity: &Self::Domain, tenant: TenantId) -> Result<Self::Model>;

    /// The entity that `row` holds.
    fn read(row: Self::Model) -> Result<Self::Domain>;
}

/// Reads columns of one row; names the row in errors.
#[derive(Clone, Copy)]
pub(crate) struct Reader {
    pub(crate) entity: RowKind,
    pub(crate) id: Uuid,
}

impl Reader {
    pub(crate) fn corrupt(self, column: &'static str, source: impl Into<BadValue>) -> StoreError {
        StoreError::Corrupt { entity: self.entity, id: self.id, column, source: source.into() }
    }

    pub(crate) fn name<T: FromStr<Err = UnknownName>>(self, column: &'static str, text: &str) -> Result<T> {
        text.parse().map_err(|e: UnknownName| self.corrupt(column, e))
    }

    pub(crate) fn score(self, column: &'static str, value: f64) -> Result<Score> {
        Score::new(value).map_err(|e| self.corrupt(column, e))
    }

    pub(crate) fn trace(self, text: &str) -> Result<TraceId> {
        text.parse().map_err(|e: chimera_domain::TraceParseError| self.corrupt("trace_id", e))
    }

    pub(crate) fn quiet_hours(self, text: &str) -> Result<QuietHours> {
        text.parse().map_err(|e: chimera_domain::QuietHoursError| self.corrupt("quiet_hours", e))
    }

    pub(crate) fn count(self, column: &'static str, value: i64) -> Result<u32> {
        u32::try_from(value).map_err(|_| self.corrupt(column, BadValue::Count(value)))
    }

    pub(crate) fn document<T: DeserializeOwned>(self, column: &'static str, value: JsonValue) -> Result<T> {
        serde_json::from_value(value).map_err(|e| self.corrupt(column, e))
    }
}

/// Writes columns of one row; checks that it belongs to this store's tenant.
#[derive(Clone, Copy)]
pub(crate) struct Writer {
    entity: RowKind,
    id: Uuid,
}

impl Writer {
    /// A writer for a row of `found`, which must be the store's own tenant.
    pub(crate) fn new(entity: RowKind, id: Uuid, expected: TenantId, found: TenantId) -> Result<Self> {
        if expected == found {
            Ok(Self { entity, id })
        } else {
            Err(StoreError::ForeignTenant { entity, id, expected, found })
        }
    }

    pub(crate) fn document<T: Serialize>(self, column: &'static str, value: &T) -> Result<JsonValue> {
        let mut json = serde_json::to_value(value).map_err(|e| StoreError::Corrupt {
            entity: self.entity,
            id: self.id,
            column,
            source: BadValue::Document(e),
        })?;
        scrub(&mut json);
        Ok(json)
    }
}

/// A text without NUL, which PostgreSQL refuses; untrusted headlines may hold one.
pub(crate) fn text(text: &str) -> String {
    if text.contains('\0') { text.replace('\0', "\u{FFFD}") } else { text.to_owned() }
}

/// The same for an optional text.
pub(crate) fn text_opt(optional: Option<&String>) -> Option<String> {
    optional.map(|t| text(t))
}

/// A time cut to the microsecond, what PostgreSQL keeps.
pub(crate) fn time(time: DateTime<Utc>) -> DateTime<Utc> {
    time.trunc_subsecs(6)
}

/// A duration or size as a column holds it; the bound is 292 million years in milliseconds.
pub(crate) fn wide(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn scrub(json: &mut JsonValue) {
    match json {
        JsonValue::String(s) if s.contains('\0') => *s = text(s),
        JsonValue::Array(items) => items.iter_mut().for_each(scrub),
        JsonValue::Object(map) => map.values_mut().for_each(scrub),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nul_is_replaced_wherever_it_hides() {
        let mut doc = json!({"a": ["x\0y", {"b": "\0"}], "c": "fine", "d": 1});
        scrub(&mut doc);
        assert_eq!(doc, json!({"a": ["x\u{FFFD}y", {"b": "\u{FFFD}"}], "c": "fine", "d": 1}));
        assert_eq!(text("a\0"), "a\u{FFFD}");
    }

    #[test]
    fn a_row_of_another_tenant_is_refused() {
        let other = TenantId::from_uuid(Uuid::from_u128(5));
        let refused = Writer::new(RowKind::Agent, Uuid::nil(), TenantId::DEFAULT, other).err().unwrap();
        assert!(matches!(refused, StoreError::ForeignTenant { found, .. } if found == other));
    }

    #[test]
    fn finer_digits_than_a_microsecond_are_cut_not_rounded() {
        let fine = DateTime::from_timestamp(1, 999_999_999).unwrap();
        assert_eq!(time(fine), DateTime::from_timestamp(1, 999_999_000).unwrap());
    }
}
