//! The whole loop from Discord: the real bot and the real daemon, with a Discord of our own on loopback.

mod cards;
mod decide;
mod faults;
pub(crate) mod guild;
mod r#loop;
mod people;
mod text;
