//! The header with which a balancer begins a connection to say whose it is: the PROXY protocol,
//! version 2 (HAProxy, "The PROXY protocol", §2.2).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt};

/// What a header begins with.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family, length.
const FIXED: usize = 16;
/// The longest rest that is read; what balancers send takes a tenth of that.
const MOST: usize = 2048;

/// Who is behind a balancer's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behind {
    /// The balancer itself, which looks whether anybody is here.
    Itself,
    /// A visitor with this address.
    Visitor(SocketAddr),
}

/// Why a header could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyHeaderError {
    /// The connection does not begin with one.
    #[error("no header of the PROXY protocol, version 2")]
    Missing,
    /// A version other than 2, or a command that is not known.
    #[error("a PROXY protocol header of a version or command that is not known")]
    Unknown,
    /// It is longer than anything a balancer sends.
    #[error("a PROXY protocol header of {0} bytes")]
    TooLong(usize),
    /// The addresses do not fit in the length it says.
    #[error("a PROXY protocol header that ends before its addresses")]
    Short,
}

/// How many bytes follow the first sixteen.
///
/// # Errors
/// All but [`ProxyHeaderError::Short`].
fn rest(fixed: &[u8; FIXED]) -> Result<usize, ProxyHeaderError> {
    if !fixed.starts_with(&SIGNATURE) {
        return Err(ProxyHeaderError::Missing);
    }
    let [.., command, _, high, low] = *fixed;
    if !matches!(command, 0x20 | 0x21) {
        return Err(ProxyHeaderError::Unknown);
    }
    match usize::from(u16::from_be_bytes([high, low])) {
        length if length > MOST => Err(ProxyHeaderError::TooLong(length)),
        length => Ok(length),
    }
}

/// Reads a whole header and nothing after it: who is behind the connection, and how long the header
/// is. Addresses that are no internet addresses count as the balancer itself.
///
/// # Errors
/// [`ProxyHeaderError`].
pub fn parse(bytes: &[u8]) -> Result<(Behind, usize), ProxyHeaderError> {
    let (fixed, after) = bytes.split_first_chunk().ok_or(ProxyHeaderError::Missing)?;
    let length = rest(fixed)?;
    let rest = after.get(..length).ok_or(ProxyHeaderError::Short)?;
    let [.., command, family, _, _] = *fixed;
    // `LOCAL`, and families that are no TCP over IP, name nobody.
    let visitor = match (command, family) {
        (0x21, 0x11) => {
            let [address, port] = [0..4, 8..10].map(|range| rest.get(range));
            let (address, port) = address.zip(port).ok_or(ProxyHeaderError::Short)?;
            address.try_into().ok().zip(port.try_into().ok()).map(
                |(address, port): ([u8; 4], [u8; 2])| {
                    let address = IpAddr::V4(Ipv4Addr::from(address));
                    SocketAddr::new(address, u16::from_be_bytes(port))
                },
            )
        }
        (0x21, 0x21) => {
            let [address, port] = [0..16, 32..34].map(|range| rest.get(range));
            let (address, port) = address.zip(port).ok_or(ProxyHeaderError::Short)?;
            address.try_into().ok().zip(port.try_into().ok()).map(
                |(address, port): ([u8; 16], [u8; 2])| {
                    let address = IpAddr::V6(Ipv6Addr::from(address));
                    SocketAddr::new(address, u16::from_be_bytes(port))
                },
            )
        }
        _ => None,
    };
    Ok((
        visitor.map_or(Behind::Itself, Behind::Visitor),
        FIXED + length,
    ))
}

/// Takes the header off the beginning of a connection, and not a byte more.
///
/// # Errors
/// Those of the connection, and [`ProxyHeaderError`] as `InvalidData`.
///
/// # Cancel safety
/// None: what was read is lost, and the connection with it.
pub async fn take(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Behind> {
    let wrong = |error: ProxyHeaderError| io::Error::new(io::ErrorKind::InvalidData, error);
    let mut fixed = [0; FIXED];
    stream.read_exact(&mut fixed).await?;
    let mut header = fixed.to_vec();
    header.resize(FIXED + rest(&fixed).map_err(wrong)?, 0);
    let unread = header.get_mut(FIXED..).unwrap_or_default();
    stream.read_exact(unread).await?;
    parse(&header).map(|(behind, _)| behind).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, rest].concat()
    }

    fn v4(extra: &[u8]) -> Vec<u8> {
        let addresses = [192, 0, 2, 7, 10, 0, 0, 1, 0xc3, 0x50, 1, 187];
        header(0x21, 0x11, &[&addresses[..], extra].concat())
    }

    #[test]
    fn visitors_are_named() {
        let visitor = Behind::Visitor("192.0.2.7:50000".parse().unwrap());
        assert_eq!(parse(&v4(&[])), Ok((visitor, 28)));
        // What follows the addresses, and what follows the header, is not read.
        assert_eq!(
            parse(&[v4(&[4, 0, 1, 0]), b"GET".to_vec()].concat()),
            Ok((visitor, 32))
        );
        let mut addresses = [0; 36];
        (addresses[15], addresses[33]) = (1, 80);
        let visitor = Behind::Visitor("[::1]:80".parse().unwrap());
        assert_eq!(parse(&header(0x21, 0x21, &addresses)), Ok((visitor, 52)));
    }

    #[test]
    fn balancers_ask_for_themselves() {
        for (command, family, rest) in [
            (0x20, 0x00, 0),
            (0x20, 0x11, 12),
            (0x21, 0x00, 4),
            (0x21, 0x31, 216),
        ] {
            let header = header(command, family, &vec![0; rest]);
            assert_eq!(parse(&header), Ok((Behind::Itself, 16 + rest)));
        }
    }

    #[test]
    fn what_is_no_header_is_refused() {
        use ProxyHeaderError::{Missing, Short, TooLong, Unknown};
        let long = header(0x21, 0x11, &[0; MOST + 1]);
        for (bytes, error) in [
            (b"GET / HTTP/1.1\r\nhost: a\r\n\r\n".to_vec(), Missing),
            (b"PROXY TCP4 192.0.2.1 10.0.0.1 1 2\r\n".to_vec(), Missing),
            (v4(&[])[..15].to_vec(), Missing),
            (header(0x11, 0x11, &[0; 12]), Unknown),
            (header(0x22, 0x11, &[0; 12]), Unknown),
            (header(0x21, 0x11, &[0; 9]), Short),
            (header(0x21, 0x21, &[0; 33]), Short),
            (v4(&[])[..20].to_vec(), Short),
            (long, TooLong(MOST + 1)),
        ] {
            assert_eq!(parse(&bytes), Err(error), "{bytes:?}");
        }
    }

    #[tokio::test]
    async fn nothing_is_read_after_it() {
        let bytes = [v4(&[1, 2, 3]), b"GET /".to_vec()].concat();
        let mut stream = &bytes[..];
        let behind = take(&mut stream).await.unwrap();
        assert!(matches!(behind, Behind::Visitor(_)));
        assert_eq!(stream, b"GET /");
        let error = take(&mut &b"GET / HTTP/1.1\r\n\r\n"[..]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        let error = take(&mut &v4(&[])[..20]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
