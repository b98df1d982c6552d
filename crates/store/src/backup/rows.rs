//! A row as a line of JSON, whatever table it is of.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use chrono::{DateTime, SecondsFormat, Utc};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbErr, JsonValue, Order, QueryResult, Statement, TryGetable, Value,
    sea_query::{Alias, Expr, ExprTrait, InsertStatement, PostgresQueryBuilder, Query, SelectStatement},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, json};
use uuid::Uuid;

use chimera_domain::TenantId;

use crate::{
    Backend,
    dialect::{BINDS_MAX, catalogue},
    vector,
};

/// What is in a column, whatever the database calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A UUID.
    Uuid,
    /// A text.
    Text,
    /// A whole number of 64 bits.
    Integer,
    /// A double.
    Double,
    /// True or false.
    Boolean,
    /// A JSON document.
    Json,
    /// A moment in UTC, to the microsecond.
    Time,
    /// Numbers of single precision: their bytes, little-endian, in base64.
    Numbers,
}

/// A column in an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnShape {
    /// Its name.
    pub name: String,
    /// What is in it.
    pub kind: Kind,
}

impl Kind {
    fn of(backend: Backend, type_name: &str) -> Option<Self> {
        Some(match (backend, type_name) {
            (Backend::Sqlite, "uuid_text") | (Backend::Postgres, "uuid") => Self::Uuid,
            (_, "text") => Self::Text,
            (_, "bigint") | (Backend::Sqlite, "integer") => Self::Integer,
            (Backend::Sqlite, "double") | (Backend::Postgres, "double precision") => Self::Double,
            (_, "boolean") => Self::Boolean,
            (Backend::Sqlite, "jsonb_text") | (Backend::Postgres, "jsonb") => Self::Json,
            (Backend::Sqlite, "timestamp_with_timezone_text") | (Backend::Postgres, "timestamp with time zone") => {
                Self::Time
            }
            (Backend::Sqlite, "blob") | (Backend::Postgres, "real[]") => Self::Numbers,
            _ => return None,
        })
    }

    /// The column's value as it stands in an archive.
    fn read(self, row: &QueryResult, column: usize, backend: Backend) -> Result<JsonValue, DbErr> {
        fn get<T: TryGetable>(row: &QueryResult, column: usize) -> Result<Option<T>, DbErr> {
            row.try_get_by_index::<Option<T>>(column)
        }
        let value = match self {
            Self::Uuid => get::<Uuid>(row, column)?.map(|id| json!(id)),
            Self::Text => get::<String>(row, column)?.map(JsonValue::String),
            Self::Integer => get::<i64>(row, column)?.map(|number| json!(number)),
            Self::Double => get::<f64>(row, column)?.map(double),
            Self::Boolean => get::<bool>(row, column)?.map(JsonValue::Bool),
            Self::Json => get::<JsonValue>(row, column)?.map(|mut document| {
                // PostgreSQL keeps keys in an order of its own.
                document.sort_all_objects();
                document
            }),
            Self::Time => get::<DateTime<Utc>>(row, column)?
                .map(|time| JsonValue::String(time.to_rfc3339_opts(SecondsFormat::Micros, true))),
            Self::Numbers => match backend {
                Backend::Sqlite => get::<Vec<u8>>(row, column)?,
                Backend::Postgres => match get::<String>(row, column)? {
                    Some(text) => Some(vector::to_bytes(&vector::from_array(&text).ok_or_else(no_numbers)?)),
                    None => None,
                },
            }
            .map(|bytes| JsonValue::String(BASE64.encode(bytes))),
        };
        Ok(value.unwrap_or(JsonValue::Null))
    }

    /// The value to bind for what stands in an archive; `None` when that is of another kind.
    fn bind(self, json: JsonValue) -> Option<Value> {
        if json == JsonValue::Null {
            return Some(match self {
                Self::Uuid => None::<Uuid>.into(),
                Self::Text => None::<String>.into(),
                Self::Integer => None::<i64>.into(),
                Self::Double => None::<f64>.into(),
                Self::Boolean => None::<bool>.into(),
                Self::Json => None::<JsonValue>.into(),
                Self::Time => None::<DateTime<Utc>>.into(),
                Self::Numbers => None::<Vec<u8>>.into(),
            });
        }
        Some(match self {
            Self::Uuid => json.as_str()?.parse::<Uuid>().ok()?.into(),
            Self::Text => match json {
                JsonValue::String(text) => text.into(),
                _ => return None,
            },
            Self::Integer => json.as_i64()?.into(),
            Self::Double => undouble(&json)?.into(),
            Self::Boolean => json.as_bool()?.into(),
            Self::Json => json.into(),
            Self::Time => DateTime::parse_from_rfc3339(json.as_str()?).ok()?.with_timezone(&Utc).into(),
            Self::Numbers => {
                let bytes = BASE64.decode(json.as_str()?).ok()?;
                vector::from_bytes(&bytes)?;
                bytes.into()
            }
        })
    }
}

