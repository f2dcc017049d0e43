//! Calls over UDP.

use super::Connection;
use super::report::Failure;
use crate::dynamic::{Answer, Arguments, read_answer};
use crate::idl::Found;
use crate::key;
use anyhow::Result;
use bifrost_rpc::protocol::{Binary, Codec, Compact, Json, WireProtocol};
use bifrost_rpc::{Channel, Method};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// A channel, and what it calls.
#[derive(Debug)]
pub(super) struct Udp {
    channel: Channel,
    sequence: i32,
    /// Made by the first call.
    method: Option<Method>,
}

impl Udp {
    /// Makes a socket; nothing is sent yet.
    pub(super) fn new(address: SocketAddr, deadline: Option<Duration>, key_file: Option<&Path>) -> Result<Self> {
        let mut builder = Channel::builder();
        if let Some(deadline) = deadline {
            builder = builder.deadline(deadline);
        }
        if let Some(path) = key_file {
            builder = builder.key(key::read(path)?);
        }
        Ok(Self { channel: builder.connect(&format!("udp://{address}"))?, sequence: 0, method: None })
    }
}

/// The method as the runtime wants it. Its names live as long as the program, which makes one call.
fn descriptor(found: Found<'_>) -> Method {
    Method {
        service: found.service.to_owned().leak(),
        name: found.method.name.clone().leak(),
        oneway: found.method.oneway,
        short: found.method.short,
        idempotent: found.method.idempotent,
    }
}

impl Connection for Udp {
    fn call(&mut self, found: Found<'_>, arguments: &Arguments) -> Result<Result<Option<Answer>, Failure>> {
        let method = *self.method.get_or_insert_with(|| descriptor(found));
        self.sequence = self.sequence.wrapping_add(1) & i32::MAX;
        let message = arguments.message::<Binary>(found, method.name, self.sequence)?;
        let answered = self.channel.call_message(&method, message);
        let read = answered.map_err(thrift::Error::from).and_then(|answer| match answer {
            Some(message) => read(found, self.sequence, &message).map(Some),
            None => Ok(None),
        });
        Ok(read.map_err(Failure::of))
    }
}

fn read(found: Found<'_>, sequence: i32, message: &[u8]) -> thrift::Result<Answer> {
    match WireProtocol::detect(message)? {
        WireProtocol::Compact => read_answer(found, sequence, &mut Compact::reader(message)),
        WireProtocol::Json => read_answer(found, sequence, &mut Json::reader(message)),
        _ => read_answer(found, sequence, &mut Binary::reader(message)),
    }
}
