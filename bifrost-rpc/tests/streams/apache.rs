//! Against Apache's crate: its clients and servers, over its transports, in every style and both directions.

use crate::calculator::{CalculatorSyncClient, DivisionByZero, TCalculatorSyncClient};
use crate::calls::every_kind_of_call;
use crate::{DEADLINE, Place, client, processor, serve};
use bifrost_rpc::compat::ApacheService;
use bifrost_rpc::thrift;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use thrift::protocol::{
    TBinaryInputProtocol, TBinaryOutputProtocol, TCompactInputProtocol, TCompactOutputProtocol, TInputProtocol,
    TMultiplexedOutputProtocol, TOutputProtocol,
};
use thrift::server::{TMultiplexedProcessor, TProcessor};
use thrift::transport::{
    TBufferChannel, TBufferedReadTransport, TBufferedWriteTransport, TFramedReadTransport, TFramedWriteTransport,
    TIoChannel, TReadTransport, TTcpChannel, TWriteTransport,
};

/// A way to put messages on a stream with Apache's crate.
#[derive(Debug, Clone, Copy)]
struct Apache {
    is_compact: bool,
    is_framed: bool,
    is_multiplexed: bool,
}

impl Apache {
    fn all() -> impl Iterator<Item = Self> {
        (0..8).map(|n| Self { is_compact: n & 1 != 0, is_framed: n & 2 != 0, is_multiplexed: n & 4 != 0 })
    }

    /// The same as parameters of a URL.
    fn style(self) -> String {
        let protocol = if self.is_compact { "compact" } else { "binary" };
        let transport = if self.is_framed { "framed" } else { "buffered" };
        format!("?protocol={protocol}&transport={transport}&multiplexed={}", self.is_multiplexed)
    }

    fn input(self, read: impl Read + Send + 'static) -> Box<dyn TInputProtocol + Send> {
        let read: Box<dyn TReadTransport + Send> = match self.is_framed {
            true => Box::new(TFramedReadTransport::new(read)),
            false => Box::new(TBufferedReadTransport::new(read)),
        };
        match self.is_compact {
            true => Box::new(TCompactInputProtocol::new(read)),
            false => Box::new(TBinaryInputProtocol::new(read, true)),
        }
    }

    fn output(self, write: impl Write + Send + 'static) -> Box<dyn TOutputProtocol + Send> {
        let write: Box<dyn TWriteTransport + Send> = match self.is_framed {
            true => Box::new(TFramedWriteTransport::new(write)),
            false => Box::new(TBufferedWriteTransport::new(write)),
        };
        match self.is_compact {
            true => Box::new(TCompactOutputProtocol::new(write)),
            false => Box::new(TBinaryOutputProtocol::new(write, true)),
        }
    }

    /// The generated client of Apache's shape, multiplexed or not, does every kind of call.
    fn call(self, read: impl Read + Send + 'static, write: impl Write + Send + 'static, name: &str) {
        let (input, output) = (self.input(read), self.output(write));
        if self.is_multiplexed {
            let output = TMultiplexedOutputProtocol::new("Calculator", output);
            every_kind_of_call(&mut CalculatorSyncClient::new(input, output), name);
        } else {
            every_kind_of_call(&mut CalculatorSyncClient::new(input, output), name);
        }
    }

    fn processor(self) -> Box<dyn TProcessor + Send + Sync> {
        if !self.is_multiplexed {
            return Box::new(processor());
        }
        let mut both = TMultiplexedProcessor::new();
        both.register("Calculator", Box::new(processor()), false).unwrap();
        both.register("Other", Box::new(processor()), false).unwrap();
        Box::new(both)
    }

    /// Serves one connection as Apache's servers do.
    fn serve(self, read: impl Read + Send + 'static, write: impl Write + Send + 'static) {
        let (mut input, mut output) = (self.input(read), self.output(write));
        let processor = self.processor();
        std::thread::spawn(move || while processor.process(&mut *input, &mut *output).is_ok() {});
    }
}

