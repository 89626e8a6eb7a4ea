//! Tools, and how their commands are isolated.

use axum::extract::State;
use calt_api::views::{LayerView, Page, ProgramView, SandboxView, SettingView, ToolView};
use calt_engine::core::Refusal;
use calt_engine::core::isolation::{BoxSpec, Tier};
use calt_engine::core::toolbox::{ToolRules, Toolbox as _};
use serde_json::json;

use super::plans::plain;
use super::{At, ListQuery, Reader};
use crate::app::App;
use crate::body::Params;
use crate::reply::{Refused, View};

/// What is said of a tool whose effect its inputs decide.
const BY_INPUTS: &str = "by_inputs";

/// `GET /tools`.
pub(crate) async fn list(
    State(app): State<App>,
    _: Reader,
    Params(query): Params<ListQuery>,
) -> Result<View<Page<ToolView>>, Refused> {
    let toolkit = app.engine.toolkit();
    query.page(toolkit.names().into_iter().filter_map(|name| toolkit.tool(name)).map(shown)).map(View)
}

/// `GET /tools/{tool}/permissions`.
pub(crate) async fn permissions(
    State(app): State<App>,
    _: Reader,
    At(tool): At<String>,
) -> Result<View<ToolView>, Refused> {
    let found = app.engine.toolkit().tool(&tool).map(shown);
    found.map(View).ok_or_else(|| Refusal::ToolNotFound { tool }.into())
}

/// `GET /sandbox`.
pub(crate) async fn sandbox(State(app): State<App>, _: Reader) -> View<SandboxView> {
    let tier = app.engine.tier();
    let settings = app.settings.iter().map(|setting| SettingView {
        name: setting.key.clone(),
        value: setting.value.clone(),
        from: setting.origin.clone(),
    });
    let programs = app.engine.toolkit().programs().into_iter().map(|program| ProgramView {
        name: program.name.to_owned(),
        path: program.path.map(|path| path.display().to_string()),
        package: program.package.to_owned(),
    });
    let layers = app.engine.toolkit().sandbox().layers.iter().map(|layer| LayerView {
        name: layer.name.clone(),
        verdict: layer.verdict.as_str().to_owned(),
        cause: layer.cause.clone(),
        fix: layer.fix.clone(),
    });
    let boxes = [BoxSpec::read_only(), BoxSpec::test()];
    View(SandboxView {
        tier: tier.to_string(),
        meaning: meaning(tier).to_owned(),
        layers: layers.collect(),
        boxes: json!(boxes),
        programs: programs.collect(),
        settings: settings.collect(),
    })
}

const fn meaning(tier: Tier) -> &'static str {
    match tier {
        Tier::Full => "commands run in namespaces of their own, under Landlock and seccomp",
        Tier::KernelFilter => "commands run under Landlock and seccomp, without namespaces of their own",
        Tier::None => "commands are refused: this kernel cannot hold them",
    }
}

fn shown(tool: &dyn ToolRules) -> ToolView {
    let spec = tool.spec();
    let (preview, apply) = (tool.effect(&json!({"mode": "preview"})), tool.effect(&json!({"mode": "apply"})));
    let effect = if preview == apply { plain(&apply) } else { BY_INPUTS.to_owned() };
    ToolView {
        tool_name: spec.name.to_owned(),
        permission_profile: spec.profile.to_owned(),
        description: spec.description.to_owned(),
        enabled: true,
        effect,
        input_schema: spec.input_schema.clone(),
        output_schema: spec.output_schema.clone(),
        limits: spec.limits.clone(),
    }
}
