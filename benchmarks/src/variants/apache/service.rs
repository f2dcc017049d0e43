//! Client and processor of the benchmark services: `Ping`, `Echo`, `Arrays` and `Chain` in one.

use std::cell::RefCell;

use thrift::protocol::{
    TInputProtocol, TMessageIdentifier, TMessageType, TOutputProtocol, verify_expected_message_type,
    verify_expected_sequence_number, verify_expected_service_call,
};
use thrift::server::{TProcessor, handle_process_result};
use thrift::{ApplicationError, ApplicationErrorKind, TThriftClient};

use super::messages::{
    AddArgs, BinaryResult, EchoArgs, Empty, IncrementArgs, IncrementListArgs, ListResult, Message, NumberResult,
    VisitArgs,
};
use crate::points::{Point, reach};
use crate::services::refused;
use crate::{chain, workload};

/// A blocking client.
#[derive(Debug)]
pub(super) struct BenchmarkClient<I, O> {
    input: I,
    output: O,
    sequence: i32,
}

impl<I: TInputProtocol, O: TOutputProtocol> TThriftClient for BenchmarkClient<I, O> {
    fn i_prot_mut(&mut self) -> &mut dyn TInputProtocol {
        &mut self.input
    }

    fn o_prot_mut(&mut self) -> &mut dyn TOutputProtocol {
        &mut self.output
    }

    fn sequence_number(&self) -> i32 {
        self.sequence
    }

    fn increment_sequence_number(&mut self) -> i32 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }
}

impl<I: TInputProtocol, O: TOutputProtocol> BenchmarkClient<I, O> {
    /// Over a connection's two protocols.
    pub(super) fn new(input: I, output: O) -> Self {
        Self { input, output, sequence: 0 }
    }

    /// `void ping()`
    pub(super) fn ping(&mut self) -> thrift::Result<()> {
        call(self, "ping", Empty {}).map(|Empty {}| ())
    }

    /// `binary echo(1: binary data)`
    pub(super) fn echo(&mut self, data: Vec<u8>) -> thrift::Result<Vec<u8>> {
        call(self, "echo", EchoArgs { data }).map(|BinaryResult { value }| value)
    }

    /// `binary increment(1: binary data, 2: i8 amount)`
    pub(super) fn increment(&mut self, data: Vec<u8>, amount: i8) -> thrift::Result<Vec<u8>> {
        call(self, "increment", IncrementArgs { data, amount }).map(|BinaryResult { value }| value)
    }

    /// `list<byte> increment_list(1: list<byte> data, 2: byte amount)`
    pub(super) fn increment_list(&mut self, data: Vec<i8>, amount: i8) -> thrift::Result<Vec<i8>> {
        call(self, "increment_list", IncrementListArgs { data, amount }).map(|ListResult { value }| value)
    }

    /// `binary add(1: binary a, 2: binary b)`
    pub(super) fn add(&mut self, a: Vec<u8>, b: Vec<u8>) -> thrift::Result<Vec<u8>> {
        call(self, "add", AddArgs { a, b }).map(|BinaryResult { value }| value)
    }

    /// `i64 visit(1: binary data, 2: i32 offset)`
    pub(super) fn visit(&mut self, data: Vec<u8>, offset: i32) -> thrift::Result<i64> {
        call(self, "visit", VisitArgs { data, offset }).map(|NumberResult { value }| value)
    }
}

/// One call: the steps of a generated client's method.
fn call<A: Message, R: Message>(client: &mut dyn TThriftClient, method: &str, arguments: A) -> thrift::Result<R> {
    reach(Point::Encoding);
    let sequence = client.increment_sequence_number();
    let output = client.o_prot_mut();
    output.write_message_begin(&TMessageIdentifier::new(method, TMessageType::Call, sequence))?;
    arguments.write(output)?;
    output.write_message_end()?;
    output.flush()?;
    // Generated code gives the arguments up here too: kept until the reply, they would make the heap grow and shrink.
    drop(arguments);

    let input = client.i_prot_mut();
    let message = input.read_message_begin()?;
    verify_expected_sequence_number(sequence, message.sequence_number)?;
    verify_expected_service_call(method, &message.name)?;
    if message.message_type == TMessageType::Exception {
        let error = thrift::Error::read_application_error_from_in_protocol(input)?;
        input.read_message_end()?;
        return Err(thrift::Error::Application(error));
    }
    verify_expected_message_type(TMessageType::Reply, message.message_type)?;
    let result = R::read(input)?;
    input.read_message_end()?;
    reach(Point::Decoded);
    Ok(result)
}

/// A connection to the next service of a chain.
pub(super) type Next = BenchmarkClient<Box<dyn TInputProtocol>, Box<dyn TOutputProtocol>>;

/// Reads a call, does the work, writes the reply.
pub(super) struct BenchmarkProcessor {
    /// The service after this one in a chain; none for the last.
    pub(super) next: RefCell<Option<Next>>,
}

impl BenchmarkProcessor {
    fn visit(&self, data: Vec<u8>, offset: i32) -> thrift::Result<i64> {
        let len = data.len();
        let own = chain::digest(&data[chain::part(len, offset).map_err(refused)?]);
        match self.next.borrow_mut().as_mut() {
            Some(next) => Ok(chain::combined(own, next.visit(data, chain::next_offset(len, own))?)),
            None => Ok(own),
        }
    }
}

impl TProcessor for BenchmarkProcessor {
    fn process(&self, input: &mut dyn TInputProtocol, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
        let message = input.read_message_begin()?;
        let result = match message.name.as_str() {
            "ping" => answer(&message, input, output, |Empty {}| Ok(Empty {})),
            "echo" => answer(&message, input, output, |EchoArgs { data }| Ok(BinaryResult { value: data })),
            "increment" => answer(&message, input, output, |IncrementArgs { mut data, amount }| {
                workload::increment(&mut data, amount);
                Ok(BinaryResult { value: data })
            }),
            "increment_list" => answer(&message, input, output, |IncrementListArgs { mut data, amount }| {
                workload::increment(bytemuck::cast_slice_mut(&mut data), amount);
                Ok(ListResult { value: data })
            }),
            "add" => answer(&message, input, output, |AddArgs { mut a, b }| {
                workload::add(&mut a, &b);
                Ok(BinaryResult { value: a })
            }),
            "visit" => answer(&message, input, output, |VisitArgs { data, offset }| {
                Ok(NumberResult { value: self.visit(data, offset)? })
            }),
            method => Err(thrift::Error::Application(ApplicationError::new(
                ApplicationErrorKind::UnknownMethod,
                format!("unknown method {method}"),
            ))),
        };
        handle_process_result(&message, result, output)
    }
}

/// The steps of a generated processor's method.
fn answer<A: Message, R: Message>(
    message: &TMessageIdentifier,
    input: &mut dyn TInputProtocol,
    output: &mut dyn TOutputProtocol,
    handler: impl FnOnce(A) -> thrift::Result<R>,
) -> thrift::Result<()> {
    let arguments = A::read(input)?;
    input.read_message_end()?;
    reach(Point::Decoded);
    let result = handler(arguments)?;
    reach(Point::Encoding);
    output.write_message_begin(&TMessageIdentifier::new(
        &*message.name,
        TMessageType::Reply,
        message.sequence_number,
    ))?;
    result.write(output)?;
    output.write_message_end()?;
    output.flush()
}
