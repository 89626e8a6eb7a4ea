//! What the command line prints: snapshots of standard output, standard error and exit code together.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod document;
mod printed;
mod readme;

use std::path::{Path, PathBuf};

/// The project's root.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}
