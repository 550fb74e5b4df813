//! What can keep a server from starting, or a new configuration from taking over.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use base::settings::Report;
use front::FrontError;
use origin::{OriginError, UpstreamError};
use workshop::WorkshopError;

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
    /// The threads for pictures.
    #[error(transparent)]
    Workshop(#[from] WorkshopError),
    /// What shows only when everything is built.
    #[error("{}", .0.to_string().trim_end())]
    Wrong(Report),
}

impl ServerError {
    /// The address that another program has, if that is what stands in the way.
    pub fn busy_address(&self) -> Option<SocketAddr> {
        match self {
            Self::Front(FrontError::AddressInUse { address }) => Some(*address),
            _ => None,
        }
    }

    /// What may help, where the error itself does not say so.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Front(FrontError::Listen { cause, .. })
                if cause.kind() == io::ErrorKind::AddrNotAvailable =>
            {
                Some("this machine has no such address; `[::]` stands for every one it has")
            }
            _ => None,
        }
    }
}
