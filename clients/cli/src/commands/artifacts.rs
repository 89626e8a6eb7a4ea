//! `calt artifacts`: list and get.

use calt_api::client::Body;
use calt_api::endpoint;
use serde_json::json;

use super::list::{list, more, table};
use crate::arguments::ArtifactsCommand;
use crate::context::Context;
use crate::fault::Fault;
use crate::render;
use crate::words::{counted, label, t};

const LIST: &[(&str, &str)] =
    &[(label!("ID"), "id"), (label!("STEP"), "step_id"), (label!("BYTES"), "bytes"), (label!("SHA-256"), "sha256")];

pub(crate) async fn run(context: &Context, command: ArtifactsCommand) -> Result<(), Fault> {
    let client = context.client().await?;
    match command {
        ArtifactsCommand::List { session, page } => {
            let found = list(context, &client, &endpoint::LIST_ARTIFACTS, &[&session], Vec::new(), &page).await?;
            context.show(&found, |found| table(render::items(&found["items"]), LIST))?;
            if render::items(&found["items"]).is_empty() {
                context.talk(&t!("Nothing yet: each run that succeeds leaves one artifact.\n"));
            }
            more(context, &found);
            Ok(())
        }
        ArtifactsCommand::Get { session, artifact, output } => {
            let artifact = artifact.to_string();
            let bytes = client.bytes(&endpoint::GET_ARTIFACT, &[&session, &artifact], &[], Body::Empty, &[]).await?;
            let Some(path) = output else { return render::out_bytes(&bytes) };
            let name = path.display().to_string();
            std::fs::write(&path, &bytes)
                .map_err(|error| Fault::usage(t!("`{name}` cannot be written: {error}", name = name, error = error)))?;
            let said = json!({"path": name, "bytes": bytes.len()});
            context.show(&said, |said| {
                t!(
                    "{path} ({bytes})\n",
                    path = render::word(&said["path"]),
                    bytes = counted::bytes(counted::length(&bytes))
                )
            })
        }
    }
}
