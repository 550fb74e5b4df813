//! Which addresses are public: everything else is refused to sources that a visitor can name.
//!
//! The ranges are those of IANA's special-purpose registries (RFC 6890, as of 2025) and a few that
//! clouds use for themselves. IPv6 is refused unless it is known to be global; addresses that
//! carry an IPv4 address inside are judged by it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressKind {
    /// Anyone's, on the public Internet.
    Public,
    /// `0.0.0.0/8`, `::`.
    Unspecified,
    /// This machine.
    Loopback,
    /// A private network, IPv4 (RFC 1918) or IPv6 (RFC 4193).
    Private,
    /// This link only, including most clouds' metadata services.
    LinkLocal,
    /// A carrier's own network (RFC 6598).
    Shared,
    /// Many receivers.
    Multicast,
    /// Examples in documentation.
    Documentation,
    /// A cloud's own service behind a public-looking address.
    Infrastructure,
    /// Kept for protocols, benchmarks, or the future.
    Reserved,
}

impl AddressKind {
    /// The kind of an address.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => of_v4(address),
            IpAddr::V6(address) => of_v6(address),
        }
    }
}

impl fmt::Display for AddressKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "public",
            Self::Unspecified => "unspecified",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::Shared => "carrier-internal",
            Self::Multicast => "multicast",
            Self::Documentation => "documentation",
            Self::Infrastructure => "infrastructure",
            Self::Reserved => "reserved",
        })
    }
}

const V4: [([u8; 4], u32, AddressKind); 17] = [
    ([0, 0, 0, 0], 8, AddressKind::Unspecified),
    ([10, 0, 0, 0], 8, AddressKind::Private),
    ([100, 64, 0, 0], 10, AddressKind::Shared),
    ([127, 0, 0, 0], 8, AddressKind::Loopback),
    ([168, 63, 129, 16], 32, AddressKind::Infrastructure), // Azure's platform services.
    ([169, 254, 0, 0], 16, AddressKind::LinkLocal),
    ([172, 16, 0, 0], 12, AddressKind::Private),
    ([192, 0, 0, 0], 24, AddressKind::Reserved), // RFC 6890; also Oracle's metadata.
    ([192, 0, 2, 0], 24, AddressKind::Documentation),
    ([192, 88, 99, 0], 24, AddressKind::Reserved), // Relays of 6to4, RFC 7526.
    ([192, 168, 0, 0], 16, AddressKind::Private),
    ([198, 18, 0, 0], 15, AddressKind::Reserved), // Benchmarks, RFC 2544.
    ([198, 51, 100, 0], 24, AddressKind::Documentation),
    ([203, 0, 113, 0], 24, AddressKind::Documentation),
    ([224, 0, 0, 0], 4, AddressKind::Multicast),
    ([240, 0, 0, 0], 4, AddressKind::Reserved),
    ([255, 255, 255, 255], 32, AddressKind::Reserved),
];

fn of_v4(address: Ipv4Addr) -> AddressKind {
    let inside = |&&(base, prefix, _): &&([u8; 4], u32, AddressKind)| {
        (address.to_bits() ^ u32::from_be_bytes(base)) >> (32 - prefix) == 0
    };
    V4.iter()
        .find(inside)
        .map_or(AddressKind::Public, |&(_, _, kind)| kind)
}

fn of_v6(address: Ipv6Addr) -> AddressKind {
    if let Some(inner) = embedded_v4(address) {
        return of_v4(inner);
    }
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => AddressKind::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => AddressKind::Loopback,
        [0xfe80..=0xfebf, ..] => AddressKind::LinkLocal,
        // Site-local, deprecated by RFC 3879 and still routed inside some networks.
        [0xfec0..=0xfeff, ..] | [0xfc00..=0xfdff, ..] => AddressKind::Private,
        [0xff00..=0xffff, ..] => AddressKind::Multicast,
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => AddressKind::Documentation,
        // 2001::/23 is for protocols; Teredo (2001::/32, RFC 4380) tunnels to any IPv4 address.
        [0x2001, 0..=0x1ff, ..] => AddressKind::Reserved,
        [0x2000..=0x3fff, ..] => AddressKind::Public,
        _ => AddressKind::Reserved,
    }
}

/// The IPv4 address that packets to this one end up at: mapped (RFC 4291 §2.5.5.2), compatible
/// (§2.5.5.1), 6to4 (RFC 3056) and NAT64's well-known prefix (RFC 6052).
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let join = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0..=1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => Some(join(high, low)),
        [0x2002, high, low, ..] => Some(join(high, low)),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(join(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
