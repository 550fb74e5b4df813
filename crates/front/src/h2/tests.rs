mod client;
mod exchange;
mod floods;
mod log;
mod order;
mod site;
mod tls;
