//! The whole loop from Discord: the real bot and the real daemon, with a Discord of our own on loopback.

mod cards;
mod decide;
mod faults;
mod guild;
mod r#loop;
mod people;
mod text;
