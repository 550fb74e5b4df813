//! Settings of the finished response's headers.

base::settings! {
    /// What is added to finished responses, and taken away.
    pub struct HeadersSettings {
        /// Whether this module runs.
        enabled: bool = true,
        /// Whether responses carry `X-Request-ID`.
        request_id: bool = true,
        /// Whether responses carry `Server-Timing`: how long the edge, the origin and the picture
        /// took.
        server_timing: bool = true,
        /// Whether responses carry `Cache-Status` (RFC 9211).
        cache_status: bool = true,
        /// Headers added to what is there, each as `Name: value`.
        add: Vec<String> = vec![],
        /// Headers put in place of what is there, each as `Name: value`.
        set: Vec<String> = vec![],
        /// Headers taken away.
        remove: Vec<http::HeaderName> = vec![],
    }
}
