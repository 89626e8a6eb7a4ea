//! The plan format: what is refused, where and with what way out; and what is accepted, as what.

mod malformed;
mod wellformed;
