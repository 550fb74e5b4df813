//! Settings of the way from HTTP to HTTPS.

base::settings! {
    /// How visitors who come by plain HTTP get to HTTPS.
    pub struct HttpsSettings {
        /// Whether plain requests are sent to the same address under `https:`. Those for
        /// `/.well-known/acme-challenge/` are answered all the same: certificates depend on them.
        redirect: bool = false,
        /// The port that visitors reach HTTPS on; 443 is not written into addresses.
        port: u16 = 443,
        /// `Strict-Transport-Security` of responses over HTTPS (RFC 6797), such as
        /// `"max-age=31536000; includeSubDomains"`; not set leaves the origin's alone.
        hsts: Option<String> = None,
    }
}
