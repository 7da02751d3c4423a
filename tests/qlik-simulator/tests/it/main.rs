//! Tests of the simulator through real sockets.

mod client;

mod bundles;
mod control;
mod engine;
mod faults;
mod proxy;
mod qrs;
mod rest;
mod sessions;
mod tls;
