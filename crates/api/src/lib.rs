//! What is said: the endpoints, the views that cross the wire, and refusals with their next step.
//!
//! Architecture invariant: wire types are not domain types. Clients know this crate and nothing below it.
#![forbid(unsafe_code)]

#[cfg(feature = "client")]
pub mod client;
pub mod code;
pub mod endpoint;
pub mod language;
pub mod lines;
pub mod next;
pub mod problem;
pub mod views;
pub mod visible;

pub use code::{Code, Family};
pub use language::Language;
pub use next::Next;
pub use problem::{Problem, Trouble};

/// SHA-256 of bytes, as 64 hexadecimal digits: what a client says it showed.
pub fn sha256(bytes: &[u8]) -> String {
    calt_core::Digest::of_bytes(bytes).to_string()
}
