//! Chance: what core is told and never asks.

use calt_core::{Digest, SessionId};

/// Bytes of chance in a token and in a seed.
const TOKEN_BYTES: usize = 32;

/// A new session's id. Version 7, so that ids made later sort later.
pub(crate) fn session_id() -> SessionId {
    let id = format!("session_{}", uuid::Uuid::now_v7().simple());
    SessionId::parse(&id).expect("32 hexadecimal digits fit the form of a session id")
}

/// One id for all that is decided in one look.
pub(crate) fn decision_id() -> String {
    format!("decision_{}", uuid::Uuid::now_v7().simple())
}

/// A token's public name.
pub(crate) fn token_id() -> String {
    format!("tok_{}", uuid::Uuid::now_v7().simple())
}

/// A button's opaque id: 128 bits of chance.
pub(crate) fn button_id() -> Result<String, getrandom::Error> {
    let chance = seed()?;
    Ok(format!("b_{}", &Digest::from_bytes(chance).to_string()[..32]))
}

/// The seed of a key that signs checkpoints.
pub(crate) fn seed() -> Result<[u8; TOKEN_BYTES], getrandom::Error> {
    let mut bytes = [0_u8; TOKEN_BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// A new token: 256 bits of chance.
pub(crate) fn token() -> Result<String, getrandom::Error> {
    let bytes = seed()?;
    // A digest is 32 bytes too, and knows how to write them.
    Ok(format!("calt_{}", Digest::from_bytes(bytes)))
}
