mod client;
mod exchange;
mod order;
mod site;
mod tls;
