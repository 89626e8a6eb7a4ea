//! The test language: a world with a real daemon in it, and people and agents who speak to it.
//!
//! It speaks plain HTTP of its own, without calt's client, so that the stories hold for any client.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test that cannot go on panics")]
#![allow(clippy::must_use_candidate, clippy::return_self_not_must_use, reason = "stories chain verbs")]

pub mod discord;
mod http;
mod ordinary;
mod person;
mod terminal;
mod world;

pub use http::{Reply, Stream, send, try_send};
pub use ordinary::OrdinaryUser;
pub use person::{Person, Session, encoded};
pub use terminal::Terminal;
pub use world::{Daemon, Ran, World};
