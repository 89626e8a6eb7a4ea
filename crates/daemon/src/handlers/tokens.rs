//! Tokens: made by the owner, shown once, taken back.

use axum::extract::State;
use calt_api::views::{AdministrationRequest, CreateToken, Page, TokenCreated, TokenView};
use calt_engine::NewToken;
use calt_engine::core::principal::{PrincipalId, Role};
use calt_engine::core::roster::{Roster, Token};
use calt_engine::core::{Refusal, Timestamp};

use super::{Administrator, At, ListQuery, timestamp, word};
use crate::app::App;
use crate::body::{Json, OptionalJson, Params};
use crate::reply::{Refused, View};

const ROLES: &str = "agent, viewer, approver, relay, owner";

/// `POST /tokens`.
pub(crate) async fn create(
    State(app): State<App>,
    Administrator(by): Administrator,
    Json(body): Json<CreateToken>,
) -> Result<View<TokenCreated>, Refused> {
    let fits = "a name is 1 to 64 of letters, digits and `_-.@`";
    let named = |what: &str, text: &Option<String>| match text {
        Some(text) => PrincipalId::parse(text).map(Some).ok_or_else(|| Refused::invalid(what, fits)),
        None => Ok(None),
    };
    let (name, person) = (named("`name`", &body.name)?, named("`person`", &body.person)?);
    if name.is_some() && person.is_some() {
        return Err(Refused::invalid("`name`", "`person` names whom the token proves"));
    }
    let known = person.as_ref().map(|person| {
        let roster = app.engine.roster();
        let known = roster.principal(person).filter(|known| known.removed_at.is_none());
        known
            .map(|known| known.role)
            .ok_or_else(|| Refused::from(Refusal::PersonNotFound { person: person.to_string() }))
    });
    let role = match (known.transpose()?, body.role) {
        (Some(role), None) => role,
        (_, Some(role)) => word("`role`", Some(role), Role::Viewer, ROLES)?,
        (None, None) => return Err(Refused::invalid("`role`", &format!("it is one of {ROLES}"))),
    };
    let expires_at = timestamp("`expires_at`", body.expires_at.as_deref())?;
    let new = NewToken { principal: name.or(person), role, expires_at };
    let made =
        app.engine.create_token(by.unlocking(body.source, body.user_id, body.message_id, body.unlock), new).await?;
    Ok(View(TokenCreated {
        id: made.id,
        token: made.token,
        principal: made.principal.to_string(),
        role: role.to_string(),
        expires_at: expires_at.map(|at| at.to_string()),
    }))
}

/// `GET /tokens`.
pub(crate) async fn list(
    State(app): State<App>,
    _: Administrator,
    Params(query): Params<ListQuery>,
) -> Result<View<Page<TokenView>>, Refused> {
    let roster = app.engine.roster();
    query.page(roster.tokens().map(|token| shown(&roster, token))).map(View)
}

/// `POST /tokens/{token}/revoke`.
pub(crate) async fn revoke(
    State(app): State<App>,
    Administrator(by): Administrator,
    At(token): At<String>,
    OptionalJson(body): OptionalJson<AdministrationRequest>,
) -> Result<View<TokenView>, Refused> {
    let by = by.unlocking(body.source, body.user_id, body.message_id, body.unlock);
    app.engine.revoke_token(by, token.clone()).await?;
    let roster = app.engine.roster();
    let known = roster.token(&token).map(|known| shown(&roster, known));
    known.map(View).ok_or_else(|| Refusal::TokenNotFound { token }.into())
}

fn shown(roster: &Roster, token: &Token) -> TokenView {
    let role = roster.principal(&token.principal).map(|principal| principal.role.to_string());
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
    TokenView {
        id: token.id.clone(),
        principal: token.principal.to_string(),
        role: role.unwrap_or_default(),
        created_at: token.created_at.to_string(),
        expires_at: time(token.expires_at),
        revoked_at: time(token.revoked_at),
    }
}
