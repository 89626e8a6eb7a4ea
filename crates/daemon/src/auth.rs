//! Who speaks: from the bearer token to the caller it proves, and nothing else.

use std::collections::BTreeMap;
use std::sync::Mutex;

use axum::http::{HeaderMap, header};
use calt_engine::Engine;
use calt_engine::core::decide::RosterAction;
use calt_engine::core::principal::{Caller, PrincipalId, PrincipalKind, Role};
use calt_engine::core::roster::Roster;
use calt_engine::core::{Digest, Timestamp};
use subtle::{Choice, ConstantTimeEq as _};

/// Why a caller was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotProven {
    /// No bearer token came with the request.
    Missing,
    /// The token is unknown, revoked or expired; which of these is nobody's business.
    Invalid,
}

/// The credential of the daemon's own environment. Only its hash is kept, and only in memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct EnvironmentToken(Option<Digest>);

impl EnvironmentToken {
    /// Any text that is not empty is a token of the owner.
    pub(crate) fn new(token: Option<&str>) -> Self {
        Self(token.filter(|token| !token.is_empty()).map(|token| Digest::of_bytes(token.as_bytes())))
    }
}

/// Finds who the request's token proves.
pub(crate) fn caller(
    headers: &HeaderMap,
    environment: &EnvironmentToken,
    roster: &Roster,
    now: Timestamp,
) -> Result<Caller, NotProven> {
    let token = bearer(headers).ok_or(NotProven::Missing)?;
    let presented = Digest::of_bytes(token);
    let mut proven = None;
    // Every token is looked at, and each comparison takes the same time whatever it finds.
    for known in roster.tokens() {
        let live = known.revoked_at.is_none() && known.expires_at.is_none_or(|end| now < end);
        if bool::from(same(&presented, &known.hash) & Choice::from(u8::from(live))) {
            proven = roster
                .principal(&known.principal)
                .map(|principal| caller_of(principal.id.clone(), principal.kind, principal.role));
        }
    }
    if let Some(hash) = &environment.0
        && bool::from(same(&presented, hash))
    {
        proven = Some(caller_of(PrincipalId::owner(), PrincipalKind::Person, Role::Owner));
    }
    proven.ok_or(NotProven::Invalid)
}

fn caller_of(principal: PrincipalId, kind: PrincipalKind, role: Role) -> Caller {
    Caller { principal, kind, role }
}

fn same(one: &Digest, other: &Digest) -> Choice {
    one.as_bytes().ct_eq(other.as_bytes())
}

/// The token of `Authorization: Bearer <token>`; the scheme's case does not matter (RFC 9110, 11.1).
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?.as_bytes();
    if values.next().is_some() {
        return None;
    }
    let (scheme, token) = value.split_at_checked("bearer ".len())?;
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"bearer ") && !token.is_empty()).then_some(token)
}

/// Accounts told apart in one report; what is refused to more of them is counted without their ids.
const ACCOUNTS_MAX: usize = 256;

/// Refused accesses since the last report, by reason, by whom a credential proved, and by the account a chat named.
#[derive(Debug, Default)]
pub(crate) struct RefusedAccesses(Mutex<BTreeMap<RefusedTo, u64>>);

type RefusedTo = (&'static str, Option<PrincipalId>, Option<String>);

impl RefusedAccesses {
    /// Counts one.
    pub(crate) fn count(&self, reason: &'static str, by: Option<PrincipalId>) {
        *self.0.lock().expect("no holder of this lock panics").entry((reason, by, None)).or_default() += 1;
    }

    /// Counts one of an account in a chat.
    pub(crate) fn count_account(&self, reason: &'static str, by: Option<PrincipalId>, account: String) {
        let mut counted = self.0.lock().expect("no holder of this lock panics");
        let of_account = (reason, by, Some(account));
        let is_full = counted.len() >= ACCOUNTS_MAX && !counted.contains_key(&of_account);
        let (reason, by, account) = of_account;
        *counted.entry((reason, by, account.filter(|_| !is_full))).or_default() += 1;
    }

    /// Writes what was counted into the log, one event a reason and principal; nothing when nothing was.
    pub(crate) async fn report(&self, engine: &Engine) {
        let counted = std::mem::take(&mut *self.0.lock().expect("no holder of this lock panics"));
        for ((reason, by, user_id), count) in counted {
            let action = RosterAction::AccessRefused { reason: reason.to_owned(), count, by, user_id };
            if let Err(fault) = engine.submit_roster(action).await {
                tracing::warn!(count, "refused accesses (`{reason}`) could not be recorded: {fault}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())])
    }

    #[test]
    fn the_scheme_is_read_in_any_case_and_the_token_as_it_is() {
        assert_eq!(bearer(&headers("Bearer aB=")), Some(b"aB=".as_slice()));
        assert_eq!(bearer(&headers("bEARER   aB")), Some(b"aB".as_slice()));
        for other in ["Basic aB", "Bearer", "Bearer ", "aB", "Bearerx aB"] {
            assert_eq!(bearer(&headers(other)), None, "{other}");
        }
    }

    #[test]
    fn two_authorization_headers_prove_nothing() {
        let mut two = headers("Bearer a");
        two.append(header::AUTHORIZATION, "Bearer b".parse().unwrap());
        assert_eq!(bearer(&two), None);
    }

    #[test]
    fn an_empty_environment_token_opens_nothing() {
        let roster = Roster::default();
        let now = Timestamp::from_micros(1);
        let refused = caller(&headers("Bearer x"), &EnvironmentToken::new(Some("")), &roster, now);
        assert_eq!(refused.unwrap_err(), NotProven::Invalid);
        let owner = caller(&headers("Bearer x"), &EnvironmentToken::new(Some("x")), &roster, now).unwrap();
        assert_eq!(owner.role, Role::Owner);
    }
}
