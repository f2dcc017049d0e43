//! Calls over a channel, by names.

use super::report::Failure;
use crate::dynamic::{Answer, Arguments, read_answer};
use crate::idl::Found;
use anyhow::Result;
use bifrost_rpc::buffer::MessageBuffer;
use bifrost_rpc::protocol::{Binary, Codec, Compact, Json, Limits, WireProtocol};
use bifrost_rpc::{Address, Channel, Method, Style};

/// A channel, and what it calls.
#[derive(Debug)]
pub(super) struct Connection {
    channel: Channel,
    style: Style,
    limits: Limits,
    sequence: i32,
    /// Made by the first call.
    method: Option<Method>,
}

impl Connection {
    /// Calls through a channel to this address.
    pub(super) fn new(channel: Channel, address: Address, limits: Limits) -> Self {
        let style = match address {
            Address::Stream(stream) => stream.style,
            _ => Style::default(),
        };
        Self { channel, style, limits, sequence: 0, method: None }
    }

    /// Makes a call; no answer for a oneway method.
    pub(super) fn call(&mut self, found: Found<'_>, arguments: &Arguments) -> Result<Result<Option<Answer>, Failure>> {
        let method = *self.method.get_or_insert_with(|| descriptor(found));
        self.sequence = self.sequence.wrapping_add(1) & i32::MAX;
        let message = self.message(found, arguments)?;
        let answered = self.channel.call_message(&method, message);
        let read = answered.map_err(thrift::Error::from).and_then(|answer| match answer {
            Some(message) => self.read(found, &message).map(Some),
            None => Ok(None),
        });
        Ok(read.map_err(Failure::of))
    }

    fn message(&self, found: Found<'_>, arguments: &Arguments) -> Result<MessageBuffer> {
        let name = match self.style.multiplexed {
            Some(true) => format!("{}:{}", found.service, found.method.name),
            _ => found.method.name.clone(),
        };
        match self.style.protocol {
            Some(WireProtocol::Compact) => arguments.message::<Compact>(found, &name, self.sequence, self.limits),
            Some(WireProtocol::Json) => arguments.message::<Json>(found, &name, self.sequence, self.limits),
            _ => arguments.message::<Binary>(found, &name, self.sequence, self.limits),
        }
    }

    fn read(&self, found: Found<'_>, message: &[u8]) -> thrift::Result<Answer> {
        let (sequence, limits) = (self.sequence, self.limits);
        match WireProtocol::detect(message)? {
            WireProtocol::Compact => read_answer(found, sequence, &mut Compact::reader_with_limits(message, limits)),
            WireProtocol::Json => read_answer(found, sequence, &mut Json::reader_with_limits(message, limits)),
            _ => read_answer(found, sequence, &mut Binary::reader_with_limits(message, limits)),
        }
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
