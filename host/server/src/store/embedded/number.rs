//! Numbers on their way to SQLite and back: it has signed 64-bit integers only.

use rusqlite::Row;
use rusqlite::types::Type;

/// For writing. What does not fit is as large as can be written: only "never" is that large.
pub(super) fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// For reading. A negative number was never written.
pub(super) fn stored(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(index)?;
    u64::try_from(number).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(index, Type::Integer, Box::new(error))
    })
}
