//! The search index: whether it holds the events it says it holds, and finds some of them by their own words.

use rusqlite::Connection;

use super::whole::Check;
use crate::error::StoreError;
use crate::{log, search};

/// Events that are looked for by their own words, evenly spread over the log. All would take as long as indexing them.
const EVENTS_LOOKED_FOR: i64 = 2_000;
const ADVICE: &str = "`calt record rebuild-index` makes it again";

pub(super) fn look(connection: &Connection) -> Result<Check, StoreError> {
    let mut check = Check::new("index");
    let Some((first, last, held)) = bounds(connection) else {
        check.found(None, format!("the search index cannot be read; {ADVICE}"));
        return Ok(check);
    };
    let indexed = search::indexed_up_to(connection)?;
    check.looked_at = held as u64;
    if held != indexed || (held > 0 && (first, last) != (1, indexed)) {
        check.found(None, format!("it holds {held} events and says {indexed}; {ADVICE}"));
        return Ok(check);
    }
    let apart = (indexed / EVENTS_LOOKED_FOR).max(1);
    let mut id = indexed;
    while id > 0 {
        // A row that cannot be read was found with the events.
        if let Ok(Some(event)) = log::event(connection, id)
            && search::finds(connection, &event).ok() == Some(false)
        {
            check.found(Some(id), format!("a search for its own words does not find it; {ADVICE}"));
            break;
        }
        id -= apart;
    }
    Ok(check)
}

/// The first and the last event in the index, and how many there are.
fn bounds(connection: &Connection) -> Option<(i64, i64, i64)> {
    let sql = "SELECT COALESCE(MIN(id), 0), COALESCE(MAX(id), 0), COUNT(*) FROM events_fts_docsize";
    connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).ok()
}
