//! A service, written by hand as generated code is.

use crate::WAIT;
use crate::rack::{Node, Rack};
use bifrost_rpc::protocol::{Decode, Encode, MessageHeader, Reader, ThriftType, Writer};
use bifrost_rpc::service::{Answer, exception, missing_field, missing_result, reply, unknown_method};
use bifrost_rpc::thrift::protocol::TType;
use bifrost_rpc::{CallResult, Channel, Dispatch, Link, Method, Server, thrift};

pub(crate) const NAME: &str = "Array";

const fn method(name: &'static str) -> Method {
    Method { service: NAME, name, oneway: false, short: true, idempotent: false }
}

/// `i64 who(1: i64 zero)`: the server's number.
const WHO: Method = method("who");
/// `binary echo(1: binary data)`.
const ECHO: Method = method("echo_what_is_there");
pub(crate) const METHODS: &[Method] = &[WHO, ECHO];
/// One that no table knows.
const ABSENT: Method = method("absent");

/// A struct of one field: arguments and results.
#[derive(Debug)]
struct One<T, const ID: i16>(Option<T>);

impl<T, const ID: i16> ThriftType for One<T, ID> {
    const TYPE: TType = TType::Struct;
}

impl<T: Encode, const ID: i16> Encode for One<T, ID> {
    fn encode<W: Writer>(&self, w: &mut W) -> thrift::Result<()> {
        w.struct_begin("One")?;
        if let Some(value) = &self.0 {
            w.field_begin("value", T::TYPE, ID)?;
            value.encode(w)?;
            w.field_end()?;
        }
        w.field_stop()?;
        w.struct_end()
    }
}

impl<T: Decode, const ID: i16> Decode for One<T, ID> {
    fn decode<R: Reader>(r: &mut R) -> thrift::Result<Self> {
        let mut value = None;
        r.struct_begin()?;
        loop {
            match r.field_begin()? {
                (TType::Stop, _) => break,
                (found, id) if id == ID && found == T::TYPE => value = Some(T::decode(r)?),
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

#[derive(Debug)]
struct Handlers(i64);

fn answer<A: Decode, T: Encode, R: Reader, W: Writer>(
    header: &MessageHeader,
    args: &mut R,
    out: &mut W,
    run: impl FnOnce(A) -> T,
) -> thrift::Result<Answer> {
    match One::<A, 1>::decode(args).and_then(|One(value)| value.ok_or(missing_field("arguments", "value"))) {
        Ok(value) => reply(header, out, One::<T, 0>(Some(run(value)))),
        Err(error) => exception(header, out, error),
    }
}

impl Dispatch for Handlers {
    const SERVICE: &'static str = NAME;
    const METHODS: &'static [Method] = METHODS;

    fn dispatch<R: Reader, W: Writer>(
        &self,
        header: &MessageHeader,
        args: &mut R,
        out: &mut W,
    ) -> thrift::Result<Answer> {
        match header.name.as_str() {
            "who" => answer(header, args, out, |_: i64| self.0),
            "echo_what_is_there" => answer(header, args, out, |data: Vec<u8>| data),
            _ => unknown_method(header, args, out),
        }
    }
}

/// Serves at a node, under the instance that the tables know.
pub(crate) fn serve(rack: &Rack, node: Node) -> Server {
    let builder = Server::builder().link(&rack.link(node)).listen("udp://[::]:7400").instance(node.instance());
    builder.service(Handlers(node as i64)).start().unwrap()
}

/// A client that knows the service's name, and nothing else.
#[derive(Debug)]
pub(crate) struct Client(Channel);

impl Client {
    pub(crate) fn connect(link: &Link) -> Self {
        Self(Channel::builder().link(link).deadline(WAIT).connect(&format!("rack://{NAME}")).unwrap())
    }

    pub(crate) fn who(&self) -> i64 {
        self.0.call::<_, One<i64, 0>>(&WHO, One::<i64, 1>(Some(0))).unwrap()
    }

    pub(crate) fn echo(&self, data: Vec<u8>) -> Vec<u8> {
        self.0.call::<_, One<Vec<u8>, 0>>(&ECHO, One::<Vec<u8>, 1>(Some(data))).unwrap()
    }

    pub(crate) fn absent(&self) -> thrift::Result<i64> {
        let channel = self.0.clone().with_deadline(crate::SHORT);
        channel.call::<_, One<i64, 0>>(&ABSENT, One::<i64, 1>(Some(0)))
    }
}

/// Bytes that are not all alike.
pub(crate) fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|i| u8::try_from((i * 7 + i / 251) % 256).unwrap()).collect()
}
