//! `calt completions SHELL` and `calt completions --man DIR`: what a shell and `man` know of the commands.

use std::path::Path;

use clap_complete::Shell;

use crate::context::Context;
use crate::fault::Fault;
use crate::render;
use crate::words::t;

pub(crate) fn run(context: &Context, shell: Option<Shell>, man: Option<&Path>) -> Result<(), Fault> {
    if let Some(directory) = man {
        write_pages(directory)?;
        context.talk(&t!("the man pages are in {directory}\n", directory = directory.display()));
    }
    let Some(shell) = shell else { return Ok(()) };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut crate::definition(), "calt", &mut script);
    render::out_bytes(&script)
}

fn write_pages(directory: &Path) -> Result<(), Fault> {
    let written = std::fs::create_dir_all(directory);
    let written = written.and_then(|()| clap_mangen::generate_to(crate::definition(), directory));
    let place = directory.display();
    written.map_err(|error| Fault::Machine {
        message: t!("the man pages cannot be written to `{place}`: {error}", place = place, error = error),
    })
}
