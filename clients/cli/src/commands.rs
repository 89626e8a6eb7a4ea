//! The commands, one file each.

mod artifacts;
mod daemon;
mod doctor;
mod explain;
mod guide;
mod logs;
mod plan;
mod quickstart;
mod run;
mod session;
mod step;
mod token;
mod tools;
mod wizard;

use crate::arguments::{Command, WizardCommand};
use crate::context::Context;
use crate::fault::Fault;

/// Does what a command says.
pub(crate) fn dispatch(context: &Context, command: Command) -> Result<(), Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Fault::Bug(error.to_string()))?;
    runtime.block_on(async {
        match command {
            Command::Run(arguments) => run::run(context, arguments).await,
            Command::Session(command) => session::run(context, command).await,
            Command::Plan(command) => plan::run(context, command).await,
            Command::Step(command) => step::run(context, command).await,
            Command::Logs(command) => logs::run(context, command).await,
            Command::Artifacts(command) => artifacts::run(context, command).await,
            Command::Tools(command) => tools::run(context, command).await,
            Command::Token(command) => token::run(context, command).await,
            Command::Explain { session } => explain::run(context, &session).await,
            Command::Guide => guide::run(),
            Command::Doctor => doctor::run(context).await,
            Command::Quickstart { plan, yes } => quickstart::run(context, plan, yes).await,
            Command::Wizard(WizardCommand::Run) => wizard::run(context).await,
            Command::Daemon(arguments) => daemon::run(context, &arguments).await,
            Command::Completions { shell } => {
                clap_complete::generate(shell, &mut crate::definition(), "calt", &mut std::io::stdout());
                Ok(())
            }
        }
    })
}

/// Reads a plan file; `-` is standard input.
fn read_plan(path: &std::path::Path) -> Result<String, Fault> {
    use std::io::Read as _;
    if path.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().lock().read_to_string(&mut text)?;
        return Ok(text);
    }
    std::fs::read_to_string(path).map_err(|error| Fault::Usage {
        message: format!("plan `{}` cannot be read: {error}", path.display()),
        hint: Some("calt quickstart    (or a plan from examples/plans)".to_owned()),
    })
}
