//! Asks servers for what visitors asked them: for comparisons, not for visitors.

use base::{Body, BodyError, ByteSize};
use http::{HeaderMap, Method, StatusCode};
use origin::{Client, OriginError, OriginSettings, Upstream};

/// Asks servers, with the limits and time-outs of the settings.
#[derive(Clone)]
pub struct Asker {
    client: Client,
    limit: u64,
}

/// What a server answered.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The status.
    pub status: StatusCode,
    /// The headers, without those of the connection.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: bytes::Bytes,
}

/// Why a server could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// It does not answer, or not as it should.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// Its answer broke off, or is too large.
    #[error("its answer could not be read to the end")]
    Body(#[from] BodyError),
    /// There is no such address.
    #[error("no path: {0}")]
    Path(#[from] http::Error),
}

impl Asker {
    /// One that takes bodies of at most so many bytes. Opens nothing yet.
    ///
    /// # Errors
    /// Those of [`Client::new`].
    pub fn new(settings: &OriginSettings, limit: ByteSize) -> Result<Self, OriginError> {
        let client = Client::new(settings)?;
        Ok(Self {
            client,
            limit: limit.bytes(),
        })
    }

    /// Asks with `GET` for a path, with these headers. An answer of any status is no error;
    /// redirects are not followed.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn ask(
        &self,
        server: &Upstream,
        path: &str,
        headers: HeaderMap,
    ) -> Result<Asked, AskError> {
        let request = http::Request::builder().method(Method::GET).uri(path);
        let (mut head, ()) = request.body(())?.into_parts();
        head.headers = headers;
        let fetched = self.client.fetch(server, head, Body::Empty).await?;
        Ok(Asked {
            status: fetched.status,
            headers: fetched.headers,
            body: fetched.body.collect(self.limit).await?,
        })
    }
}
