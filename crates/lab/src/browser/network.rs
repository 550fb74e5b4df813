//! The requests of a page as the browser told of them.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;

use super::session::text;
use crate::run::Resource;

/// The requests since the navigation.
#[derive(Default)]
pub struct NetworkLog {
    entries: Vec<Entry>,
    /// Those under way, by the browser's name for them, with their place among the entries.
    open: HashMap<String, usize>,
    /// Headers as they were on the wire, by the browser's name for the request.
    headers: HashMap<String, WireHeaders>,
    /// What is added to the browser's own clock to get seconds since 1970.
    epoch: Option<f64>,
}

/// The headers of a request and of its answer as they were on the wire, names in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WireHeaders {
    /// What the browser asked with.
    pub asked: Vec<(String, String)>,
    /// What it was answered with.
    pub answered: Vec<(String, String)>,
}

impl WireHeaders {
    /// What the browser asked with under this name; empty if nothing.
    pub fn asked(&self, name: &str) -> &str {
        find(&self.asked, name)
    }

    /// What it was answered with under this name; empty if nothing.
    pub fn answered(&self, name: &str) -> &str {
        find(&self.answered, name)
    }
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> &'a str {
    let mut headers = headers.iter();
    headers
        .find(|(own, _)| own == name)
        .map_or("", |(_, value)| value)
}

/// A request; times are seconds of the browser's own clock.
struct Entry {
    /// The browser's name for it.
    id: String,
    resource: Resource,
    asked: f64,
    sent: Option<f64>,
    head: Option<f64>,
    end: Option<f64>,
}

impl NetworkLog {
    /// Takes note of an event; says whether it was about a request.
    pub fn note(&mut self, method: &str, params: &Value) -> bool {
        let id = text(params, "requestId");
        match method {
            "Network.requestWillBeSent" => self.asked(id, params),
            "Network.resourceChangedPriority" => {
                if let Some(entry) = self.entry(&id) {
                    entry.resource.priority.1 = text(params, "newPriority");
                }
            }
            "Network.responseReceived" => {
                if let Some(entry) = self.entry(&id) {
                    entry.answered(&params["response"], params["timestamp"].as_f64());
                }
            }
            "Network.dataReceived" => {
                if let Some(entry) = self.entry(&id) {
                    entry.resource.bytes += params["encodedDataLength"].as_u64().unwrap_or(0);
                }
            }
            "Network.requestWillBeSentExtraInfo" => {
                self.headers.entry(id).or_default().asked = wire_headers(params);
            }
            "Network.responseReceivedExtraInfo" => {
                self.headers.entry(id).or_default().answered = wire_headers(params);
            }
            "Network.loadingFinished" | "Network.loadingFailed" => self.ended(&id, params),
            _ => return false,
        }
        true
    }

    /// How many requests are under way.
    pub fn under_way(&self) -> usize {
        self.open.len()
    }

    /// The requests by their time, with times since `navigation` (seconds since 1970).
    pub fn resources(&self, navigation: f64) -> Vec<Resource> {
        let offset = self.epoch.unwrap_or(0.0) - navigation;
        let since = |time: f64| Duration::try_from_secs_f64((time + offset).max(0.0)).ok();
        let mut entries: Vec<&Entry> = self.entries.iter().collect();
        entries.sort_by(|one, other| one.asked.total_cmp(&other.asked));
        entries
            .into_iter()
            .map(|entry| Resource {
                sent: entry.sent.and_then(since),
                times: [Some(entry.asked), entry.head, entry.end].map(|time| time.and_then(since)),
                ..entry.resource.clone()
            })
            .collect()
    }

    /// The headers of the last request for an address, where it reached the network.
    pub fn headers(&self, url: &str) -> Option<WireHeaders> {
        let mut entries = self.entries.iter().rev();
        let entry = entries.find(|entry| entry.resource.url == url)?;
        self.headers.get(&entry.id).cloned()
    }

    fn entry(&mut self, id: &str) -> Option<&mut Entry> {
        self.entries.get_mut(*self.open.get(id)?)
    }

    fn asked(&mut self, id: String, params: &Value) {
        let at = params["timestamp"].as_f64().unwrap_or(0.0);
        if let Some(wall) = params["wallTime"].as_f64() {
            self.epoch.get_or_insert(wall - at);
        }
        // A redirect goes on under the same name; each answer is a resource of its own.
        let redirect = &params["redirectResponse"];
        if let Some(entry) = self.entry(&id).filter(|_| redirect.is_object()) {
            entry.answered(redirect, Some(at));
            entry.resource.bytes = redirect["encodedDataLength"].as_f64().unwrap_or(0.0) as u64;
            entry.end = Some(at);
        }
        let request = &params["request"];
        let url = text(request, "url");
        if !url.starts_with("http") {
            self.open.remove(&id);
            return;
        }
        let priority = text(request, "initialPriority");
        self.open.insert(id.clone(), self.entries.len());
        self.entries.push(Entry {
            id,
            resource: Resource {
                url,
                kind: text(params, "type"),
                priority: (priority.clone(), priority),
                ..Resource::default()
            },
            asked: at,
            sent: None,
            head: None,
            end: None,
        });
    }

