mod hostile;
mod latch;
mod lifecycle;
mod order;
mod requests;
mod server;
