use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use parking_lot::Mutex;
use pipeline::{Module, Outcome};

use super::{AccessLogModule, Form};
use crate::harness::{Page, Site};

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn one_line(form: Form) -> String {
    let site = Site::new().await;
    site.origin.page("/a", Page::new("text/plain", "x"));
    let mut exchange = site.get("/a?b='c'").exchange();
    let response = site.pipeline.run(&mut exchange).await;
    let memory = Memory::default();
    let module = AccessLogModule::to_sink(form, Box::new(memory.clone())).unwrap();
    let outcome = Outcome {
        status: response.status,
        body_bytes: 20_480,
        complete: false,
        duration: Duration::from_micros(1260),
    };
    module.ended(&exchange, &outcome);
    drop(module);
    let written = memory.0.lock().clone();
    String::from_utf8(written).unwrap()
}

#[tokio::test]
async fn a_line_is_json() {
    let line = one_line(Form::Json).await;
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    for (name, value) in [
        ("method", "GET"),
        ("path", "/a?b='c'"),
        ("remote", "192.0.2.7"),
        ("protocol", "h2"),
        ("cache", "uri-miss"),
    ] {
        assert_eq!(line[name], value, "{name}");
    }
    assert_eq!(line["status"], StatusCode::OK.as_u16());
    assert_eq!(
        (&line["bytes"], &line["ms"], &line["complete"]),
        (&20_480.into(), &1.2.into(), &false.into())
    );
}

#[tokio::test]
async fn a_line_is_words() {
    let line = one_line(Form::Text).await;
    let words: Vec<_> = line.split_whitespace().collect();
    assert_eq!(
        words[1..8],
        [
            "192.0.2.7",
            "h2",
            "GET",
            "/a?b='c'",
            "200",
            "20480",
            "1.2ms"
        ]
    );
    assert!(line.ends_with(" cut-off\n"), "{line}");
}
