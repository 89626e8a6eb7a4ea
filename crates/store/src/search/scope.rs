//! Which events are looked at at all: by session, type, principal and time.

use calt_core::id::SessionId;
use calt_core::principal::PrincipalId;
use calt_core::time::Timestamp;
use rusqlite::Row;

use super::SearchQuery;
use super::index::Terms;
use crate::error::StoreError;

/// The filters of a search, as the columns hold them.
pub(super) struct Scope<'q> {
    wanted: &'q SearchQuery,
    /// Times as the log writes them: of one form, so that their order is that of the text.
    since: Option<String>,
    until: Option<String>,
}

impl<'q> Scope<'q> {
    pub(super) fn of(wanted: &'q SearchQuery) -> Self {
        let text = |time: Option<Timestamp>| time.map(|time| time.to_string());
        Self { wanted, since: text(wanted.since), until: text(wanted.until) }
    }

    pub(super) fn narrows_beyond_session(&self) -> bool {
        let SearchQuery { event_type, principal, since, until, .. } = self.wanted;
        event_type.is_some() || principal.is_some() || since.is_some() || until.is_some()
    }

    pub(super) fn since(&self) -> Option<Timestamp> {
        self.wanted.since
    }

    pub(super) fn until(&self) -> Option<Timestamp> {
        self.wanted.until
    }

    /// What the index knows of the filters.
    pub(super) fn terms(&self) -> impl Iterator<Item = Terms> {
        let SearchQuery { session, event_type, principal, .. } = self.wanted;
        let session = session.as_ref().map(Terms::session);
        let event_type = event_type.as_deref().map(Terms::event_type);
        let principal = principal.as_ref().map(Terms::principal);
        session.into_iter().chain(event_type).chain(principal)
    }

    /// Whether an event is of this scope, by its columns, before anything of it is copied.
    pub(super) fn holds(&self, row: &Row<'_>) -> Result<bool, StoreError> {
        let text = |column: usize| -> Result<Option<&str>, StoreError> {
            Ok(row.get_ref(column)?.as_str_or_null().map_err(rusqlite::Error::from)?)
        };
        let SearchQuery { session, event_type, principal, .. } = self.wanted;
        let equals = |column: usize, wanted: Option<&str>| -> Result<bool, StoreError> {
            Ok(wanted.is_none() || text(column)? == wanted)
        };
        if !equals(1, session.as_ref().map(SessionId::as_str))?
            || !equals(5, event_type.as_deref())?
            || !equals(8, principal.as_ref().map(PrincipalId::as_str))?
        {
            return Ok(false);
        }
        if self.since.is_none() && self.until.is_none() {
            return Ok(true);
        }
        let at = text(10)?.unwrap_or_default();
        Ok(self.since.as_deref().is_none_or(|since| at >= since)
            && self.until.as_deref().is_none_or(|until| at < until))
    }
}
