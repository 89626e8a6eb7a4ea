//! The shapes that cross the wire. In replies an absent value is `null`, never left out.

macro_rules! reply {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(default)]
        pub struct $name { $($(#[$field_doc])* pub $field: $kind,)* }
    };
}

mod diff;
mod inbox;
mod machine;
mod record;
mod relay;
mod replies;
mod requests;
mod roster;
mod undo;

pub use diff::*;
pub use inbox::*;
pub use machine::*;
pub use record::*;
pub use relay::*;
pub use replies::*;
pub use requests::*;
pub use roster::*;
pub use undo::*;
