//! `calt tools`: list and permissions.

use calt_api::endpoint;
use serde_json::Value;

use crate::arguments::ToolsCommand;
use crate::context::Context;
use crate::fault::Fault;
use crate::render::{self, Sheet};
use crate::table::rows;

pub(crate) async fn run(context: &Context, command: ToolsCommand) -> Result<(), Fault> {
    let client = context.client().await?;
    match command {
        ToolsCommand::List => {
            let page: Value = context.fetch(&client, &endpoint::LIST_TOOLS, &[], &[]).await?;
            context.show(&page, |page| {
                render::table(
                    render::items(&page["items"]),
                    &[("TOOL", "tool_name"), ("MAY TOUCH", "permission_profile"), ("WHAT IT DOES", "description")],
                )
            })
        }
        ToolsCommand::Permissions { tool } => {
            let shown: Value = context.fetch(&client, &endpoint::TOOL_PERMISSIONS, &[&tool], &[]).await?;
            context.show(&shown, permissions)
        }
    }
}

fn permissions(tool: &Value) -> String {
    let mut sheet = Sheet::default();
    sheet.add(&render::pairs(
        tool,
        &[
            ("tool", "tool_name"),
            ("may touch", "permission_profile"),
            ("effect", "effect"),
            ("enabled", "enabled"),
            ("what", "description"),
        ],
    ));
    let required = render::items(&tool["input_schema"]["required"]);
    let input = |(name, schema): (&String, &Value)| {
        let must = if required.iter().any(|known| known == name) { "required" } else { "optional" };
        vec![format!("  {name}"), must.to_owned(), render::word(&schema["description"])]
    };
    let properties = tool["input_schema"]["properties"].as_object().into_iter().flatten();
    sheet.line("inputs");
    sheet.add(&rows(&properties.map(input).collect::<Vec<_>>()));
    let limit = |(name, limit): (&String, &Value)| vec![format!("  {name}"), render::word(limit)];
    let limits = tool["limits"].as_object().into_iter().flatten();
    sheet.line("limits");
    sheet.add(&rows(&limits.map(limit).collect::<Vec<_>>()));
    sheet.done()
}
