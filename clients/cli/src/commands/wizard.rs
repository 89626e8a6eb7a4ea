//! `calt wizard run`: question by question, each with a sensible default.

use std::path::Path;

use inquire::{Confirm, InquireError, Select, Text};

use super::read_plan;
use super::run::{Into, NewSession, run_plan};
use crate::arguments::{Profile, WorkspaceOption};
use crate::ask::{StandardInput, Terminal};
use crate::context::Context;
use crate::fault::Fault;
use crate::look::Consent;

const STRICT: &str = "strict: approvals cover exactly what runs";
const DEV: &str = "dev: early approvals cover the plan as written";

pub(crate) async fn run(context: &Context) -> Result<(), Fault> {
    let Some(terminal) = Terminal::find(StandardInput::Free) else {
        return Err(Fault::Usage {
            message: "the wizard asks questions, and there is no terminal to ask on".to_owned(),
            hint: Some("calt run PLAN --yes".to_owned()),
        });
    };
    let plan = Text::new("Which plan?").with_help_message("a file, YAML or JSON").prompt().map_err(ended)?;
    let text = read_plan(Path::new(plan.trim()))?;
    let session = Text::new("Go on in which session? Leave it empty for a new one:").prompt().map_err(ended)?;
    let session = session.trim().to_owned();
    if !session.is_empty() {
        return run_plan(context, &text, Into::Session(session), Consent::Person(terminal)).await;
    }
    let profile = Select::new("How strictly?", vec![STRICT, DEV]).prompt().map_err(ended)?;
    let dry_run = Confirm::new("A dry run, which shows every write and leaves it out?").with_default(false).prompt();
    let new = NewSession {
        applies_nothing: dry_run.map_err(ended)?,
        workspace: WorkspaceOption::default(),
        profile: if profile == DEV { Profile::Dev } else { Profile::Strict },
    };
    run_plan(context, &text, Into::New(new), Consent::Person(terminal)).await
}

fn ended(error: InquireError) -> Fault {
    match error {
        InquireError::OperationCanceled | InquireError::OperationInterrupted => Fault::Interrupted {
            message: "interrupted; nothing was begun".to_owned(),
            hint: "calt wizard run".to_owned(),
        },
        InquireError::NotTTY => Fault::usage("the wizard asks questions, and there is no terminal to ask on"),
        InquireError::InvalidConfiguration(reason) => Fault::Bug(reason),
        InquireError::IO(error) => Fault::usage(format!("the terminal cannot be read: {error}")),
        InquireError::Custom(error) => Fault::Bug(error.to_string()),
    }
}
