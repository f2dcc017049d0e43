//! BMv2's runtime API: this switch called by its own client, by BMv2's command line and by strangers, and BMv2's switch called by this client.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod bmv2;
mod cli;
mod hostile;
mod info;
mod notifications;
mod packets;
mod refusals;
mod same;
mod support;
mod swap;