#[test]
fn clients_of_apaches_crate_call_our_servers() {
    for apache in Apache::all() {
        let server = serve(&format!("tcp://127.0.0.1:0{}", apache.style()));
        let mut channel = TTcpChannel::new();
        channel.open(server.addresses()[0]).unwrap();
        channel.set_read_timeout(Some(DEADLINE)).unwrap();
        let (read, write) = channel.split().unwrap();
        apache.call(read, write, &format!("tcp {apache:?}"));

        let place = Place::new();
        let _server = serve(&format!("{}{}", place.url(), apache.style()));
        let (read, write) = UnixStream::connect(place.path()).unwrap().split().unwrap();
        apache.call(read, write, &format!("unix {apache:?}"));
    }
}

#[test]
fn servers_that_leave_the_style_open_take_every_protocol() {
    for transport in ["framed", "buffered"] {
        let server = serve(&format!("tcp://127.0.0.1:0?transport={transport}"));
        for apache in Apache::all().filter(|apache| apache.is_framed == (transport == "framed")) {
            let stream = TcpStream::connect(server.addresses()[0]).unwrap();
            apache.call(stream.try_clone().unwrap(), stream, &format!("{apache:?}"));
        }
    }
}

#[test]
fn our_clients_call_servers_of_apaches_crate() {
    for apache in Apache::all() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            apache.serve(stream.try_clone().unwrap(), stream);
        });
        let url = format!("tcp://{address}{}", apache.style());
        every_kind_of_call(&mut client(&url), &url);

        let place = Place::new();
        let listener = UnixListener::bind(place.path()).unwrap();
        std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            apache.serve(stream.try_clone().unwrap(), stream);
        });
        let url = format!("{}{}", place.url(), apache.style());
        every_kind_of_call(&mut client(&url), &url);
    }
}

#[test]
fn apache_processors_are_served_on_streams() {
    for apache in Apache::all() {
        let methods = ["add", "divide", "repeat", "echo", "noted"];
        let service = ApacheService::new("Calculator", processor(), &methods).oneway("note");
        let server = crate::server(&format!("tcp://127.0.0.1:0{}", apache.style())).service(service).start().unwrap();
        every_kind_of_call(&mut client(&server.url()), &format!("{apache:?}"));
    }
}

/// The client's end of a channel in memory: what is flushed is served, and the answer is there to be read.
struct Turn {
    apache: Apache,
    processor: Box<dyn TProcessor + Send + Sync>,
    sent: TBufferChannel,
    answers: TBufferChannel,
}

impl Write for Turn {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.sent.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let mut served = TBufferChannel::with_capacity(4096, 4096);
        assert!(served.set_readable_bytes(&self.sent.write_bytes()) > 0);
        self.sent.empty_write_buffer();
        let (mut input, mut output) = (self.apache.input(served.clone()), self.apache.output(served.clone()));
        self.processor.process(&mut *input, &mut *output).map_err(std::io::Error::other)?;
        self.answers.empty_read_buffer();
        self.answers.set_readable_bytes(&served.write_bytes());
        Ok(())
    }
}

#[test]
fn generated_code_runs_on_apaches_memory_channel() {
    for apache in Apache::all().filter(|apache| !apache.is_multiplexed) {
        let channel = || TBufferChannel::with_capacity(4096, 4096);
        let answers = channel();
        let turn = Turn { apache, processor: apache.processor(), sent: channel(), answers: answers.clone() };
        let mut client = CalculatorSyncClient::new(apache.input(answers), apache.output(turn));
        assert_eq!(client.add(40, 2).unwrap(), 42, "{apache:?}");
        client.note(5).unwrap();
        assert_eq!(client.noted().unwrap(), 5, "{apache:?}");
        match client.divide(7, 0) {
            Err(thrift::Error::User(error)) => {
                assert_eq!(*error.downcast::<DivisionByZero>().unwrap(), DivisionByZero::new(7));
            }
            other => panic!("{apache:?}: {other:?}"),
        }
    }
}
