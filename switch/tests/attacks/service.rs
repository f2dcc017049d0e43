//! A service whose callees read what they are passed for as long as a test wants, written by hand as generated code is.

use crate::WAIT;
use bifrost_rpc::node::Node;
use bifrost_rpc::protocol::{Decode, Encode, MessageHeader, Reader, ThriftType, Writer};
use bifrost_rpc::reference::{Ref, Visitor};
use bifrost_rpc::service::{Answer, exception, missing_field, missing_result, reply, unknown_method};
use bifrost_rpc::thrift::protocol::TType;
use bifrost_rpc::wire::Pointer;
use bifrost_rpc::{CallResult, Channel, Dispatch, Method, Server, thrift};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

pub(crate) const NAME: &str = "Keep";
pub(crate) const METHOD: &str = "look";
/// `i64 look(1: binary (bifrost.ref) data)`: how many bytes there are.
const LOOK: Method = Method { service: NAME, name: METHOD, oneway: false, short: false, idempotent: false };

/// A struct of one field: arguments and results.
#[derive(Debug)]
struct One<T, const ID: i16>(Option<T>);

impl<T: ThriftType, const ID: i16> ThriftType for One<T, ID> {
    const TYPE: TType = TType::Struct;
    const HAS_REFERENCES: bool = T::HAS_REFERENCES;
}

impl<T: Encode, const ID: i16> Encode for One<T, ID> {
    fn encode<W: Writer>(&self, w: &mut W) -> thrift::Result<()> {
        w.struct_begin("One")?;
        if let Some(value) = &self.0 {
            value.encode_field(w, "value", ID)?;
        }
        w.field_stop()?;
        w.struct_end()
    }

    fn visit_references(&mut self, visitor: &mut dyn Visitor) -> thrift::Result<()> {
        self.0.as_mut().map_or(Ok(()), |value| value.visit_references(visitor))
    }
}

impl<T: Decode, const ID: i16> Decode for One<T, ID> {
    fn decode<R: Reader>(r: &mut R) -> thrift::Result<Self> {
        let mut value = None;
        r.struct_begin()?;
        loop {
            match r.field_begin()? {
                (TType::Stop, _) => break,
                (found, id) if id == ID && T::accepts(found) => value = Some(T::decode_as(found, r)?),
                (other, _) => r.skip(other)?,
            }
            r.field_end()?;
        }
        r.struct_end()?;
        Ok(Self(value))
    }
}

impl<T: Decode> CallResult for One<T, 0> {
    type Value = T;

    fn into_value(self) -> thrift::Result<T> {
        self.0.ok_or_else(|| missing_result(NAME))
    }
}

/// The service at an honest node.
pub(crate) struct Keep {
    /// What a call brings, read by its callee; it then waits to be let go.
    pub(crate) looked: Receiver<thrift::Result<Vec<u8>>>,
    pub(crate) go: Sender<()>,
    _server: Server,
}

struct Handlers {
    looked: Sender<thrift::Result<Vec<u8>>>,
    go: Mutex<Receiver<()>>,
}

impl Keep {
    pub(crate) fn start(node: &Node) -> Self {
        let ((looking, looked), (go, going)) = (channel(), channel());
        let handlers = Handlers { looked: looking, go: Mutex::new(going) };
        let server = node.server().global_memory(node.memory()).service(handlers).start().unwrap();
        Self { looked, go, _server: server }
    }
}

impl Handlers {
    fn look(&self, data: Ref<Vec<u8>>) -> i64 {
        let read = data.into_value().map_err(thrift::Error::from);
        let len = read.as_ref().map_or(-1, |bytes| i64::try_from(bytes.len()).unwrap());
        // The test may have ended.
        let _ = self.looked.send(read);
        let _ = self.go.lock().unwrap().recv_timeout(WAIT);
        len
    }
}

impl Dispatch for Handlers {
    const SERVICE: &'static str = NAME;
    const METHODS: &'static [Method] = &[LOOK];

    fn dispatch<R: Reader, W: Writer>(
        &self,
        header: &MessageHeader,
        args: &mut R,
        out: &mut W,
    ) -> thrift::Result<Answer> {
        if header.name.as_str() != METHOD {
            return unknown_method(header, args, out);
        }
        match One::<Ref<Vec<u8>>, 1>::decode(args).and_then(|One(value)| value.ok_or(missing_field("look", "data"))) {
            Ok(data) => reply(header, out, One::<i64, 0>(Some(self.look(data)))),
            Err(error) => exception(header, out, error),
        }
    }
}

/// Calls the service from an honest node.
pub(crate) fn look(node: &Node, data: Ref<Vec<u8>>) -> thrift::Result<i64> {
    look_over(&to_service(node), data)
}

/// A channel to the service from an honest node.
pub(crate) fn to_service(node: &Node) -> Channel {
    node.channel().global_memory(node.memory()).deadline(WAIT).connect(&format!("rack://{NAME}")).unwrap()
}

pub(crate) fn look_over(channel: &Channel, data: Ref<Vec<u8>>) -> thrift::Result<i64> {
    channel.call::<_, One<i64, 0>>(&LOOK, One::<_, 1>(Some(data)))
}

/// The message of a call that passes a pointer, in the binary protocol.
pub(crate) fn call_message(pointer: Pointer) -> Vec<u8> {
    let field = [&[16, 0, 1][..], &pointer.to_bytes()].concat();
    message(1, &field)
}

/// The message of its reply.
pub(crate) fn reply_message(len: i64) -> Vec<u8> {
    let field = [&[10, 0, 0][..], &len.to_be_bytes()].concat();
    message(2, &field)
}

fn message(kind: u8, field: &[u8]) -> Vec<u8> {
    let name_len = u32::try_from(METHOD.len()).unwrap().to_be_bytes();
    [&[0x80, 1, 0, kind][..], &name_len, METHOD.as_bytes(), &[0; 4], field, &[0]].concat()
}
