//! A line for each request, when it has ended.

mod config;
mod line;
#[cfg(test)]
mod tests;

use std::io;
use std::time::SystemTime;

use base::lines::Writer;
use pipeline::{Exchange, Module, Outcome, Phase};

pub use config::{AccessLogSettings, Form};

/// The module.
pub struct AccessLogModule {
    form: Form,
    writer: Writer,
}

impl AccessLogModule {
    /// Opens the log.
    ///
    /// # Errors
    /// What the system says about its file, or about starting its thread.
    pub fn open(settings: &AccessLogSettings) -> io::Result<Self> {
        Ok(Self {
            form: settings.form,
            writer: Writer::open(
                "access log",
                &settings.target,
                settings.buffer.bytes() as usize,
            )?,
        })
    }

    #[cfg(test)]
    fn to_sink(form: Form, sink: Box<dyn io::Write + Send>) -> io::Result<Self> {
        let writer = Writer::new("access log", sink, 1 << 16)?;
        Ok(Self { form, writer })
    }
}

impl Module for AccessLogModule {
    fn id(&self) -> &'static str {
        "access_log"
    }

    fn phase(&self) -> Phase {
        Phase::Log
    }

    fn ended(&self, exchange: &Exchange, outcome: &Outcome) {
        let line = line::Line::new(exchange, outcome, SystemTime::now());
        let line = match self.form {
            Form::Json => line.json(),
            Form::Text => line.text(),
        };
        self.writer.write(&line);
    }
}
