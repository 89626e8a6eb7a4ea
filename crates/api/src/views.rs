//! The shapes that cross the wire. In replies an absent value is `null`, never left out.

mod replies;
mod requests;
mod undo;

pub use replies::*;
pub use requests::*;
pub use undo::*;