fn no_numbers() -> DbErr {
    DbErr::Type("an array of numbers has something else in it".to_owned())
}

const NOT_A_NUMBER: &str = "NaN";
const INFINITE: [(&str, f64); 2] = [("Infinity", f64::INFINITY), ("-Infinity", f64::NEG_INFINITY)];

/// JSON has no name for what is not a number.
fn double(number: f64) -> JsonValue {
    if let Some(finite) = Number::from_f64(number) {
        return JsonValue::Number(finite);
    }
    let infinite = INFINITE.iter().find(|(_, value)| value.to_bits() == number.to_bits());
    JsonValue::from(infinite.map_or(NOT_A_NUMBER, |(name, _)| *name))
}

fn undouble(json: &JsonValue) -> Option<f64> {
    match json.as_str() {
        None => json.as_f64(),
        Some(NOT_A_NUMBER) => Some(f64::NAN),
        Some(name) => INFINITE.iter().find(|(known, _)| *known == name).map(|(_, value)| *value),
    }
}

/// A row's values in the order of the columns, as they stand in an archive.
pub(super) type Row = Vec<JsonValue>;

/// Why a line of an archive is no row of its table.
#[derive(Debug, thiserror::Error)]
pub enum BadRow {
    /// It is no JSON object.
    #[error("it is no JSON object")]
    Json(#[from] serde_json::Error),
    /// A column is absent.
    #[error("it has no {0}")]
    Absent(String),
    /// A column holds a value of another kind.
    #[error("its {0} is not of the column's type")]
    Kind(String),
    /// It has columns that the table has not.
    #[error("it has {0}, which the table has not")]
    Stranger(String),
    /// It is another tenant's.
    #[error("it belongs to another tenant than the archive")]
    Foreign,
}

/// How rows of one table are read, written down and inserted.
#[derive(Debug, Clone)]
pub(super) struct Sheet {
    pub(super) table: String,
    pub(super) columns: Vec<ColumnShape>,
    /// Indices of the primary key's columns, in its order.
    key: Vec<usize>,
    backend: Backend,
}

impl Sheet {
    /// The sheet of a table; the name and type of a column when it is of a type that no archive can hold.
    pub(super) fn of(name: &str, table: &catalogue::Table, backend: Backend) -> Result<Self, (String, String)> {
        let mut columns = Vec::with_capacity(table.columns.len());
        for column in &table.columns {
            let kind =
                Kind::of(backend, &column.type_name).ok_or_else(|| (column.name.clone(), column.type_name.clone()))?;
            columns.push(ColumnShape { name: column.name.clone(), kind });
        }
        let places = table.columns.iter().enumerate();
        let mut key: Vec<(i64, usize)> = places.filter_map(|(index, column)| Some((column.key?, index))).collect();
        key.sort_unstable();
        Ok(Self { table: name.to_owned(), columns, key: key.into_iter().map(|(_, index)| index).collect(), backend })
    }

    /// The column's place.
    pub(super) fn place(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|shape| shape.name == column)
    }

    /// All rows by primary key.
    fn all(&self, tenant: TenantId) -> SelectStatement {
        let mut select = Query::select();
        for column in &self.columns {
            let place = Expr::col(Alias::new(&column.name));
            match (self.backend, column.kind) {
                (Backend::Postgres, Kind::Numbers) => select.expr_as(place.cast_as("text"), Alias::new(&column.name)),
                _ => select.expr(place),
            };
        }
        select.from(Alias::new(&self.table));
        if self.place(TENANT).is_some() {
            select.and_where(Expr::col(TENANT).eq(tenant.as_uuid()));
        }
        for column in self.key.iter().filter_map(|index| self.columns.get(*index)) {
            let place = Expr::col(Alias::new(&column.name));
            // The same order on both databases, whatever the locale.
            let place = match (self.backend, column.kind) {
                (Backend::Postgres, Kind::Text) => Expr::cust_with_exprs("$1 COLLATE \"C\"", [place]),
                _ => place,
            };
            select.order_by_expr(place, Order::Asc);
        }
        select
    }

