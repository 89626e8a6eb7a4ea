//! The daemon's own log: one readable line a fact, on stderr. Never inputs, never secrets.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// Starts the log. A level that cannot be read is `info`; a second start changes nothing.
pub(crate) fn start(level: &str) {
    let filter = EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .with_target(false);
    let _ = log.try_init();
}

/// Puts panics into the log; where they are caught decides what becomes of them.
pub(crate) fn panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("no message");
        tracing::error!("our mistake at {place}: {message}");
    }));
}
