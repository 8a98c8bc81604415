//! The three calls through which every statement goes: `execute`, `query`, `query_one`. Parameters
//! are `$1, $2 …` in order of first use, so that the same text binds on SQLite and PostgreSQL. Only
//! this file and `sqlite.rs` know the driver.

use std::fmt;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql};

use crate::base::clock::Timestamp;
use crate::base::results::Results;

/// A database error, with the statement it belongs to.
#[derive(Debug)]
pub struct StoreError {
    /// What the database said.
    pub message: String,
    /// The statement or the thing that was being done.
    pub what: String,
    /// The disk is full, or the file cannot be written.
    pub is_full: bool,
    /// A row that had to be there was not.
    pub is_missing: bool,
}

impl StoreError {
    /// An error that is not the driver's.
    #[must_use]
    pub fn new(message: impl Into<String>, what: impl Into<String>) -> Self {
        Self { message: message.into(), what: what.into(), is_full: false, is_missing: false }
    }

    pub(crate) fn from_driver(error: &rusqlite::Error, what: &str) -> Self {
        let code = error.sqlite_error_code();
        let hint = match code {
            Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
                "; put a backup in its place, or move it away to begin with an empty one"
            }
            _ => "",
        };
        Self {
            message: format!("{error}{hint}"),
            what: what.to_owned(),
            is_full: code == Some(rusqlite::ErrorCode::DiskFull),
            is_missing: matches!(error, rusqlite::Error::QueryReturnedNoRows),
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "database: {} ({})", self.message, self.what)
    }
}

impl std::error::Error for StoreError {}

/// What a store function returns.
pub type Result<T> = std::result::Result<T, StoreError>;

/// A parameter of a statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// SQL null.
    Null,
    /// An integer, a boolean, a time, an id.
    Int(i64),
    /// A number with a fraction.
    Real(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(i) => ValueRef::Integer(*i),
            Self::Real(r) => ValueRef::Real(*r),
            Self::Text(t) => ValueRef::Text(t.as_bytes()),
            Self::Blob(b) => ValueRef::Blob(b),
        }))
    }
}

macro_rules! value_from {
    ($($from:ty => $make:expr;)*) => {$(
        impl From<$from> for Value {
            fn from(v: $from) -> Self {
                let make: fn($from) -> Value = $make;
                make(v)
            }
        }
    )*};
}

value_from! {
    i64 => Value::Int;
    u32 => |v| Value::Int(i64::from(v));
    bool => |v| Value::Int(i64::from(v));
    f64 => Value::Real;
    String => Value::Text;
    &str => |v| Value::Text(v.to_owned());
    &String => |v| Value::Text(v.clone());
    Vec<u8> => Value::Blob;
    Timestamp => |v| Value::Int(v.0);
    Results => |v| Value::Int(v.code());
    serde_json::Value => |v| Value::Text(v.to_string());
}

macro_rules! value_from_ids {
    ($($id:ident)*) => {$(
        impl From<crate::base::id::$id> for Value {
            fn from(v: crate::base::id::$id) -> Self {
                Value::Int(v.0)
            }
        }
    )*};
}

value_from_ids! {
    MasterId BuilderId WorkerId SchedulerId GenerationId DeliveryId ChangeId SourcestampId
    BuildsetId RequestId BuildId StepId LogId OutboxId SchedulerEventId SourceId
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(v: Option<T>) -> Self {
        v.map_or(Self::Null, Into::into)
    }
}

/// Parameters of a statement, each converted to a [`Value`].
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        &[$($crate::store::conn::Value::from($value)),*][..]
    };
}

/// A row of an answer; columns count from 0.
pub struct Row<'a>(&'a rusqlite::Row<'a>);

