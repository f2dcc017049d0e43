//! A part of the calculator written by hand with nothing but Apache's `thrift` crate, in the manner of its compiler.

use bifrost_rpc::thrift;
use std::sync::atomic::{AtomicI32, Ordering};
use thrift::protocol::{
    TFieldIdentifier, TInputProtocol, TMessageIdentifier, TMessageType, TOutputProtocol, TStructIdentifier, TType,
    verify_expected_message_type, verify_expected_sequence_number, verify_expected_service_call,
};
use thrift::server::{TProcessor, handle_process_result};

/// A struct of `i32` fields, which is all that arguments and results are here.
#[derive(Debug, Default)]
struct Numbers(Vec<(i16, i32)>);

impl Numbers {
    fn field(&self, id: i16) -> thrift::Result<i32> {
        let found = self.0.iter().find(|(found, _)| *found == id);
        found.map(|(_, number)| *number).ok_or_else(|| thrift::Error::from("a field is missing"))
    }

    fn read(input: &mut dyn TInputProtocol) -> thrift::Result<Self> {
        let mut numbers = Self::default();
        input.read_struct_begin()?;
        loop {
            let field = input.read_field_begin()?;
            match (field.field_type, field.id) {
                (TType::Stop, _) => break,
                (TType::I32, Some(id)) => numbers.0.push((id, input.read_i32()?)),
                (other, _) => input.skip(other)?,
            }
            input.read_field_end()?;
        }
        input.read_struct_end()?;
        Ok(numbers)
    }

    fn write(&self, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
        output.write_struct_begin(&TStructIdentifier::new("numbers"))?;
        for (id, number) in &self.0 {
            output.write_field_begin(&TFieldIdentifier::new("number", TType::I32, *id))?;
            output.write_i32(*number)?;
            output.write_field_end()?;
        }
        output.write_field_stop()?;
        output.write_struct_end()
    }
}

/// The client's side.
#[derive(Debug)]
pub(crate) struct ByHandClient<IP, OP> {
    input: IP,
    output: OP,
    sequence: i32,
}

impl<IP: TInputProtocol, OP: TOutputProtocol> ByHandClient<IP, OP> {
    pub(crate) fn new(input: IP, output: OP) -> Self {
        Self { input, output, sequence: 0 }
    }

    pub(crate) fn add(&mut self, left: i32, right: i32) -> thrift::Result<i32> {
        self.send("add", TMessageType::Call, &Numbers(vec![(1, left), (2, right)]))?;
        self.receive("add")?.field(0)
    }

    pub(crate) fn note(&mut self, by: i32) -> thrift::Result<()> {
        self.send("note", TMessageType::OneWay, &Numbers(vec![(1, by)]))
    }

    pub(crate) fn noted(&mut self) -> thrift::Result<i32> {
        self.send("noted", TMessageType::Call, &Numbers::default())?;
        self.receive("noted")?.field(0)
    }

    fn send(&mut self, name: &str, kind: TMessageType, args: &Numbers) -> thrift::Result<()> {
        self.sequence += 1;
        self.output.write_message_begin(&TMessageIdentifier::new(name, kind, self.sequence))?;
        args.write(&mut self.output)?;
        self.output.write_message_end()?;
        self.output.flush()
    }

    fn receive(&mut self, name: &str) -> thrift::Result<Numbers> {
        let header = self.input.read_message_begin()?;
        verify_expected_sequence_number(self.sequence, header.sequence_number)?;
        verify_expected_service_call(name, &header.name)?;
        if header.message_type == TMessageType::Exception {
            let error = thrift::Error::read_application_error_from_in_protocol(&mut self.input)?;
            self.input.read_message_end()?;
            return Err(thrift::Error::Application(error));
        }
        verify_expected_message_type(TMessageType::Reply, header.message_type)?;
        let result = Numbers::read(&mut self.input)?;
        self.input.read_message_end()?;
        Ok(result)
    }
}

/// The server's side.
#[derive(Debug, Default)]
pub(crate) struct ByHandProcessor {
    noted: AtomicI32,
}

impl ByHandProcessor {
    fn answer(header: &TMessageIdentifier, output: &mut dyn TOutputProtocol, number: i32) -> thrift::Result<()> {
        let name = header.name.clone();
        output.write_message_begin(&TMessageIdentifier::new(name, TMessageType::Reply, header.sequence_number))?;
        Numbers(vec![(0, number)]).write(output)?;
        output.write_message_end()?;
        output.flush()
    }
}

impl TProcessor for ByHandProcessor {
    fn process(&self, input: &mut dyn TInputProtocol, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
        let header = input.read_message_begin()?;
        let args = Numbers::read(input)?;
        input.read_message_end()?;
        let done = match header.name.as_str() {
            "add" => Self::answer(&header, output, args.field(1)? + args.field(2)?),
            "noted" => Self::answer(&header, output, self.noted.load(Ordering::SeqCst)),
            "note" => {
                self.noted.fetch_add(args.field(1)?, Ordering::SeqCst);
                Ok(())
            }
            other => Err(thrift::new_application_error(thrift::ApplicationErrorKind::UnknownMethod, other)),
        };
        handle_process_result(&header, done, output)
    }
}
