//! Settings of the access log.

use base::ByteSize;

base::choices! {
    /// The form of a line.
    pub enum Form {
        /// A JSON object.
        Json = "json",
        /// Words, for reading.
        Text = "text",
    }
}

base::settings! {
    /// A line for each request. Written by a thread of its own: a slow disk or terminal drops
    /// lines, and says how many, but never delays a request.
    pub struct AccessLogSettings {
        /// Whether lines are written.
        enabled: bool = true,
        /// Where to: `stdout`, `stderr`, or the path of a file, which is appended to.
        target: String = "stdout".into(),
        /// The form of a line.
        form: Form = Form::Text,
        /// How much may wait to be written; lines beyond it are dropped and counted.
        buffer: ByteSize = ByteSize::mib(1),
    }
}