    /// The next rows by primary key after this one, or the first ones; all of them in one transaction.
    pub(super) async fn page(
        &self,
        tx: &DatabaseTransaction,
        tenant: TenantId,
        after: Option<&Row>,
        limit: u64,
    ) -> Result<Vec<QueryResult>, DbErr> {
        match self.backend {
            // Its primary keys are in this order, so each page begins where the last one ended.
            Backend::Sqlite => {
                let mut select = self.all(tenant);
                if let Some(row) = after {
                    let key = self.key.iter().filter_map(|index| Some((self.columns.get(*index)?, row.get(*index)?)));
                    let (places, values): (Vec<Expr>, Vec<Expr>) = key
                        .filter_map(|(column, value)| {
                            let value = column.kind.bind(value.clone())?;
                            Some((Expr::col(Alias::new(&column.name)), Expr::val(value)))
                        })
                        .unzip();
                    select.and_where(Expr::tuple(places).gt(Expr::tuple(values)));
                }
                tx.query_all(select.limit(limit)).await
            }
            // Its texts are in the order of a locale, so sorting them takes the whole table: once, not for each page.
            Backend::Postgres => {
                let cursor = format!("backup_{}", self.table);
                if after.is_none() {
                    let all = self.all(tenant).to_string(PostgresQueryBuilder);
                    tx.execute_unprepared(&format!("DECLARE \"{cursor}\" NO SCROLL CURSOR FOR {all}")).await?;
                }
                let fetch = format!("FETCH FORWARD {limit} FROM \"{cursor}\"");
                tx.query_all_raw(Statement::from_string(tx.get_database_backend(), fetch)).await
            }
        }
    }

    /// A row that [`Self::page`] found; the column's name with the error when it can't be read.
    pub(super) fn read(&self, found: &QueryResult) -> Result<Row, (String, DbErr)> {
        let read = |(index, column): (usize, &ColumnShape)| {
            column.kind.read(found, index, self.backend).map_err(|source| (column.name.clone(), source))
        };
        self.columns.iter().enumerate().map(read).collect()
    }

    /// The row as a line, with its end.
    pub(super) fn line(&self, row: &Row) -> Vec<u8> {
        let mut line = String::from("{");
        for (index, (column, value)) in self.columns.iter().zip(row).enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let name = JsonValue::from(column.name.as_str());
            // Writing to a text can't fail.
            let _ = write!(line, "{comma}{name}:{value}");
        }
        line.push_str("}\n");
        line.into_bytes()
    }

    /// What a line holds, ready to be inserted.
    pub(super) fn parse(&self, line: &[u8]) -> Result<Vec<Value>, BadRow> {
        let mut object: Map<String, JsonValue> = serde_json::from_slice(line)?;
        let mut values = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let json = object.swap_remove(&column.name).ok_or_else(|| BadRow::Absent(column.name.clone()))?;
            values.push(column.kind.bind(json).ok_or_else(|| BadRow::Kind(column.name.clone()))?);
        }
        match object.into_iter().next() {
            Some((name, _)) => Err(BadRow::Stranger(name)),
            None => Ok(values),
        }
    }

    /// The row, if it is this tenant's.
    pub(super) fn of_tenant(&self, row: Vec<Value>, tenant: TenantId) -> Result<Vec<Value>, BadRow> {
        let whose = self.place(TENANT).and_then(|place| row.get(place));
        let is_own = whose.is_none_or(|whose| *whose == Value::from(tenant.as_uuid()));
        if is_own { Ok(row) } else { Err(BadRow::Foreign) }
    }

    /// How many rows one statement can insert.
    pub(super) fn insert_rows_max(&self) -> usize {
        (BINDS_MAX / self.columns.len().max(1)).max(1)
    }

    /// The value as the column takes it.
    fn literal(&self, value: Value, kind: Kind) -> Expr {
        match (self.backend, kind, &value) {
            (Backend::Postgres, Kind::Numbers, Value::Bytes(Some(bytes))) => {
                // They were found to be numbers when they were read.
                let text = vector::to_text(&vector::from_bytes(bytes).unwrap_or_default(), vector::ARRAY);
                Expr::val(text).cast_as("real[]")
            }
            _ => Expr::val(value),
        }
    }

    /// Inserts these rows.
    pub(super) fn insert(&self, rows: Vec<Vec<Value>>) -> Result<InsertStatement, DbErr> {
        let mut insert = Query::insert();
        insert.into_table(Alias::new(&self.table)).columns(self.columns.iter().map(|column| Alias::new(&column.name)));
        for row in rows {
            let values = row.into_iter().zip(&self.columns).map(|(value, column)| self.literal(value, column.kind));
            insert.values(values).map_err(|source| DbErr::Custom(source.to_string()))?;
        }
        Ok(insert)
    }
}

