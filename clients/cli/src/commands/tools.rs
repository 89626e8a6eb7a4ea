//! `calt tools`: list and permissions.

use calt_api::endpoint;
use serde_json::Value;

use crate::arguments::ToolsCommand;
use crate::context::Context;
use crate::fault::Fault;
use crate::render::{self, Sheet};
use crate::table::rows;
use crate::words::{counted, daemon, label, language, t};

pub(crate) async fn run(context: &Context, command: ToolsCommand) -> Result<(), Fault> {
    let client = context.client().await?;
    match command {
        ToolsCommand::List => {
            let page: Value = context.fetch(&client, &endpoint::LIST_TOOLS, &[], &[]).await?;
            context.show(&page, |page| {
                let tools: Vec<Value> = render::items(&page["items"]).iter().map(described).collect();
                render::table(
                    &tools,
                    &[
                        (label!("TOOL"), "tool_name"),
                        (label!("MAY TOUCH"), "permission_profile"),
                        (label!("WHAT IT DOES"), "description"),
                    ],
                )
            })
        }
        ToolsCommand::Permissions { tool } => {
            let shown: Value = context.fetch(&client, &endpoint::TOOL_PERMISSIONS, &[&tool], &[]).await?;
            context.show(&shown, |tool| permissions(&described(tool)))
        }
    }
}

/// A tool with what it does in the person's language.
fn described(tool: &Value) -> Value {
    let mut tool = tool.clone();
    if let Some(said) = tool["tool_name"].as_str().and_then(|name| language().tool(name)) {
        tool["description"] = Value::from(said);
    }
    tool
}

/// A limit in the unit that its name says it is counted in.
fn with_unit(name: &str, limit: &Value) -> String {
    match limit.as_u64() {
        Some(bytes) if name.ends_with("bytes_max") => counted::size(bytes),
        Some(seconds) if name.ends_with("seconds_max") => t!("{seconds} s", seconds = seconds),
        Some(_) | None => render::word(limit),
    }
}

fn permissions(tool: &Value) -> String {
    let mut sheet = Sheet::default();
    sheet.add(&render::pairs(
        tool,
        &[
            (label!("tool"), "tool_name"),
            (label!("may touch"), "permission_profile"),
            (label!("effect"), "effect"),
            (label!("enabled"), "enabled"),
            (label!("what"), "description"),
        ],
    ));
    let required = render::items(&tool["input_schema"]["required"]);
    let input = |(name, schema): (&String, &Value)| {
        let must = if required.iter().any(|known| known == name) { t!("required") } else { t!("optional") };
        vec![format!("  {name}"), must, daemon::told(&schema["description"])]
    };
    let properties = tool["input_schema"]["properties"].as_object().into_iter().flatten();
    sheet.say(t!("inputs"));
    sheet.add(&rows(&properties.map(input).collect::<Vec<_>>()));
    let limit = |(name, limit): (&String, &Value)| vec![format!("  {name}"), with_unit(name, limit)];
    let limits = tool["limits"].as_object().into_iter().flatten();
    sheet.say(t!("limits"));
    sheet.add(&rows(&limits.map(limit).collect::<Vec<_>>()));
    sheet.done()
}
