//! The Discord bot: the whole loop from the phone, on the same sessions as the terminal.
//!
//! Architecture invariant: it knows `calt-api` and nothing below it, holds a relay's token and executes nothing
//! itself. What is decided is decided by the daemon's gate, for the person whose account clicked; a button carries an
//! opaque id that only the daemon can read.
#![forbid(unsafe_code)]

mod answer;
mod bot;
mod card;
mod change;
mod check;
mod click;
mod commands;
mod daemon;
mod follow;
mod gateway;
mod interaction;
mod keeper;
mod list;
mod look;
mod outcome;
mod rest;
mod run;
mod say;
mod settings;
mod show;
mod slash;
mod standing;
mod state;
mod text;
mod turns;
mod typed;

pub use check::{FoundWords, check};
pub use daemon::Place;
pub use run::{Options, run};
