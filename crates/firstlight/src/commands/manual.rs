//! `firstlight completions` and `firstlight manual`: what the arguments say of themselves, for
//! shells and for `man`.

use std::fs;
use std::path::PathBuf;

use clap::Command;
use clap_complete::Shell;

use crate::output::{self, CommandError, Exit, Outcome};

/// What `completions` takes.
#[derive(clap::Args)]
pub struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// What `manual` takes.
#[derive(clap::Args)]
pub struct Manual {
    /// Write a page for each command into this folder, instead of the first one to stdout
    #[arg(short, long, value_name = "FOLDER")]
    output: Option<PathBuf>,
}

/// Prints what makes the shell complete our arguments.
pub fn complete(arguments: &Completions, mut command: Command) -> Outcome {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, name, &mut script);
    output::data(String::from_utf8_lossy(&script));
    Ok(Exit::Done)
}

/// Prints the manual page, or writes that of every command.
pub fn write(arguments: &Manual, command: Command) -> Outcome {
    let Some(folder) = &arguments.output else {
        let mut page = Vec::new();
        let rendered = clap_mangen::Man::new(command).render(&mut page);
        rendered.map_err(|error| CommandError::because("the manual", &error))?;
        output::data(String::from_utf8_lossy(&page));
        return Ok(Exit::Done);
    };
    fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(command, folder))
        .map_err(|error| {
            let what = format!("cannot write the manual to {}", folder.display());
            CommandError::because(what, &error)
        })?;
    Ok(Exit::Done)
}
