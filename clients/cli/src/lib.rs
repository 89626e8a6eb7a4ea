//! The command line: asks the daemon, shows what it says, and asks the person.
//!
//! Architecture invariant: it knows `calt-api` and nothing below it. Standard output is data, standard
//! error is talk; every refusal ends with the next command.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is what a command line does")]

mod arguments;
mod ask;
mod autostart;
mod commands;
mod context;
mod fault;
mod hint;
mod look;
mod render;

use std::process::ExitCode;

use clap::Parser as _;

pub use arguments::DaemonArguments;
use arguments::{Arguments, Command};
use context::Context;
use fault::Fault;

/// Who goes on after the arguments are read.
pub enum Handover {
    /// Nobody: the command is done.
    Done(ExitCode),
    /// The daemon, in this very process.
    Daemon(DaemonArguments),
}

/// The whole command line, for shell completions and documents.
pub fn definition() -> clap::Command {
    <Arguments as clap::CommandFactory>::command()
}

/// Reads the arguments and does what they say.
pub fn run() -> Handover {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return Handover::Done(ExitCode::from(if error.use_stderr() { fault::EXIT_USAGE } else { 0 }));
        }
    };
    if let Command::Daemon(daemon) = &arguments.command
        && daemon.action.is_none()
    {
        let mut asked = daemon.clone();
        asked.data_root = asked.data_root.or_else(|| arguments.shared.data_root.clone());
        return Handover::Daemon(asked);
    }
    Handover::Done(finish(arguments))
}

fn finish(arguments: Arguments) -> ExitCode {
    let context = Context::new(arguments.shared);
    let done = commands::dispatch(&context, arguments.command);
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Fault::Quiet(code)) => ExitCode::from(code),
        Err(fault) => {
            if context.json() {
                render::data(&fault.json());
            }
            eprint!("{}", fault.render());
            ExitCode::from(fault.exit())
        }
    }
}
