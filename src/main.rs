//! The one binary: hands over to the command line or to the daemon.

use std::process::ExitCode;

use calt_cli::Handover;

fn main() -> ExitCode {
    // First of all: a helper must be small and have one thread.
    if std::env::args_os().nth(1).is_some_and(|word| word == calt_daemon::HELPER_WORD) {
        return calt_daemon::serve_as_helper();
    }
    match calt_cli::run() {
        Handover::Done(code) => code,
        Handover::Daemon(asked) => calt_daemon::run(&calt_daemon::Options {
            db_path: asked.db_path,
            data_root: asked.data_root,
            host: asked.host,
            port: asked.port,
            config: asked.config,
            background: asked.background,
        }),
    }
}