    fn ended(&mut self, id: &str, params: &Value) {
        if let Some(entry) = self.entry(id) {
            entry.end = params["timestamp"].as_f64();
            if let Some(all) = params["encodedDataLength"].as_f64() {
                entry.resource.bytes = all as u64;
            }
            if params["errorText"].is_string() {
                entry.resource.status = 0;
            }
        }
        self.open.remove(id);
    }
}

impl Entry {
    fn answered(&mut self, response: &Value, told: Option<f64>) {
        let resource = &mut self.resource;
        resource.status = response["status"].as_u64().unwrap_or(0) as u16;
        resource.mime = text(response, "mimeType");
        resource.protocol = text(response, "protocol");
        let timing = &response["timing"];
        let moment = |name: &str| {
            let measured = timing["requestTime"].as_f64().zip(timing[name].as_f64());
            measured
                .filter(|(_, milliseconds)| *milliseconds >= 0.0)
                .map(|(start, milliseconds)| start + milliseconds / 1000.0)
        };
        self.sent = moment("sendEnd");
        self.head = moment("receiveHeadersEnd").or(told);
    }
}

fn wire_headers(params: &Value) -> Vec<(String, String)> {
    let headers = params["headers"].as_object().into_iter().flatten();
    headers
        .map(|(name, value)| {
            let value = value.as_str().unwrap_or_default();
            (name.to_ascii_lowercase(), value.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(id: &str, url: &str, at: f64) -> Value {
        json!({
            "requestId": id, "timestamp": at, "wallTime": 5000.0 + at, "type": "Image",
            "request": { "url": url, "initialPriority": "Low" },
        })
    }

    #[test]
    fn a_request_is_followed_to_its_end() {
        let mut log = NetworkLog::default();
        assert!(log.note(
            "Network.requestWillBeSent",
            &asked("1", "https://a/b", 10.0)
        ));
        let changed = json!({ "requestId": "1", "newPriority": "High" });
        assert!(log.note("Network.resourceChangedPriority", &changed));
        let timing = json!({ "requestTime": 10.1, "sendEnd": 150.0, "receiveHeadersEnd": 400.0 });
        let answer = json!({ "requestId": "1", "timestamp": 11.0, "response": {
            "status": 200, "mimeType": "image/jpeg", "protocol": "h2", "timing": timing,
        }});
        assert!(log.note("Network.responseReceived", &answer));
        assert_eq!(log.under_way(), 1);
        let end = json!({ "requestId": "1", "timestamp": 12.0, "encodedDataLength": 700.0 });
        assert!(log.note("Network.loadingFinished", &end));
        assert!(!log.note("Page.loadEventFired", &json!({})));
        assert_eq!(log.under_way(), 0);
        let [resource] = &log.resources(5009.5)[..] else {
            panic!("one");
        };
        let times = resource.times.map(|time| time.unwrap().as_millis());
        assert_eq!(times, [500, 1000, 2500]);
        assert_eq!(resource.sent.map(|time| time.as_millis()), Some(750));
        assert_eq!(resource.priority, ("Low".into(), "High".into()));
        assert_eq!((resource.status, resource.bytes), (200, 700));
        assert_eq!((&*resource.mime, &*resource.protocol), ("image/jpeg", "h2"));
    }

    #[test]
    fn headers_are_those_on_the_wire() {
        let mut log = NetworkLog::default();
        let extra = |headers: Value| json!({ "requestId": "1", "headers": headers });
        let said = extra(json!({ "Accept-Encoding": "br, dcb" }));
        assert!(log.note("Network.requestWillBeSentExtraInfo", &said));
        log.note("Network.requestWillBeSent", &asked("1", "https://a/b", 1.0));
        log.note(
            "Network.responseReceivedExtraInfo",
            &extra(json!({ "vary": "x" })),
        );
        let headers = log.headers("https://a/b").unwrap();
        assert_eq!(headers.asked("accept-encoding"), "br, dcb");
        assert_eq!(
            (headers.answered("vary"), headers.answered("etag")),
            ("x", "")
        );
        assert_eq!(log.headers("https://a/c"), None);
    }

    #[test]
    fn redirects_failures_and_addresses_that_are_data() {
        let mut log = NetworkLog::default();
        log.note(
            "Network.requestWillBeSent",
            &asked("1", "https://a/old", 1.0),
        );
        let mut again = asked("1", "https://a/new", 2.0);
        again["redirectResponse"] = json!({ "status": 301, "encodedDataLength": 90 });
        log.note("Network.requestWillBeSent", &again);
        log.note("Network.requestWillBeSent", &asked("2", "data:,x", 2.5));
        let part = json!({ "requestId": "1", "encodedDataLength": 33 });
        log.note("Network.dataReceived", &part);
        let failed = json!({ "requestId": "1", "timestamp": 3.0, "errorText": "net::ERR_FAILED" });
        log.note("Network.loadingFailed", &failed);
        assert_eq!(log.under_way(), 0);
        let seen: Vec<_> = log
            .resources(5000.0)
            .into_iter()
            .map(|resource| {
                (
                    resource.url,
                    resource.status,
                    resource.bytes,
                    resource.times[2],
                )
            })
            .collect();
        let seconds = |count| Some(Duration::from_secs(count));
        assert_eq!(
            seen,
            [
                ("https://a/old".into(), 301, 90, seconds(2)),
                ("https://a/new".into(), 0, 33, seconds(3)),
            ]
        );
    }
}
