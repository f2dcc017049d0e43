//! Apache Thrift's own Rust library over TCP, buffered and framed, used as its generated code uses it.

mod messages;
mod noted;
mod service;

use std::cell::RefCell;
use std::fmt::Debug;
use std::net::{SocketAddr, TcpListener, TcpStream};

use anyhow::{Context, Result};
use thrift::protocol::{TBinaryInputProtocol, TBinaryOutputProtocol, TInputProtocol, TOutputProtocol};
use thrift::server::TProcessor;
use thrift::transport::{
    TBufferedReadTransport, TBufferedWriteTransport, TFramedReadTransport, TFramedWriteTransport, TIoChannel,
    TTcpChannel,
};

use super::{Session, Variant};
use crate::server::Setup;
use crate::sockets;
use crate::watchdog::Aborter;
use crate::workload::{Bench, Workload};
use noted::Noted;
use service::{BenchmarkClient, BenchmarkProcessor, Next};

/// `TBufferedReadTransport` and `TBufferedWriteTransport`.
#[derive(Debug)]
pub(crate) struct Buffered;

/// `TFramedReadTransport` and `TFramedWriteTransport`.
#[derive(Debug)]
pub(crate) struct Framed;

/// Makes the two protocols of a connection.
macro_rules! protocols {
    ($stream:expr, $reader:ident, $writer:ident) => {{
        let (read, write) = TTcpChannel::with_stream($stream).split()?;
        let (read, write) = ($reader::new(Noted(read)), $writer::new(Noted(write)));
        (TBinaryInputProtocol::new(read, true), TBinaryOutputProtocol::new(write, true))
    }};
}

/// The two variants differ in the transports' types only.
macro_rules! variant {
    ($variant:ident, $name:literal, $reader:ident, $writer:ident, $benches:pat) => {
        impl Variant for $variant {
            fn name(&self) -> &'static str {
                $name
            }

            fn measures(&self, workload: &Workload) -> bool {
                Bench::BY_VALUE.contains(&workload.bench) || matches!(workload.bench, $benches)
            }

            fn serve(&self, setup: &Setup, ready: &mut dyn FnMut(u16) -> Result<()>) -> Result<()> {
                let next = setup.next;
                serve(setup, ready, move |stream| {
                    let (mut input, mut output) = protocols!(stream, $reader, $writer);
                    let next = next.map(|next| -> Result<Next> {
                        let (input, output) = protocols!(sockets::connect_tcp(next)?, $reader, $writer);
                        Ok(BenchmarkClient::new(Box::new(input), Box::new(output)))
                    });
                    process_all(&mut input, &mut output, next.transpose()?)
                })
            }

            fn connect(&self, _setup: &Setup, server: SocketAddr) -> Result<Box<dyn Session>> {
                let stream = sockets::connect_tcp(server)?;
                let aborted = stream.try_clone().context("cannot duplicate the socket")?;
                let (input, output) = protocols!(stream, $reader, $writer);
                Ok(Box::new(ApacheSession { client: BenchmarkClient::new(input, output), stream: aborted }))
            }
        }
    };
}

variant!(Buffered, "apache-tcp-buffered", TBufferedReadTransport, TBufferedWriteTransport, Bench::Chain);
variant!(Framed, "apache-tcp-framed", TFramedReadTransport, TFramedWriteTransport, Bench::Chain | Bench::Breakdown);

/// One thread for each connection, as long as it lasts.
fn serve(
    setup: &Setup,
    ready: &mut dyn FnMut(u16) -> Result<()>,
    process: impl Fn(TcpStream) -> Result<()> + Clone + Send + 'static,
) -> Result<()> {
    let listener = TcpListener::bind((setup.address, 0)).context("cannot bind a TCP socket")?;
    ready(listener.local_addr()?.port())?;
    sockets::serve_tcp(&listener, move |stream| {
        // Ends with an error when the peer closes the connection, and the peer reports what it missed.
        let _ = process(stream);
    })
}

fn process_all(input: &mut dyn TInputProtocol, output: &mut dyn TOutputProtocol, next: Option<Next>) -> Result<()> {
    let processor = BenchmarkProcessor { next: RefCell::new(next) };
    loop {
        processor.process(input, output)?;
    }
}

/// The library's errors show their kind only; what they hold says what happened.
fn explained(error: thrift::Error) -> anyhow::Error {
    let detail = format!("{error:?}");
    anyhow::Error::new(error).context(detail)
}

/// A client, and its socket to end it by.
#[derive(Debug)]
struct ApacheSession<I, O> {
    client: BenchmarkClient<I, O>,
    stream: TcpStream,
}

impl<I, O> Session for ApacheSession<I, O>
where
    I: TInputProtocol + Debug + Send,
    O: TOutputProtocol + Debug + Send,
{
    fn ping(&mut self) -> Result<()> {
        self.client.ping().map_err(explained)
    }

    fn echo(&mut self, data: Vec<u8>) -> Result<Vec<u8>> {
        self.client.echo(data).map_err(explained)
    }

    fn increment(&mut self, data: Vec<u8>, amount: i8) -> Result<Vec<u8>> {
        self.client.increment(data, amount).map_err(explained)
    }

    fn increment_list(&mut self, data: Vec<i8>, amount: i8) -> Result<Vec<i8>> {
        self.client.increment_list(data, amount).map_err(explained)
    }

    fn add(&mut self, a: Vec<u8>, b: Vec<u8>) -> Result<Vec<u8>> {
        self.client.add(a, b).map_err(explained)
    }

    fn visit(&mut self, data: Vec<u8>, offset: i32) -> Result<i64> {
        self.client.visit(data, offset).map_err(explained)
    }

    fn aborter(&self) -> Result<Option<Aborter>> {
        let stream = self.stream.try_clone().context("cannot duplicate the socket")?;
        Ok(Some(Box::new(move || sockets::shut_down(&stream))))
    }
}
