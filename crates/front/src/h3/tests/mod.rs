mod hostile;
mod lifecycle;
mod order;
mod requests;
mod server;
