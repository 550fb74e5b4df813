//! What can keep a server from starting, or a new configuration from taking over.

use std::fmt;
use std::io;
use std::path::PathBuf;

use base::settings::Report;
use front::FrontError;
use modules::BuildError;
use origin::{OriginError, UpstreamError};

/// What is wrong with a configuration.
#[derive(Debug)]
pub enum ConfigError {
    /// The file could not be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// Everything that is wrong with the file, with lines.
    Wrong(Report),
    /// The URL of an origin is none.
    Origin(UpstreamError),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, .. } => write!(f, "cannot read {}", path.display()),
            Self::Wrong(report) => f.write_str(report.to_string().trim_end()),
            Self::Origin(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable { cause, .. } => Some(cause),
            Self::Wrong(_) | Self::Origin(_) => None,
        }
    }
}

/// What keeps a server from starting, or a new configuration from taking over.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// An address, a certificate or a key.
    #[error(transparent)]
    Front(#[from] FrontError),
    /// The client for origins.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// The modules of a site.
    #[error("site {place}: {cause}")]
    Site {
        /// Which `[[site]]` of the file, counted from 1.
        place: usize,
        /// Why.
        cause: BuildError,
    },
}
