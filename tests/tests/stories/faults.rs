//! What the daemon does when the machine lets it down: a full disk, a cut or a damaged file, a clock that goes back.
//! Each time it says so clearly, reads go on where they can, and nothing acknowledged is lost silently.
#![allow(clippy::print_stdout, reason = "what a machine does not let a test show must be said")]

mod clock;
mod damage;
mod full;
mod mounted_twice;
mod own_mounts;
mod readonly;
