//! `firstlight demo`: a sample site behind the server, on this machine alone.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gallery::Site;
use server::{Config, Server};
use tokio::net::TcpListener;

use super::running::{self, Signals};
use super::serve;
use crate::output::{self, CommandError, Outcome};

/// What `demo` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// Address to serve HTTPS on; may be repeated; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8443", value_parser = serve::address)]
    listen: Vec<SocketAddr>,
    /// Address to serve plain HTTP on too; may be repeated
    #[arg(long, value_name = "ADDRESS", value_parser = serve::address)]
    http: Vec<SocketAddr>,
    /// Address of the sample site itself, to compare with; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0", value_parser = serve::address)]
    origin: SocketAddr,
    /// Width of the photographs in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 1600, value_parser = clap::value_parser!(u32).range(16..=8000))]
    width: u32,
    /// Write a line for each request to stderr
    #[arg(long)]
    log: bool,
}

/// How long the sample site may take to answer: photographs that are not painted yet come late, and
/// on a slow machine large ones come very late.
const PATIENCE: Duration = Duration::from_secs(3600);

/// Serves until told to stop. Five lines on stdout, all else on stderr.
pub fn run(arguments: &Arguments) -> Outcome {
    running::block_on(None, async {
        let mut signals = Signals::listen()?;
        let demo = Demo::start(arguments, running::state_directory_to_write()).await?;
        output::data(demo.what_to_look_at());
        running::serve_until_told(demo.server, None, &mut signals).await
    })
}

/// The sample site with the server before it.
struct Demo {
    server: Server,
    /// The URL of the sample site itself.
    origin: String,
}

impl Demo {
    /// Starts both; they answer when this is done. The certificate and the photographs are kept in
    /// the directory `state`.
    /// The sample site ends with the runtime.
    async fn start(arguments: &Arguments, state: Option<PathBuf>) -> Result<Self, CommandError> {
        let listener = listen(arguments.origin).await?;
        let address = listener
            .local_addr()
            .map_err(|error| CommandError::because("the sample site has no address", &error))?;
        let origin = format!("http://{address}");
        let mut config = configuration(arguments, &origin)?;
        config.front.state.clone_from(&state);
        let server =
            Server::start(config).map_err(|error| serve::with_flag(error, &arguments.http))?;
        // Painting takes every core, so it begins when nothing else can fail.
        let mut site = Site::new(arguments.width, arguments.width * 2 / 3, 2026);
        if let Some(state) = &state {
            site = site.kept_in(&state.join("sample"));
        }
        let site = Arc::new(site);
        paint(&site);
        tokio::spawn(async move {
            if let Err(error) = gallery::serve(listener, site).await {
                tracing::error!(%error, "the sample site stopped");
            }
        });
        Ok(Self { server, origin })
    }

    /// Five lines.
    fn what_to_look_at(&self) -> String {
        let served = self.server.addresses();
        let served: Vec<String> = served.iter().map(ToString::to_string).collect();
        let first = served.first().map_or("", String::as_str);
        format!(
            "with Firstlight:  {}\n\
             without:          {}\n\
             look at:          both, in a browser whose network is slowed down (its developer tools can)\n\
             the certificate:  made for this machine; the browser warns once, and may be told to go on\n\
             try:              curl -sk --http2 -H 'Accept: image/webp,*/*' {first}/photographs/lake.jpg -o lake.jpg\n",
            served.join("  "),
            self.origin,
        )
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, CommandError> {
    TcpListener::bind(address).await.map_err(|error| {
        let what = format!("cannot listen on {address}");
        match error.kind() {
            ErrorKind::AddrInUse => {
                CommandError::new(format_args!("{what}: address already in use"))
                    .hint("another program has it; choose another address with `--origin`")
            }
            _ => CommandError::because(what, &error).hint("choose another address with `--origin`"),
        }
    })
}

fn configuration(arguments: &Arguments, origin: &str) -> Result<Config, CommandError> {
    let mut config = serve::for_origin(origin)?;
    config.front.https.clone_from(&arguments.listen);
    config.front.http.clone_from(&arguments.http);
    config.origin.response_timeout = PATIENCE;
    for site in &mut config.site {
        site.access_log.enabled = arguments.log;
        site.access_log.target = "stderr".into();
    }
    Ok(config)
}

/// Begins to paint the photographs, and says on stderr when all are there. Those that somebody asks
/// for come first.
fn paint(site: &Arc<Site>) {
    let since = Instant::now();
    let paths = Site::photograph_paths();
    output::talk(format_args!(
        "{} photographs are being painted, or found from before",
        paths.len()
    ));
    site.warm();
    let site = Arc::clone(site);
    // Whoever asks for a photograph in the making waits for it.
    tokio::task::spawn_blocking(move || {
        for path in &paths {
            site.get(path);
        }
        output::talk(format_args!(
            "ready after {:.1} s",
            since.elapsed().as_secs_f64()
        ));
    });
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use testkit::Recorder;
    use testkit::recorder::Request;

    use super::*;

    fn arguments(width: u32) -> Arguments {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Arguments {
            listen: vec![free],
            http: vec![],
            origin: free,
            width,
            log: false,
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_page_that_is_looked_at_while_it_is_painted_waits_for_its_photographs() {
        let demo = Demo::start(&arguments(160), None).await.unwrap();
        assert_eq!(demo.what_to_look_at().lines().count(), 5);
        let mut requests = vec![Request::get("/")];
        requests.extend(Site::photograph_paths().into_iter().map(Request::get));
        let address = demo.server.addresses()[0].0.socket;
        let recording = Recorder::new(address, "localhost").record(&requests).await;
        let answers = recording.unwrap().answers;
        assert_eq!(answers.len(), requests.len());
        for answer in answers {
            assert_eq!((answer.status, answer.reset), (200, None));
            assert!(answer.complete_at.is_some() && !answer.body.is_empty());
        }
    }

    #[test]
    fn the_log_is_off_and_never_on_stdout() {
        for log in [false, true] {
            let arguments = Arguments {
                log,
                ..arguments(16)
            };
            let config = configuration(&arguments, "http://127.0.0.1:1").unwrap();
            let settings = &config.site[0].access_log;
            assert_eq!((settings.enabled, &*settings.target), (log, "stderr"));
            assert_eq!(config.origin.response_timeout, PATIENCE);
        }
    }
}
