mod codec;
mod server;
