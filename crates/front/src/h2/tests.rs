mod client;
mod exchange;
mod log;
mod order;
mod site;
mod tls;
