//! Workspaces by name: added and removed by the owner, named by everybody.

use axum::extract::State;
use calt_api::views::{AddWorkspace, AdministrationRequest, CopyingView, Page, WorkspaceView};
use calt_engine::NewWorkspace;
use calt_engine::core::Refusal;
use calt_engine::core::policy::{self, Act};
use calt_engine::core::principal::Role;
use calt_engine::core::workspace::{NamedWorkspace, WorkspaceKind};

use super::{Administrator, At, By, ListQuery, Reader, word};
use crate::app::App;
use crate::body::{Json, OptionalJson, Params};
use crate::reply::{Refused, View};

const KINDS: &str = "own, snapshot, attach";

/// `POST /workspaces`.
pub(crate) async fn add(
    State(app): State<App>,
    Administrator(by): Administrator,
    Json(body): Json<AddWorkspace>,
) -> Result<View<WorkspaceView>, Refused> {
    if body.kind.is_empty() {
        return Err(Refused::invalid("`kind`", &format!("it is one of {KINDS}")));
    }
    let kind = word("`kind`", Some(body.kind), WorkspaceKind::Own, KINDS)?;
    let name = body.name;
    let new = NewWorkspace { name: name.clone(), kind, path: body.path.map(Into::into), include: body.include };
    let role = by.0.role;
    app.engine.add_workspace(by.unlocking(body.source, body.user_id, body.message_id, body.unlock), new).await?;
    one(&app, &name, role)
}

/// `GET /workspaces`.
pub(crate) async fn list(
    State(app): State<App>,
    _: Reader,
    By(caller): By,
    Params(query): Params<ListQuery>,
) -> Result<View<Page<WorkspaceView>>, Refused> {
    let roster = app.engine.roster();
    query.page(roster.workspaces().map(|known| shown(&app, known, caller.role))).map(View)
}

/// `POST /workspaces/{workspace}/remove`.
pub(crate) async fn remove(
    State(app): State<App>,
    Administrator(by): Administrator,
    At(name): At<String>,
    OptionalJson(body): OptionalJson<AdministrationRequest>,
) -> Result<View<WorkspaceView>, Refused> {
    let role = by.0.role;
    app.engine
        .remove_workspace(by.unlocking(body.source, body.user_id, body.message_id, body.unlock), name.clone())
        .await?;
    one(&app, &name, role)
}

fn one(app: &App, name: &str, role: Role) -> Result<View<WorkspaceView>, Refused> {
    let roster = app.engine.roster();
    let known = roster.workspace_ever(name).map(|known| shown(app, known, role));
    known.map(View).ok_or_else(|| Refusal::WorkspaceNotFound { name: name.to_owned() }.into())
}

/// Everybody may name a workspace; where it lies is told to those who may approve what is done there.
fn shown(app: &App, known: &NamedWorkspace, role: Role) -> WorkspaceView {
    let sees_path = policy::allows(role, Act::Decide);
    WorkspaceView {
        name: known.name.clone(),
        kind: known.kind.to_string(),
        path: known.directory.as_ref().filter(|_| sees_path).map(|directory| directory.path.clone()),
        include: known.include.clone(),
        created_at: known.created_at.to_string(),
        removed_at: known.removed_at.map(|at| at.to_string()),
        copying: app.engine.copying(&known.name).map(|(files, of)| CopyingView { files, of }),
    }
}
