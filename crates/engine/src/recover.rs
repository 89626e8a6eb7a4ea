//! At the start: runs without an end get one that says what really happened. Nothing is run again.

use calt_core::event::Finding;
use calt_core::moment::{Moment, pass};
use calt_core::{Action, RunId};
use calt_tools::{RunRoom, inspect_interrupted};

use crate::engine::{Asker, Engine, Fault, blocking};

impl Engine {
    pub(crate) async fn end_interrupted_runs(&self) -> Result<Vec<RunId>, Fault> {
        let engine = self.clone();
        let unfinished = blocking(move || engine.store().unfinished_runs()).await??;
        let mut ended = Vec::new();
        for started in unfinished {
            let (session, run, files) = (started.session.clone(), started.run, started.files.clone());
            let (finding, found) = if files.is_empty() {
                (Finding::NothingToWrite, Vec::new())
            } else {
                let (engine, place) = (self.clone(), self.place_of(&session).await?);
                let room = RunRoom::of_run(&self.rooms_dir(&place.home), run);
                blocking(move || {
                    let workspace = engine.open_workspace(&place);
                    if let Err(error) = &workspace {
                        tracing::warn!(run.id = run.0, session.id = %place.home, "the workspace is out of reach: {error}");
                    }
                    inspect_interrupted(workspace.as_ref().ok(), &room, run, &files)
                })
                .await?
            };
            let (files, step) = (self.store().files().clone(), started.step.clone());
            let place = session.clone();
            let removed = blocking(move || files.remove_unrecorded_artifact(&place, run, &step)).await?;
            if let Err(error) = removed {
                // A daemon has to come up whatever a crash left.
                tracing::warn!(run.id = run.0, "an artifact that nobody recorded could not be removed: {error}");
            }
            pass(Moment::RunInspected);
            let action = Action::InterruptRun { run, finding, files: found };
            let _no_permit = self.submit(Asker::daemon(), &session, action, self.facts()).await?;
            tracing::warn!(run.id = run.0, session.id = %session, "a run had no end when the daemon started; it is recorded as interrupted");
            ended.push(run);
            pass(Moment::RunInterrupted);
        }
        Ok(ended)
    }
}
