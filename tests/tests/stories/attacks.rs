//! Requests that broke an earlier calt, and their neighbours: each is safe now, in every tier and as every user.
//!
//! The letter and number beside an attack name it in the list it came from. Each attack is first shown to work
//! without calt, by an ordinary user and never as root.

mod commands;
mod display;
mod gate;
pub(crate) mod ground;
mod leftovers;
mod namespaces;
mod paths;
mod programs;
mod repositories;
