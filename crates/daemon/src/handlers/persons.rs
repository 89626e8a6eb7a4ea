//! People: added and removed by the owner.

use axum::extract::State;
use calt_api::views::{AddPerson, AdministrationRequest, CallerView, Page, PersonView};
use calt_engine::NewPerson;
use calt_engine::core::policy::{self, Act};
use calt_engine::core::principal::{PrincipalId, Role};
use calt_engine::core::roster::{Principal, Roster};
use calt_engine::core::{Refusal, Timestamp};

use super::{Administrator, At, By, Known, ListQuery, word};
use crate::app::App;
use crate::body::{Json, OptionalJson, Params};
use crate::reply::{Refused, View};

const ROLES: &str = "approver, viewer, owner";

/// `GET /whoami`.
pub(crate) async fn whoami(Known(By(caller)): Known) -> View<CallerView> {
    View(CallerView {
        name: caller.principal.to_string(),
        kind: super::plans::plain(&caller.kind),
        role: caller.role.to_string(),
        may_decide: policy::allows(caller.role, Act::Decide),
    })
}

/// `POST /persons`.
pub(crate) async fn add(
    State(app): State<App>,
    Administrator(by): Administrator,
    Json(body): Json<AddPerson>,
) -> Result<View<PersonView>, Refused> {
    let fits = "a name is 1 to 64 of letters, digits and `_-.@`";
    let name = PrincipalId::parse(&body.name).ok_or_else(|| Refused::invalid("`name`", fits))?;
    let role = word("`role`", body.role, Role::Approver, ROLES)?;
    let new = NewPerson { name: name.clone(), role, display: body.display, discord: body.discord };
    app.engine.add_person(by.unlocking(body.source, body.user_id, body.message_id, body.unlock), new).await?;
    one(&app, &name).await
}

/// `GET /persons`.
pub(crate) async fn list(
    State(app): State<App>,
    _: Administrator,
    Params(query): Params<ListQuery>,
) -> Result<View<Page<PersonView>>, Refused> {
    let roster = app.engine.roster();
    let page = query.page(roster.principals())?;
    let mut items = Vec::with_capacity(page.items.len());
    for known in page.items {
        items.push(shown(&app, &roster, known).await?);
    }
    Ok(View(Page { items, next_cursor: page.next_cursor }))
}

/// `POST /persons/{person}/remove`.
pub(crate) async fn remove(
    State(app): State<App>,
    Administrator(by): Administrator,
    At(person): At<String>,
    OptionalJson(body): OptionalJson<AdministrationRequest>,
) -> Result<View<PersonView>, Refused> {
    let name = PrincipalId::parse(&person).ok_or_else(|| Refused::from(Refusal::PersonNotFound { person }))?;
    app.engine
        .remove_person(by.unlocking(body.source, body.user_id, body.message_id, body.unlock), name.clone())
        .await?;
    one(&app, &name).await
}

async fn one(app: &App, name: &PrincipalId) -> Result<View<PersonView>, Refused> {
    let roster = app.engine.roster();
    let missing = || Refusal::PersonNotFound { person: name.to_string() };
    let known = roster.principal(name).ok_or_else(missing)?;
    shown(app, &roster, known).await.map(View)
}

async fn shown(app: &App, roster: &Roster, known: &Principal) -> Result<PersonView, Refused> {
    let pin = match app.engine.pin_is_usable(&known.id).await? {
        None => "none",
        Some(true) => "set",
        Some(false) => "unusable",
    };
    let now = calt_engine::latest();
    let is_live = |end: Option<Timestamp>| end.is_none_or(|end| now < end);
    let tokens = roster
        .tokens()
        .filter(|token| token.principal == known.id && token.revoked_at.is_none() && is_live(token.expires_at));
    Ok(PersonView {
        name: known.id.to_string(),
        kind: super::plans::plain(&known.kind),
        role: known.role.to_string(),
        display: known.display.clone(),
        discord: known.discord.clone(),
        tokens: tokens.count() as u64,
        pin: pin.to_owned(),
        created_at: known.created_at.to_string(),
        removed_at: known.removed_at.map(|at| at.to_string()),
    })
}
