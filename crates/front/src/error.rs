//! Why the front cannot start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the front cannot start, or cannot take new certificates. Always the administrator's to
/// mend; nothing here answers a request.
#[derive(Debug, thiserror::Error)]
pub enum FrontError {
    /// Neither an `https` nor an `http` address is configured.
    #[error("no address to listen on\nhint: give `https` or `http` at least one address")]
    NoAddress,
    /// The address is taken.
    #[error(
        "cannot listen on {address}: address already in use\n\
         hint: another program has this port; stop it, or choose another port"
    )]
    AddressInUse {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The system does not let this user have the address.
    #[error(
        "cannot listen on {address}: permission denied\n\
         hint: ports below 1024 need the capability CAP_NET_BIND_SERVICE, or choose a higher port"
    )]
    AddressDenied {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The address cannot be listened on for another reason.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The kernel does not have this congestion control.
    #[error(
        "the kernel does not offer the congestion control `{name}`\n\
         hint: `sysctl net.ipv4.tcp_available_congestion_control` lists those it offers"
    )]
    CongestionControl {
        /// The name asked for.
        name: String,
    },
    /// The byte log cannot be opened.
    #[error("cannot open the byte log `{target}`: {cause}")]
    ByteLog {
        /// What `front.byte_log.target` says.
        target: String,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// A file cannot be read or written.
    #[error("cannot {action} {}: {cause}", path.display())]
    File {
        /// `read`, `write` or `create`.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// A certificate is configured without one of its files.
    #[error(
        "certificate {entry} has no `{setting}`\nhint: it takes a file for `certificate` and one for `key`"
    )]
    MissingFile {
        /// Which certificate, counted from 1 in the order of the settings.
        entry: usize,
        /// The setting that is absent: `certificate` or `key`.
        setting: &'static str,
    },
    /// A certificate file holds no usable certificate.
    #[error("{} holds no certificate that can be used: {reason}", path.display())]
    BadCertificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A key file holds no usable private key.
    #[error("{} holds no private key that can be used: {reason}", path.display())]
    BadKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The certificate and the key are no pair.
    #[error(
        "the private key in {} does not belong to the certificate in {}",
        key.display(),
        certificate.display()
    )]
    KeyMismatch {
        /// The file with the certificate.
        certificate: PathBuf,
        /// The file with the key.
        key: PathBuf,
    },
    /// A host for the self-signed certificate is no host name.
    #[error("`{host}` cannot be named in a certificate: expected a host name or an IP address")]
    BadHost {
        /// The host as configured.
        host: String,
    },
    /// The TLS library refuses its own settings, or a key could not be made.
    #[error("cannot set up TLS: {reason}")]
    Tls {
        /// What the library said.
        reason: String,
    },
}
