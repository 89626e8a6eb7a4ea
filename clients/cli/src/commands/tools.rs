//! `calt tools`: list and permissions.

use calt_api::endpoint;
use serde_json::Value;

use crate::arguments::ToolsCommand;
use crate::context::Context;
use crate::fault::Fault;
use crate::render;

pub(crate) async fn run(context: &Context, command: ToolsCommand) -> Result<(), Fault> {
    let client = context.client().await?;
    match command {
        ToolsCommand::List => {
            let page: Value = context.fetch(&client, &endpoint::LIST_TOOLS, &[], &[]).await?;
            context.show(&page, |page| {
                let items = page["items"].as_array().cloned().unwrap_or_default();
                render::table(
                    &items,
                    &[("TOOL", "tool_name"), ("MAY TOUCH", "permission_profile"), ("WHAT IT DOES", "description")],
                )
            })
        }
        ToolsCommand::Permissions { tool } => {
            let shown: Value = context.fetch(&client, &endpoint::TOOL_PERMISSIONS, &[&tool], &[]).await?;
            context.show(&shown, |shown| {
                let mut text = render::pairs(
                    shown,
                    &[
                        ("tool", "tool_name"),
                        ("may touch", "permission_profile"),
                        ("effect", "effect"),
                        ("enabled", "enabled"),
                        ("what", "description"),
                    ],
                );
                text.push_str("inputs\n");
                let required = shown["input_schema"]["required"].as_array().cloned().unwrap_or_default();
                for (name, schema) in shown["input_schema"]["properties"].as_object().into_iter().flatten() {
                    let must = if required.iter().any(|known| known == name) { "required" } else { "optional" };
                    text.push_str(&format!("  {name:<12} {must}  {}\n", render::word(&schema["description"])));
                }
                text.push_str("limits\n");
                for (name, limit) in shown["limits"].as_object().into_iter().flatten() {
                    text.push_str(&format!("  {name:<32} {}\n", render::word(limit)));
                }
                text
            })
        }
    }
}
