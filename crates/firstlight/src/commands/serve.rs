//! `firstlight serve`: in front of a site.

use std::net::SocketAddr;
use std::path::PathBuf;

use server::{Config, Server, ServerError};

use super::running::{self, Signals};
use crate::output::{self, CommandError, Outcome};

/// What `serve` takes.
#[derive(clap::Args)]
#[group(id = "what", required = true, multiple = false, args = ["origin", "config"])]
pub struct Arguments {
    /// The site to stand in front of, such as http://127.0.0.1:3000
    #[arg(long, value_name = "URL")]
    origin: Option<String>,
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    overrides: Overrides,
}

/// Flags that go before what the configuration says.
#[derive(clap::Args, Default)]
pub struct Overrides {
    /// Address to serve HTTPS on; may be repeated; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Vec<SocketAddr>,
    /// Address to serve plain HTTP on; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    pub http: Vec<SocketAddr>,
    /// PEM file with the certificate and those between it and its authority
    #[arg(long, value_name = "FILE", requires = "key")]
    pub certificate: Option<PathBuf>,
    /// PEM file with the certificate's private key
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub key: Option<PathBuf>,
    /// Directory in which the self-signed certificate is kept
    #[arg(long, value_name = "DIRECTORY")]
    pub state: Option<PathBuf>,
    /// Threads that move bytes; by default one for each core
    #[arg(long, value_name = "COUNT")]
    pub threads: Option<usize>,
}

impl Overrides {
    /// Applies the flags that were given.
    pub fn apply(&self, config: &mut Config) {
        if !self.listen.is_empty() {
            config.front.https.clone_from(&self.listen);
        }
        if !self.http.is_empty() {
            config.front.http.clone_from(&self.http);
        }
        if let (Some(certificate), Some(key)) = (&self.certificate, &self.key) {
            config.set_certificate(certificate.clone(), key.clone());
        }
        if self.state.is_some() {
            config.front.state.clone_from(&self.state);
        }
        if self.threads.is_some() {
            config.threads = self.threads;
        }
    }
}

/// Serves until told to stop.
pub fn run(arguments: &Arguments) -> Outcome {
    let mut config = match (&arguments.origin, &arguments.config) {
        (Some(origin), _) => for_origin(origin)?,
        (None, Some(file)) => Config::read(file)?,
        (None, None) => return Err(CommandError::usage("give `--origin` or `--config`")),
    };
    arguments.overrides.apply(&mut config);
    if arguments.origin.is_some() && config.front.state.is_none() {
        config.front.state = running::state_directory();
    }
    running::block_on(config.threads, async {
        // Listening for signals first: one that comes while starting is not lost.
        let mut signals = Signals::listen()?;
        let server =
            Server::start(config).map_err(|error| with_flag(error, &arguments.overrides.http))?;
        announce(&server, arguments.origin.as_deref());
        running::serve_until_told(server, arguments.config.as_deref(), &mut signals).await
    })
}

/// The error with the flag that helps, where an address is taken: one of `plain` came from
/// `--http`, all others from `--listen`.
pub fn with_flag(error: ServerError, plain: &[SocketAddr]) -> CommandError {
    let Some(address) = error.busy_address() else {
        return error.into();
    };
    let flag = if plain.contains(&address) {
        "--http"
    } else {
        "--listen"
    };
    CommandError::from(error).hint(format!(
        "another program has it; choose another address with `{flag}`"
    ))
}

/// The configuration for a single origin, or wrong usage.
pub fn for_origin(origin: &str) -> Result<Config, CommandError> {
    Config::for_origin(origin).map_err(|error| {
        CommandError::usage(format_args!("`--origin {origin}`: {error}"))
            .hint("an origin is a scheme and a host, such as http://127.0.0.1:3000")
    })
}

fn announce(server: &Server, origin: Option<&str>) {
    let origin = origin
        .map(|origin| format!(" in front of {origin}"))
        .unwrap_or_default();
    for address in server.addresses() {
        output::talk(format_args!("serving {address}{origin}"));
    }
}