/// The column that says whose row it is.
const TENANT: &str = "tenant_id";

/// What only tests ask of a sheet.
#[cfg(test)]
pub(super) mod testing {
    use super::{Kind, Sheet};

    /// The primary key's columns.
    pub(in crate::backup) fn key(sheet: &Sheet) -> Vec<&str> {
        sheet.key.iter().map(|index| sheet.columns[*index].name.as_str()).collect()
    }

    /// What is in the primary key's columns.
    pub(in crate::backup) fn key_kinds(sheet: &Sheet) -> Vec<Kind> {
        sheet.key.iter().map(|index| sheet.columns[*index].kind).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(kind: Kind) -> Sheet {
        let column = ColumnShape { name: "it".to_owned(), kind };
        Sheet { table: "things".to_owned(), columns: vec![column], key: vec![0], backend: Backend::Sqlite }
    }

    /// What comes back of a value that went through a line.
    fn through(kind: Kind, json: JsonValue) -> Value {
        let sheet = sheet(kind);
        sheet.parse(&sheet.line(&vec![json])).unwrap().remove(0)
    }

    #[test]
    fn doubles_come_back_bit_for_bit() {
        let mut bits: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut doubles =
            vec![0.0, -0.0, f64::MIN_POSITIVE, 5e-324, f64::MAX, f64::MIN, 0.1 + 0.2, 1e21, 9_007_199_254_740_993.0];
        doubles.extend([f64::INFINITY, f64::NEG_INFINITY, f64::NAN]);
        for _ in 0..20_000 {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            doubles.extend(Some(f64::from_bits(bits)).filter(|double| !double.is_nan()));
        }
        for double_before in doubles {
            let Value::Double(Some(after)) = through(Kind::Double, double(double_before)) else { panic!("no double") };
            assert_eq!(after.to_bits(), double_before.to_bits(), "{double_before:e}");
        }
    }

    #[test]
    fn whole_numbers_texts_times_and_nulls_come_back() {
        for number in [i64::MIN, -1, 0, 9_007_199_254_740_993, i64::MAX] {
            assert_eq!(through(Kind::Integer, json!(number)), number.into());
        }
        let text = "\u{202e}a\"\\\n\u{1f600}\u{7f}";
        assert_eq!(through(Kind::Text, json!(text)), text.into());
        let time: DateTime<Utc> = "2026-11-22T10:20:30.123456Z".parse().unwrap();
        assert_eq!(through(Kind::Time, json!("2026-11-22T10:20:30.123456Z")), time.into());
        assert_eq!(through(Kind::Json, json!({"a": [1.5, null]})), json!({"a": [1.5, null]}).into());
        assert_eq!(through(Kind::Boolean, json!(true)), true.into());
        assert_eq!(through(Kind::Uuid, JsonValue::Null), None::<Uuid>.into());
        assert_eq!(through(Kind::Double, JsonValue::Null), None::<f64>.into());
    }

    #[test]
    fn what_is_no_row_of_the_table_is_refused() {
        let sheet = sheet(Kind::Integer);
        let told = |line: &str| sheet.parse(line.as_bytes()).unwrap_err().to_string();
        assert!(told("[1]").contains("JSON object"));
        assert!(told("{}").contains("no it"));
        assert!(told(r#"{"it": "1"}"#).contains("type"));
        assert!(told(r#"{"it": 1.5}"#).contains("type"));
        assert!(told(r#"{"it": 1, "more": 2}"#).contains("more"));
    }
}
