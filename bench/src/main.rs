//! Measures the loop against limits of the machine taken in the same minutes.
//!
//! `cargo run --release -p calt-bench -- loop [ROUNDS]` starts the release binary in a fresh directory each round
//! and prints one line a figure: the median over the rounds, the machine's own limit, and their ratio.
#![allow(clippy::print_stdout, reason = "figures are this program's output")]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on panics")]

mod boxed;
mod client;
mod daemon;
mod discord;
mod fill;
mod limits;
mod record;
mod rounds;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rounds = arguments.get(1).and_then(|text| text.parse().ok()).unwrap_or(5);
    match arguments.first().map(String::as_str) {
        Some("loop") => rounds::the_loop(rounds),
        Some("box") => boxed::measure(rounds),
        Some("discord") => discord::measure(rounds),
        Some("start") => rounds::start(rounds),
        Some("record") => {
            let number =
                |place: usize, default| arguments.get(place).and_then(|text| text.parse().ok()).unwrap_or(default);
            record::measure(number(1, record::EVENTS), number(2, record::ROUNDS) as usize);
        }
        Some("limits") => println!("{:#?}", limits::measure()),
        _ => {
            println!("usage: calt-bench loop|box|start|discord|limits [ROUNDS] | record [EVENTS] [ROUNDS]");
            std::process::exit(2);
        }
    }
}
