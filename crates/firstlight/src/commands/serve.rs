//! `firstlight serve`: in front of a site.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use server::{Config, ConfigError, Server, ServerError};

use super::environment::{self, Peer};
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
    /// Take the settings of another image server from its environment, and answer its URLs; may be repeated
    #[arg(long, value_name = "SERVER")]
    env: Vec<Peer>,
    #[command(flatten)]
    overrides: Overrides,
}

/// Flags that go before what the configuration says.
#[derive(clap::Args, Default)]
pub struct Overrides {
    /// Address to serve HTTPS on, by default port 8443 of every address; may be repeated; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub listen: Vec<SocketAddr>,
    /// Address to serve plain HTTP on, by default none; may be repeated
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
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

/// How long the start waits for origins, to say which ones cannot be reached.
const PATIENCE: Duration = Duration::from_secs(1);

/// Serves until told to stop.
pub fn run(arguments: &Arguments) -> Outcome {
    let mut config = match (&arguments.origin, &arguments.config) {
        (Some(origin), _) => for_origin(origin)?,
        (None, Some(file)) => Config::read(file)?,
        (None, None) => return Err(CommandError::usage("give `--origin` or `--config`")),
    };
    arguments.overrides.apply(&mut config);
    environment::apply(&mut config, &arguments.env, &|name| {
        std::env::var(name).ok()
    })?;
    config.complete_secrets(|name| std::env::var(name).ok());
    if arguments.origin.is_some() && config.front.state.is_none() {
        config.front.state = running::state_directory_to_write();
    }
    running::block_on(config.threads, async {
        // Listening for signals first: one that comes while starting is not lost.
        let mut signals = Signals::listen()?;
        let server =
            Server::start(config).map_err(|error| with_flag(error, &arguments.overrides.http))?;
        let unreachable = server.handle().unreachable_origins(PATIENCE).await;
        announce(&server, arguments.origin.as_deref());
        for origin in unreachable {
            output::warn(format_args!(
                "{origin}; while that is so, visitors get an error page"
            ));
        }
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
        let problem = match &error {
            ConfigError::Origin(error) => error.problem.to_owned(),
            other => other.to_string(),
        };
        // Most often it is only the scheme that was left out.
        let meant = format!("http://{origin}");
        let meant = match !origin.contains("://") && Config::for_origin(&meant).is_ok() {
            true => format!("; did you mean {meant}?"),
            false => ", such as http://127.0.0.1:3000".to_owned(),
        };
        CommandError::usage(format_args!("`--origin {origin}`: {problem}"))
            .hint(format!("an origin is a scheme and a host{meant}"))
    })
}

/// Reads an address to listen on.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        let port = text.rsplit(':').next().and_then(|port| port.parse().ok());
        let port: u16 = port.unwrap_or(8443);
        format!("expected an IP address and a port, such as 127.0.0.1:{port} or [::]:{port}")
    })
}

fn announce(server: &Server, origin: Option<&str>) {
    let origin = origin
        .map(|origin| format!(" in front of {origin}"))
        .unwrap_or_default();
    for address in server.addresses() {
        let also = match address.0.http3 {
            true => " (HTTP/3 too)",
            false => "",
        };
        output::talk(format_args!("serving {address}{also}{origin}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_none_is_answered_with_one() {
        assert_eq!(
            address("[::1]:0"),
            Ok(SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 0)))
        );
        for (wrong, meant) in [
            ("localhost:9000", "127.0.0.1:9000"),
            ("9000", "[::]:9000"),
            ("127.0.0.1", "127.0.0.1:8443"),
            ("127.0.0.1:99999", "127.0.0.1:8443"),
        ] {
            let error = address(wrong).unwrap_err();
            assert!(error.contains(meant), "{wrong}: {error}");
        }
    }
}
