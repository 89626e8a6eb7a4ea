//! The shapes that cross the wire. In replies an absent value is `null`, never left out.

mod diff;
mod inbox;
mod relay;
mod replies;
mod requests;
mod undo;

pub use diff::*;
pub use inbox::*;
pub use relay::*;
pub use replies::*;
pub use requests::*;
pub use undo::*;
