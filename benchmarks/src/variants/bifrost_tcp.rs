//! Bifröst's generated code over Apache's framed TCP transport: the codec's share of the difference.

use super::{Session, Variant};
use crate::server::Setup;
use crate::services::Handler;
use crate::services::benchmark::{
    ArraysSyncClient, ArraysSyncProcessor, EchoSyncClient, EchoSyncProcessor, PingSyncClient, PingSyncProcessor,
    TArraysSyncClient, TEchoSyncClient, TPingSyncClient,
};
use crate::sockets;
use crate::watchdog::Aborter;
use crate::workload::Bench;
use anyhow::{Context, Result};
use std::fmt::Debug;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use thrift::protocol::{TBinaryInputProtocol, TBinaryOutputProtocol};
use thrift::server::TProcessor;
use thrift::transport::{ReadHalf, TFramedReadTransport, TFramedWriteTransport, TIoChannel, TTcpChannel, WriteHalf};

/// The generated clients and processors with Apache's protocols and transports.
#[derive(Debug)]
pub(crate) struct BifrostTcp;

type Input = TBinaryInputProtocol<TFramedReadTransport<ReadHalf<TTcpChannel>>>;
type Output = TBinaryOutputProtocol<TFramedWriteTransport<WriteHalf<TTcpChannel>>>;

fn protocols(stream: TcpStream) -> Result<(Input, Output)> {
    let (read, write) = TTcpChannel::with_stream(stream).split()?;
    let input = TBinaryInputProtocol::new(TFramedReadTransport::new(read), true);
    Ok((input, TBinaryOutputProtocol::new(TFramedWriteTransport::new(write), true)))
}

impl Variant for BifrostTcp {
    fn name(&self) -> &'static str {
        "bifrost-tcp"
    }

    fn serve(&self, setup: &Setup, ready: &mut dyn FnMut(u16) -> Result<()>) -> Result<()> {
        let listener = TcpListener::bind((setup.address, 0)).context("cannot bind a TCP socket")?;
        ready(listener.local_addr()?.port())?;
        let processor: Arc<dyn TProcessor + Send + Sync> = match setup.workload.bench {
            Bench::Ping | Bench::Rate => Arc::new(PingSyncProcessor::new(Handler)),
            Bench::Echo => Arc::new(EchoSyncProcessor::new(Handler)),
            _ => Arc::new(ArraysSyncProcessor::new(Handler)),
        };
        sockets::serve_tcp(&listener, move |stream| {
            let Ok((mut input, mut output)) = protocols(stream) else { return };
            // Ends with an error when the peer closes the connection, and the peer reports what it missed.
            while processor.process(&mut input, &mut output).is_ok() {}
        })
    }

    fn connect(&self, _setup: &Setup, server: SocketAddr) -> Result<Box<dyn Session>> {
        let stream = sockets::connect_tcp(server)?;
        let again = || stream.try_clone().context("cannot duplicate the socket");
        let (ping, echo, arrays) = (protocols(again()?)?, protocols(again()?)?, protocols(again()?)?);
        Ok(Box::new(TcpSession {
            ping: PingSyncClient::new(ping.0, ping.1),
            echo: EchoSyncClient::new(echo.0, echo.1),
            arrays: ArraysSyncClient::new(arrays.0, arrays.1),
            stream,
        }))
    }
}

/// The three clients share one connection, of which a workload uses one.
struct TcpSession {
    ping: PingSyncClient<Input, Output>,
    echo: EchoSyncClient<Input, Output>,
    arrays: ArraysSyncClient<Input, Output>,
    stream: TcpStream,
}

impl Debug for TcpSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TcpSession").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl Session for TcpSession {
    fn ping(&mut self) -> Result<()> {
        Ok(self.ping.ping()?)
    }

    fn echo(&mut self, data: Vec<u8>) -> Result<Vec<u8>> {
        Ok(self.echo.echo(data)?)
    }

    fn increment(&mut self, data: Vec<u8>, amount: i8) -> Result<Vec<u8>> {
        Ok(self.arrays.increment(data, amount)?)
    }

    fn increment_list(&mut self, data: Vec<i8>, amount: i8) -> Result<Vec<i8>> {
        Ok(self.arrays.increment_list(data, amount)?)
    }

    fn add(&mut self, a: Vec<u8>, b: Vec<u8>) -> Result<Vec<u8>> {
        Ok(self.arrays.add(a, b)?)
    }

    fn aborter(&self) -> Result<Option<Aborter>> {
        let stream = self.stream.try_clone().context("cannot duplicate the socket")?;
        Ok(Some(Box::new(move || sockets::shut_down(&stream))))
    }
}
