//! `calt wizard run`: question by question, each with a sensible default.

use std::path::PathBuf;

use inquire::{Confirm, InquireError, Select, Text};

use super::run;
use crate::arguments::{Profile, RunArguments};
use crate::ask;
use crate::context::Context;
use crate::fault::Fault;

pub(crate) async fn run(context: &Context) -> Result<(), Fault> {
    if !ask::is_possible() {
        return Err(Fault::Usage {
            message: "the wizard asks questions, and standard input is no terminal".to_owned(),
            hint: Some("calt run PLAN --yes".to_owned()),
        });
    }
    let plan = Text::new("Which plan?").with_default("examples/plans/two_phase_apply.yaml").prompt().map_err(ended)?;
    let profile = Select::new("How strictly?", vec!["strict", "dev"]).prompt().map_err(ended)?;
    let dry_run = Confirm::new("A dry run, which applies nothing?").with_default(false).prompt().map_err(ended)?;
    let session = Text::new("Go on in a session? Leave it empty for a new one:").prompt().map_err(ended)?;
    let arguments = RunArguments {
        plan: PathBuf::from(plan),
        session: Some(session.trim().to_owned()).filter(|session| !session.is_empty()),
        yes: false,
        confirm_high_risk: false,
        dry_run,
        profile: if profile == "dev" { Profile::Dev } else { Profile::Strict },
        workspace: None,
    };
    run::run(context, arguments).await
}

fn ended(error: InquireError) -> Fault {
    match error {
        InquireError::OperationCanceled | InquireError::OperationInterrupted => Fault::Quiet(crate::fault::EXIT_GATE),
        other => Fault::usage(other.to_string()),
    }
}
