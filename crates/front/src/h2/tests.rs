mod client;
mod exchange;
mod floods;
mod log;
mod order;
pub mod site;
mod tls;
