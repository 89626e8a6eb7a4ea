//! PINs: what was decided by people who have one, and the files that hold their hashes.

use calt_core::oracle::Pins;
use rusqlite::Connection;

use super::whole::Check;
use crate::error::StoreError;
use crate::files::Files;
use crate::log;

pub(super) fn look(connection: &Connection, files: &Files) -> Result<Check, StoreError> {
    let mut check = Check::new("pins");
    let mut pins = Pins::default();
    let walked = log::each_event_since_the_first_pin(connection, &Pins::EVENT_TYPES, |event| {
        if let Err(what) = pins.take(&event) {
            check.found(Some(event.id.0), what);
        }
        Ok(())
    });
    let roster = walked.and_then(|()| log::replay_roster(connection));
    let roster = match roster {
        Ok(roster) => roster,
        // What does not read was found before, where every event is looked at.
        Err(StoreError::Corrupt(_)) => return Ok(check),
        Err(error) => return Err(error),
    };
    for (principal, pin) in roster.pins() {
        check.looked_at += 1;
        if let Err(error) = files.read_pin_hash(pin.hash_file) {
            check.found(None, format!("the hash of `{principal}`'s PIN is not the one that was recorded: {error}"));
        }
    }
    Ok(check)
}
