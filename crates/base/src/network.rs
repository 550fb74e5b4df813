//! Ranges of addresses, as settings name them.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::settings::{DeValue, Report, Spanned, Value, decode_text};

/// A range of addresses, `10.20.0.0/16` or `fd00::/8`; a single address is a range of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(pub IpNet);

impl Network {
    /// Reads a range; `None` if it is none, or if bits are set behind the prefix.
    pub fn parse(text: &str) -> Option<Self> {
        let network = text
            .parse()
            .or_else(|_| text.parse().map(|address: IpAddr| address.into()));
        let network: IpNet = network.ok()?;
        (network == network.trunc()).then_some(Self(network))
    }

    /// Whether an address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl Value for Network {
    fn form() -> String {
        "a range of addresses such as `\"10.20.0.0/16\"`".into()
    }

    fn decode(node: &Spanned<DeValue<'_>>, key: &str, report: &mut Report) -> Option<Self> {
        decode_text(node, key, report, Self::form(), Self::parse)
    }

    fn show(&self) -> String {
        format!("\"{}\"", self.0)
    }
}
