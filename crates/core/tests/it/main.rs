//! What holds of the core as a whole: the gate, the oracle, the plan format, and what never panics.

mod fuzz;
mod gate;
mod lists;
mod oracle;
mod pins;
mod plans;
mod record;
mod roles;
mod rules;
mod states;
mod toolbox;
mod undo;
mod world;
