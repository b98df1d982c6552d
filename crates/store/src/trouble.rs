//! What a driver's error means to an operator.

use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr, SqlxError};

use crate::{StoreError, reach::Unreachable};

/// A kind of trouble, whichever database says it.
pub(crate) enum Trouble {
    Away(Unreachable),
    AllInUse,
    Damaged,
    Full,
    ReadOnly,
    Busy,
    Slow,
    Other,
}

impl Trouble {
    pub(crate) fn into_error(self, source: DbErr) -> StoreError {
        match self {
            Self::Away(why) => StoreError::Unavailable { place: "the database".to_owned(), why, source },
            Self::AllInUse => StoreError::AllInUse { source },
            Self::Damaged => StoreError::DamagedFile { source },
            Self::Full => StoreError::DiskFull { source },
            Self::ReadOnly => StoreError::ReadOnly { source },
            Self::Busy => StoreError::Busy { source },
            Self::Slow => StoreError::TimedOut { source },
            Self::Other => StoreError::Database { source },
        }
    }
}

/// Which kind an error is.
pub(crate) fn weigh(error: &DbErr) -> Trouble {
    match error {
        DbErr::ConnectionAcquire(ConnAcquireErr::Timeout) => Trouble::AllInUse,
        DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed) => Trouble::Away(Unreachable::Closed),
        DbErr::Conn(RuntimeErr::SqlxError(e)) => match weigh_sqlx(e) {
            Trouble::Other => Trouble::Away(Unreachable::Other),
            known => known,
        },
        DbErr::Conn(_) => Trouble::Away(Unreachable::Other),
        DbErr::Exec(RuntimeErr::SqlxError(e)) | DbErr::Query(RuntimeErr::SqlxError(e)) => weigh_sqlx(e),
        _ => Trouble::Other,
    }
}

fn weigh_sqlx(error: &SqlxError) -> Trouble {
    match (Unreachable::of(error), error) {
        (Some(why), _) => Trouble::Away(why),
        (None, SqlxError::PoolTimedOut) => Trouble::AllInUse,
        (None, SqlxError::Database(e)) => e.code().map_or(Trouble::Other, |code| weigh_code(&code)),
        (None, _) => Trouble::Other,
    }
}

/// SQLite gives decimal (extended) result codes, whose low byte is the primary code
/// (<https://www.sqlite.org/rescode.html>); PostgreSQL gives five-character SQLSTATEs.
fn weigh_code(code: &str) -> Trouble {
    if let Some(why) = Unreachable::of_code(code) {
        return Trouble::Away(why);
    }
    if code.len() < 5
        && let Ok(number) = code.parse::<u32>()
    {
        return match number & 0xff {
            5 | 6 => Trouble::Busy,
            8 => Trouble::ReadOnly,
            11 | 26 => Trouble::Damaged,
            13 => Trouble::Full,
            _ => Trouble::Other,
        };
    }
    match code {
        "53100" => Trouble::Full,
        "25006" | "42501" => Trouble::ReadOnly,
        // Serialisation failure, deadlock, lock not available.
        "40001" | "40P01" | "55P03" => Trouble::Busy,
        // Cancelled by the statement timeout.
        "57014" => Trouble::Slow,
        _ => Trouble::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn driver_codes_become_words_an_operator_can_act_on() {
        for (code, wanted) in [("13", "full"), ("1544", "written"), ("517", "busy"), ("14", "opened"), ("1", "refused")]
        {
            assert!(text(code).contains(wanted), "{code}: {}", text(code));
        }
        for code in ["11", "26", "267", "779"] {
            assert!(text(code).contains("--data-dir"), "{code}: {}", text(code));
        }
        for (code, wanted) in [
            ("53100", "full"),
            ("25006", "written"),
            ("40P01", "busy"),
            ("57P03", "starting"),
            ("57014", "too long"),
            ("25P03", "cut"),
        ] {
            assert!(text(code).contains(wanted), "{code}: {}", text(code));
        }
    }

    fn text(code: &str) -> String {
        weigh_code(code).into_error(DbErr::Custom(code.to_owned())).to_string()
    }
}
