//! Settings of purges that are asked for by HTTP.

use ::origin::Network;
use base::settings::{Report, Secret, join};

/// The shortest token: what can be guessed by trying is none.
const SHORTEST: usize = 16;

base::settings! {
    /// Purges asked for by HTTP: `PURGE` on an address, or `POST /cdn-cgi/purge`, on the addresses
    /// and hosts that visitors use. Who has the token may purge whatever is kept, of all sites.
    /// Off without a token. See [http-caching.md](http-caching.md).
    pub struct PurgeSettings {
        /// What has to be sent as `Authorization: Bearer …`: 16 characters at least. Best given as
        /// `FIRSTLIGHT_PURGE_TOKEN` in the environment. Not set: nobody purges by HTTP, and such
        /// requests are the origin's.
        token: Secret = Secret::default(),
        /// From where it may be asked for, such as `"10.0.0.0/8"`; none: from everywhere.
        from: Vec<Network> = vec![],
    }
}

impl PurgeSettings {
    /// Takes the token from the environment, which `variable` reads, where the file has none.
    pub fn complete(&mut self, variable: impl Fn(&str) -> Option<String>) {
        if self.token.0.is_empty() {
            self.token.0 = variable("FIRSTLIGHT_PURGE_TOKEN").unwrap_or_default();
        }
    }

    /// Reports a token that is too short, or cannot be sent; `place` is the path of this table.
    pub fn check(&self, place: &str, report: &mut Report) {
        let token = &self.token.0;
        if !token.is_empty() && !is_token(token) {
            let form = "at least 16 letters, digits and `-._~+/=`";
            report.reject(&join(place, "token"), "", form);
        }
    }
}

/// Whether it can be a token (RFC 6750 §2.1) and is long enough.
pub fn is_token(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    text.len() >= SHORTEST && text.bytes().all(plain)
}