impl Row<'_> {
    fn get<T: rusqlite::types::FromSql>(&self, column: usize) -> Result<T> {
        self.0.get(column).map_err(|e| StoreError::from_driver(&e, "reading a column"))
    }

    /// An integer.
    ///
    /// # Errors
    /// When the column holds something else.
    pub fn int(&self, column: usize) -> Result<i64> {
        self.get(column)
    }

    /// An integer or null.
    ///
    /// # Errors
    /// When the column holds something else.
    pub fn opt_int(&self, column: usize) -> Result<Option<i64>> {
        self.get(column)
    }

    /// A boolean kept as 0 or 1.
    ///
    /// # Errors
    /// When the column holds something else.
    pub fn bool(&self, column: usize) -> Result<bool> {
        Ok(self.int(column)? != 0)
    }

    /// Text.
    ///
    /// # Errors
    /// When the column holds something else.
    pub fn text(&self, column: usize) -> Result<String> {
        self.get(column)
    }

    /// Text or null.
    ///
    /// # Errors
    /// When the column holds something else.
    pub fn opt_text(&self, column: usize) -> Result<Option<String>> {
        self.get(column)
    }

    /// Bytes.
    ///
    /// # Errors
    /// When the column holds something else.
    pub fn blob(&self, column: usize) -> Result<Vec<u8>> {
        self.get(column)
    }

    /// A time.
    ///
    /// # Errors
    /// When the column holds something else.
    pub fn time(&self, column: usize) -> Result<Timestamp> {
        self.int(column).map(Timestamp)
    }

    /// A time or null.
    ///
    /// # Errors
    /// When the column holds something else.
    pub fn opt_time(&self, column: usize) -> Result<Option<Timestamp>> {
        Ok(self.opt_int(column)?.map(Timestamp))
    }

    /// A result or null.
    ///
    /// # Errors
    /// When the column holds something else.
    pub fn opt_results(&self, column: usize) -> Result<Option<Results>> {
        Ok(self.opt_int(column)?.and_then(Results::from_code))
    }

    /// JSON kept as text.
    ///
    /// # Errors
    /// When the column is not text, or the text is not such JSON.
    pub fn json<T: serde::de::DeserializeOwned>(&self, column: usize) -> Result<T> {
        serde_json::from_str(&self.text(column)?)
            .map_err(|e| StoreError::new(e.to_string(), format!("JSON in column {column}")))
    }

    /// Any value, for answers whose columns are chosen at run time.
    ///
    /// # Errors
    /// When the text is not UTF-8.
    pub fn value(&self, column: usize) -> Result<Value> {
        let value =
            self.0.get_ref(column).map_err(|e| StoreError::from_driver(&e, "reading a column"))?;
        Ok(match value {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(i) => Value::Int(i),
            ValueRef::Real(r) => Value::Real(r),
            ValueRef::Text(t) => Value::Text(String::from_utf8_lossy(t).into_owned()),
            ValueRef::Blob(b) => Value::Blob(b.to_vec()),
        })
    }
}

/// A connection, inside or outside a transaction.
pub struct Conn<'a>(pub(super) &'a Connection);

impl Conn<'_> {
    /// Runs a statement; returns how many rows it changed.
    ///
    /// # Errors
    /// What the database refuses.
    pub fn execute(&self, sql: &str, params: &[Value]) -> Result<usize> {
        self.0
            .prepare_cached(sql)
            .and_then(|mut s| s.execute(rusqlite::params_from_iter(params)))
            .map_err(|e| StoreError::from_driver(&e, sql))
    }

    /// Runs a query; `read` makes a value of each row.
    ///
    /// # Errors
    /// What the database refuses, and what `read` fails with.
    pub fn query<T>(
        &self,
        sql: &str,
        params: &[Value],
        mut read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let fail = |e| StoreError::from_driver(&e, sql);
        let mut statement = self.0.prepare_cached(sql).map_err(fail)?;
        let mut rows = statement.query(rusqlite::params_from_iter(params)).map_err(fail)?;
        let mut out = Vec::new();
        while let Some(row) = rows.next().map_err(fail)? {
            out.push(read(&Row(row))?);
        }
        Ok(out)
    }

    /// Runs a query for at most one row.
    ///
    /// # Errors
    /// What the database refuses, and what `read` fails with.
    pub fn query_opt<T>(
        &self,
        sql: &str,
        params: &[Value],
        read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        Ok(self.query(sql, params, read)?.into_iter().next())
    }

    /// Runs a query for exactly one row (also `insert … returning id`).
    ///
    /// # Errors
    /// When there is none, besides what [`Self::query`] fails with.
    pub fn query_one<T>(
        &self,
        sql: &str,
        params: &[Value],
        read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<T> {
        self.query_opt(sql, params, read)?
            .ok_or_else(|| StoreError { is_missing: true, ..StoreError::new("no such row", sql) })
    }
}
