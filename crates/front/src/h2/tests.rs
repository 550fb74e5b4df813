mod client;
mod exchange;
mod floods;
mod log;
mod naming;
mod order;
pub mod site;
mod tls;
