//! The store from outside: what is durable, what is found, what comes back.
#![allow(clippy::unwrap_used, unreachable_pub, reason = "tests end at the first thing that is not so")]

mod faults;
mod files;
mod log;
mod narrowed;
mod opening;
mod person;
mod rebuild;
mod redact;
mod runs;
mod search;
mod tamper;
