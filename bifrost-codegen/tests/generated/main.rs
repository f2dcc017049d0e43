//! The goldens, compiled and run.

mod apache;
mod constants;
mod dispatch;
mod golden;
mod lenient;
mod round_trip;
mod wire;
