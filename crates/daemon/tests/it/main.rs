//! The daemon's router, in this process: auth, problems, streams, documents.
#![allow(clippy::unwrap_used, reason = "a test ends where it is surprised")]

mod access;
mod bodies;
mod called;
mod documents;
mod lists;
mod living;
mod refusals;
mod rights;
mod runs;
mod streams;
mod world;
