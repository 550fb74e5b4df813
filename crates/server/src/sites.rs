//! Which site a request is for.

use std::collections::HashMap;
use std::sync::Arc;

use http::StatusCode;
use pipeline::{Exchange, Module, Phase, Pipeline, Response, Step};

/// The pipelines by host.
pub struct Sites {
    exact: HashMap<String, Arc<Pipeline>>,
    /// By what follows `*.`.
    wildcard: HashMap<String, Arc<Pipeline>>,
    otherwise: Arc<Pipeline>,
}

impl Default for Sites {
    /// No site: every host is told so.
    fn default() -> Self {
        let otherwise = Pipeline::new(vec![Box::new(UnknownHost)]);
        Self {
            exact: HashMap::new(),
            wildcard: HashMap::new(),
            otherwise: Arc::new(
                otherwise.unwrap_or_else(|_| unreachable!("one module is in order")),
            ),
        }
    }
}

impl Sites {
    /// Serves these hosts (lower case) with a pipeline: names, or `*.` and a name for every host below it.
    /// No hosts at all: every host that no other site has.
    pub fn insert(&mut self, hosts: &[String], pipeline: Arc<Pipeline>) {
        for host in hosts {
            match host.strip_prefix("*.") {
                Some(parent) => self.wildcard.insert(parent.to_owned(), pipeline.clone()),
                None => self.exact.insert(host.clone(), pipeline.clone()),
            };
        }
        if hosts.is_empty() {
            self.otherwise = pipeline;
        }
    }

    /// The pipeline for `host` (lower case, no port): by its name, else by the nearest wildcard
    /// above it, else that of the site without hosts, else one that answers 421.
    pub fn find(&self, host: &str) -> &Arc<Pipeline> {
        let host = host.strip_suffix('.').unwrap_or(host);
        self.exact
            .get(host)
            .or_else(|| self.below_wildcard(host))
            .unwrap_or(&self.otherwise)
    }

    fn below_wildcard(&self, host: &str) -> Option<&Arc<Pipeline>> {
        let mut rest = host;
        while let Some((_, parent)) = rest.split_once('.') {
            if let Some(pipeline) = self.wildcard.get(parent) {
                return Some(pipeline);
            }
            rest = parent;
        }
        None
    }
}

/// Answers for hosts that no site has (RFC 9110 §15.5.20).
struct UnknownHost;

impl Module for UnknownHost {
    fn id(&self) -> &'static str {
        "unknown-host"
    }

    fn phase(&self) -> Phase {
        Phase::Identify
    }

    fn request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        exchange.trace.note("no site has this host");
        let text = "this server has no site of that name\n";
        Step::respond(Response::text(StatusCode::MISDIRECTED_REQUEST, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> Arc<Pipeline> {
        Arc::new(Pipeline::new(vec![]).unwrap())
    }

    fn hosts(hosts: &[&str]) -> Vec<String> {
        hosts.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_most_specific_site_has_the_host() {
        let mut sites = Sites::default();
        let [exact, wild, deeper, rest] = [(); 4].map(|()| empty());
        sites.insert(&hosts(&["example.com", "www.example.com"]), exact.clone());
        sites.insert(&hosts(&["*.example.com"]), wild.clone());
        sites.insert(&hosts(&["*.deep.example.com"]), deeper.clone());
        sites.insert(&[], rest.clone());
        for (host, expected) in [
            ("example.com", &exact),
            ("example.com.", &exact),
            ("www.example.com", &exact),
            ("shop.example.com", &wild),
            ("a.b.example.com", &wild),
            ("deep.example.com", &wild),
            ("a.deep.example.com", &deeper),
            ("notexample.com", &rest),
            ("com", &rest),
            ("", &rest),
        ] {
            assert!(Arc::ptr_eq(sites.find(host), expected), "{host}");
        }
    }

    #[test]
    fn a_host_that_no_site_has_is_told_so() {
        let sites = Sites::default();
        let modules: Vec<_> = sites
            .find("example.com")
            .modules()
            .iter()
            .map(|m| m.id())
            .collect();
        assert_eq!(modules, ["unknown-host"]);
    }
}
