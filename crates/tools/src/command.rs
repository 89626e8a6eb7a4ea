//! Commands: words are split, checked by a schema per program, and run without a shell.

pub(crate) mod git_filters;
mod options;
pub(crate) mod program;
pub(crate) mod schema;
pub(crate) mod words;
