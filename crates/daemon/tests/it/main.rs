//! The daemon's router, in this process: auth, problems, streams, documents.

mod access;
mod bodies;
mod documents;
mod living;
mod runs;
mod streams;
mod world;
