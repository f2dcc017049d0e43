//! Client and processor of the benchmark services: `Ping`, `Echo` and `Arrays` in one.

use thrift::protocol::{
    TInputProtocol, TMessageIdentifier, TMessageType, TOutputProtocol, verify_expected_message_type,
    verify_expected_sequence_number, verify_expected_service_call,
};
use thrift::server::{TProcessor, handle_process_result};
use thrift::{ApplicationError, ApplicationErrorKind, TThriftClient};

use super::messages::{AddArgs, BinaryResult, EchoArgs, Empty, IncrementArgs, IncrementListArgs, ListResult, Message};
use crate::workload;

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
}

/// One call: the steps of a generated client's method.
fn call<A: Message, R: Message>(client: &mut dyn TThriftClient, method: &str, arguments: A) -> thrift::Result<R> {
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
    Ok(result)
}

/// Reads a call, does the work, writes the reply.
#[derive(Debug)]
pub(super) struct BenchmarkProcessor;

impl TProcessor for BenchmarkProcessor {
    fn process(&self, input: &mut dyn TInputProtocol, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
        let message = input.read_message_begin()?;
        let result = match message.name.as_str() {
            "ping" => answer(&message, input, output, |Empty {}| Empty {}),
            "echo" => answer(&message, input, output, |EchoArgs { data }| BinaryResult { value: data }),
            "increment" => answer(&message, input, output, |IncrementArgs { mut data, amount }| {
                workload::increment(&mut data, amount);
                BinaryResult { value: data }
            }),
            "increment_list" => answer(&message, input, output, |IncrementListArgs { mut data, amount }| {
                workload::increment(bytemuck::cast_slice_mut(&mut data), amount);
                ListResult { value: data }
            }),
            "add" => answer(&message, input, output, |AddArgs { mut a, b }| {
                workload::add(&mut a, &b);
                BinaryResult { value: a }
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
    handler: impl FnOnce(A) -> R,
) -> thrift::Result<()> {
    let arguments = A::read(input)?;
    input.read_message_end()?;
    let result = handler(arguments);
    output.write_message_begin(&TMessageIdentifier::new(
        &*message.name,
        TMessageType::Reply,
        message.sequence_number,
    ))?;
    result.write(output)?;
    output.write_message_end()?;
    output.flush()
}
