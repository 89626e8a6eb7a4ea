//! The one binary: hands over to the command line or to the daemon.

use std::process::ExitCode;

use calt_cli::Handover;

fn main() -> ExitCode {
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
