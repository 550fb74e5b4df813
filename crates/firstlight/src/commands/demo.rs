//! `firstlight demo`: a sample site behind the server, on this machine alone.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

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
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8443")]
    listen: Vec<SocketAddr>,
    /// Address to serve plain HTTP on too; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    http: Vec<SocketAddr>,
    /// Address of the sample site itself, to compare with; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))]
    origin: SocketAddr,
    /// Width of the photographs in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 1600, value_parser = clap::value_parser!(u32).range(16..=8000))]
    width: u32,
}

/// Serves until told to stop.
pub fn run(arguments: &Arguments) -> Outcome {
    running::block_on(None, async {
        let mut signals = Signals::listen()?;
        let origin = start_site(arguments).await?;
        let server = start_server(arguments, &origin)?;
        output::data(what_to_look_at(&server, &origin));
        running::serve_until_told(server, None, &mut signals).await
    })
}

/// Starts the sample site and returns its URL. It ends with the runtime.
async fn start_site(arguments: &Arguments) -> Result<String, CommandError> {
    let site = Arc::new(Site::new(arguments.width, arguments.width * 2 / 3, 2026));
    let listener = TcpListener::bind(arguments.origin).await.map_err(|error| {
        CommandError::because(
            format_args!("cannot listen on {}", arguments.origin),
            &error,
        )
        .hint("choose another address with `--origin`")
    })?;
    let address = listener
        .local_addr()
        .map_err(|error| CommandError::because("the sample site has no address", &error))?;
    site.warm();
    tokio::spawn(async move {
        if let Err(error) = gallery::serve(listener, site).await {
            tracing::error!(%error, "the sample site stopped");
        }
    });
    Ok(format!("http://{address}"))
}

fn start_server(arguments: &Arguments, origin: &str) -> Result<Server, CommandError> {
    let mut config = serve::for_origin(origin)?;
    config.front.https.clone_from(&arguments.listen);
    config.front.http.clone_from(&arguments.http);
    config.front.state = running::state_directory();
    start(config, &arguments.http)
}

fn start(config: Config, plain: &[SocketAddr]) -> Result<Server, CommandError> {
    Server::start(config).map_err(|error| serve::with_flag(error, plain))
}

/// Five lines.
fn what_to_look_at(server: &Server, origin: &str) -> String {
    let served: Vec<String> = server.addresses().iter().map(ToString::to_string).collect();
    let first = served.first().map_or("", String::as_str);
    format!(
        "with Firstlight:  {}\n\
         without:          {origin}\n\
         look at:          both, in a browser whose network is slowed down (its developer tools can)\n\
         the certificate:  made for this machine; the browser warns once, and may be told to go on\n\
         try:              curl -sk --http2 -H 'Accept: image/webp,*/*' {first}/photographs/lake.jpg -o lake.jpg\n",
        served.join("  "),
    )
}
