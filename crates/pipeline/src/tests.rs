use std::net::SocketAddr;
use std::sync::Arc;

use base::Body;
use http::StatusCode;

use super::*;

struct Probe {
    id: &'static str,
    phase: Phase,
    request: fn(&mut Exchange) -> Verdict,
    response: fn(&mut Exchange, Box<Response>) -> Box<Response>,
}

impl Module for Probe {
    fn id(&self) -> &'static str {
        self.id
    }

    fn phase(&self) -> Phase {
        self.phase
    }

    fn request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        Step::later(async { (self.request)(exchange) })
    }

    fn response<'a>(&'a self, exchange: &'a mut Exchange, response: Box<Response>) -> Reply<'a> {
        Reply::Ready((self.response)(exchange, response))
    }
}

fn probe(id: &'static str, phase: Phase, request: fn(&mut Exchange) -> Verdict) -> Box<dyn Module> {
    Box::new(Probe {
        id,
        phase,
        request,
        response: |_, response| response,
    })
}

fn answers(_: &mut Exchange) -> Verdict {
    Verdict::respond(Response::new(StatusCode::OK, "yes"))
}

fn exchange() -> Exchange {
    let address: SocketAddr = "127.0.0.1:1".parse().unwrap();
    let connection = Connection {
        remote: address,
        local: address,
        protocol: Protocol::Http1,
        tls: false,
        proxied: false,
        estimate: Arc::new(NetworkEstimate::default),
    };
    let (head, ()) = http::Request::get("https://example.com/a?b")
        .body(())
        .unwrap()
        .into_parts();
    Exchange::new(head, Body::Empty, Arc::new(connection))
}

fn steps(exchange: &Exchange) -> Vec<(&'static str, Side, &'static str)> {
    exchange
        .trace
        .events()
        .iter()
        .map(|event| (event.module, event.side, event.verdict))
        .collect()
}

#[tokio::test]
async fn the_response_goes_back_in_reverse_then_the_finish_runs_in_order() {
    let pipeline = Pipeline::new(vec![
        probe("site", Phase::Identify, |_| Verdict::Continue),
        probe("cache", Phase::Cache, |_| Verdict::Continue),
        probe("origin", Phase::Fetch, answers),
        probe("headers", Phase::Finish, answers),
        probe("log", Phase::Log, answers),
    ]);
    let mut exchange = exchange();
    let response = pipeline.unwrap().run(&mut exchange).await;
    assert_eq!(response.status, StatusCode::OK);
    let expected = [
        ("site", Side::Request, "continue"),
        ("cache", Side::Request, "continue"),
        ("origin", Side::Request, "respond"),
        ("origin", Side::Response, "pass"),
        ("cache", Side::Response, "pass"),
        ("site", Side::Response, "pass"),
        ("headers", Side::Response, "pass"),
        ("log", Side::Response, "pass"),
    ];
    assert_eq!(steps(&exchange), expected);
}

#[tokio::test]
async fn an_early_answer_is_seen_only_by_those_before_it() {
    let pipeline = Pipeline::new(vec![
        probe("site", Phase::Identify, |_| Verdict::Continue),
        probe("cache", Phase::Cache, answers),
        probe("origin", Phase::Fetch, |_| unreachable!()),
    ]);
    let mut exchange = exchange();
    pipeline.unwrap().run(&mut exchange).await;
    assert!(
        steps(&exchange)
            .iter()
            .all(|(module, ..)| *module != "origin")
    );
}

#[tokio::test]
async fn skipped_phases_do_not_run() {
    let pipeline = Pipeline::new(vec![
        probe("site", Phase::Identify, |_| {
            Verdict::Skip(PhaseSet::of(&[Phase::Cache]))
        }),
        probe("cache", Phase::Cache, |_| unreachable!()),
        probe("origin", Phase::Fetch, answers),
    ]);
    let mut exchange = exchange();
    let response = pipeline.unwrap().run(&mut exchange).await;
    assert_eq!(response.status, StatusCode::OK);
    assert!(steps(&exchange).contains(&("cache", Side::Request, "skipped")));
}

#[tokio::test]
async fn a_panic_on_the_way_in_costs_only_the_module() {
    let pipeline = Pipeline::new(vec![
        probe("broken", Phase::Route, |_| panic!("a bug")),
        probe("origin", Phase::Fetch, answers),
    ]);
    let mut exchange = exchange();
    let response = pipeline.unwrap().run(&mut exchange).await;
    assert_eq!(response.status, StatusCode::OK);
    assert!(steps(&exchange).contains(&("broken", Side::Request, "panicked")));
}

#[tokio::test]
async fn a_panic_on_the_way_back_is_a_500_that_names_the_request() {
    let broken = Probe {
        id: "broken",
        phase: Phase::Route,
        request: |_| Verdict::Continue,
        response: |_, _| panic!("a bug"),
    };
    let pipeline = Pipeline::new(vec![
        Box::new(broken),
        probe("origin", Phase::Fetch, answers),
    ])
    .unwrap();
    let mut exchange = exchange();
    let response = pipeline.run(&mut exchange).await;
    assert_eq!(response.status, StatusCode::INTERNAL_SERVER_ERROR);
    let body = response.body.collect(1000).await.unwrap();
    assert!(String::from_utf8_lossy(&body).contains(&exchange.id.to_string()));
}

#[test]
fn a_list_that_contradicts_the_phases_is_refused() {
    let wrong = Pipeline::new(vec![
        probe("origin", Phase::Fetch, answers),
        probe("site", Phase::Identify, answers),
    ]);
    assert_eq!(wrong.err(), Some("site"));
    let twice = Pipeline::new(vec![
        probe("site", Phase::Identify, answers),
        probe("site", Phase::Identify, answers),
    ]);
    assert_eq!(twice.err(), Some("site"));
}
