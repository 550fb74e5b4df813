//! Asks sources that a visitor can name: only allowed ones, only at public addresses, at every
//! redirect anew.

use base::Body;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Uri};

use crate::allow::{AllowList, target_of};
use crate::client::{Client, Fetched};
use crate::connect::Trust;
use crate::plan::Plan;
use crate::pool::Key;
use crate::reference::resolve;
use crate::{OriginError, headers};

/// What of a visitor's request a source may see. Nothing that says who the visitor is.
const PASSED_ON: [HeaderName; 4] = [
    header::ACCEPT,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    HeaderName::from_static("cdn-loop"),
];

impl Client {
    /// Fetches `uri` with `GET` from a source that a visitor named.
    ///
    /// The address and every address it redirects to must be on the list `allowed`, and the
    /// connection is made only to a public address, checked after the name was looked up (or one
    /// in `source_networks`). Of `headers` only `Accept`, `If-None-Match` and `If-Modified-Since`
    /// go out; cookies and credentials never do. The body ends with
    /// [`base::BodyError::TooLarge`] past `max_source_size`.
    ///
    /// # Errors
    /// [`OriginError::BadSource`], [`OriginError::NotAllowed`], [`OriginError::NotPublic`] and
    /// [`OriginError::Loop`] blame the request; [`OriginError::TooLarge`] is known from
    /// `Content-Length`; the rest blames the source. A source's answer of any status but a
    /// redirect is no error.
    ///
    /// # Cancel safety
    /// Dropping the future gives the request up.
    pub async fn fetch_source(
        &self,
        uri: &Uri,
        allowed: &AllowList,
        headers: &HeaderMap,
    ) -> Result<Fetched, OriginError> {
        if headers::was_here(headers) {
            return Err(OriginError::Loop);
        }
        let headers = passed_on(headers)?;
        let mut visited = vec![uri.clone()];
        loop {
            let uri = &visited[visited.len() - 1];
            let plan = plan(uri, allowed, &headers)?;
            let fetched = self
                .exchange(&plan, Body::Empty, self.limits.max_source_size)
                .await?;
            let Some(location) = redirect(&fetched) else {
                return self.check_size(&plan, fetched);
            };
            let place = plan.key.target.place();
            let next = location
                .and_then(|location| resolve(uri, location))
                .ok_or_else(|| OriginError::BadRedirect {
                    place: place.clone(),
                })?;
            if visited.contains(&next) {
                return Err(OriginError::RedirectLoop { place });
            }
            let limit = self.limits.max_redirects;
            if visited.len() > limit as usize {
                return Err(OriginError::TooManyRedirects { place, limit });
            }
            visited.push(next);
        }
    }

    fn check_size(&self, plan: &Plan, fetched: Fetched) -> Result<Fetched, OriginError> {
        let limit = self.limits.max_source_size;
        if fetched
            .body
            .exact_len()
            .is_some_and(|length| length > limit)
        {
            return Err(OriginError::TooLarge {
                place: plan.key.target.place(),
                limit,
            });
        }
        Ok(fetched)
    }
}

/// `None` if this is no redirect; `Some(None)` if it is one without a readable target.
fn redirect(fetched: &Fetched) -> Option<Option<&str>> {
    if !matches!(fetched.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = fetched.headers.get(header::LOCATION);
    Some(location.and_then(|location| location.to_str().ok()))
}

fn passed_on(headers: &HeaderMap) -> Result<HeaderMap, OriginError> {
    let mut passed = HeaderMap::new();
    for name in PASSED_ON {
        for value in headers.get_all(&name) {
            passed.append(name.clone(), value.clone());
        }
    }
    // What is stored and decoded is the file itself.
    passed.insert(
        header::ACCEPT_ENCODING,
        HeaderValue::from_static("identity"),
    );
    passed.insert(header::USER_AGENT, HeaderValue::from_static("firstlight"));
    headers::mark_pass(&mut passed)?;
    headers::add_via(&mut passed);
    Ok(passed)
}

fn plan(uri: &Uri, allowed: &AllowList, headers: &HeaderMap) -> Result<Plan, OriginError> {
    let target = target_of(uri).map_err(OriginError::BadSource)?;
    if !allowed.allows_target(&target, uri.path()) {
        return Err(OriginError::NotAllowed {
            place: target.place(),
        });
    }
    let host = HeaderValue::try_from(target.authority())
        .map_err(|_| OriginError::Unsendable("its host is not valid"))?;
    let path = uri.path_and_query().cloned();
    Ok(Plan {
        key: Key {
            target,
            trust: Trust::Visitor,
        },
        method: Method::GET,
        host,
        path: path.unwrap_or_else(|| http::uri::PathAndQuery::from_static("/")),
        headers: headers.clone(),
        takes_trailers: false,
    })
}
