//! `calt artifacts`: list and get.

use std::io::Write as _;

use calt_api::client::Body;
use calt_api::endpoint;
use serde_json::Value;

use crate::arguments::ArtifactsCommand;
use crate::context::Context;
use crate::fault::Fault;
use crate::render;

pub(crate) async fn run(context: &Context, command: ArtifactsCommand) -> Result<(), Fault> {
    let client = context.client().await?;
    match command {
        ArtifactsCommand::List { session } => {
            let page: Value = context.fetch(&client, &endpoint::LIST_ARTIFACTS, &[&session], &[]).await?;
            context.show(&page, |page| {
                let items = page["items"].as_array().cloned().unwrap_or_default();
                render::table(
                    &items,
                    &[("ID", "id"), ("STEP", "step_id"), ("BYTES", "bytes"), ("SHA-256", "sha256"), ("PATH", "path")],
                )
            })
        }
        ArtifactsCommand::Get { session, artifact, output } => {
            let artifact = artifact.to_string();
            let bytes = client.bytes(&endpoint::GET_ARTIFACT, &[&session, &artifact], &[], Body::Empty, &[]).await?;
            match output {
                Some(path) => std::fs::write(&path, bytes)
                    .map_err(|error| Fault::usage(format!("`{}` cannot be written: {error}", path.display()))),
                None => Ok(std::io::stdout().write_all(&bytes)?),
            }
        }
    }
}
