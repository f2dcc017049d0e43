//! Services and calls that note the points they reach: what `breakdown` runs.

use bifrost_rpc::buffer::MessageBuffer;
use bifrost_rpc::memory::GlobalMemory;
use bifrost_rpc::protocol::{Decode, Encode, Reader, ThriftType, Writer};
use bifrost_rpc::reference::{Ref, Visitor};
use bifrost_rpc::service::Answer;
use bifrost_rpc::{CallContext, CallResult, Channel, Dispatch, Method, Service};
use thrift::protocol::TType;

use super::benchmark::{
    ArraysIncrementArgs, ArraysIncrementResult, ArraysSyncHandler, ArraysSyncProcessor, SharedArraysIncrementArgs,
    SharedArraysIncrementResult, SharedArraysSyncHandler, SharedArraysSyncProcessor,
};
use super::{Handler, SharedHandler};
use crate::points::{Point, reach};

/// Notes what happens around the service, handler, arguments or result inside.
#[derive(Debug, Clone)]
pub(crate) struct Stamped<T>(pub(crate) T);

impl<S: Service> Service for Stamped<S> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn methods(&self) -> &[Method] {
        self.0.methods()
    }

    fn understands_references(&self) -> bool {
        self.0.understands_references()
    }

    fn call(&self, request: &[u8], context: &CallContext, reply: &mut MessageBuffer) -> thrift::Result<Answer> {
        reach(Point::Received);
        let answer = self.0.call(request, context, reply);
        reach(Point::Encoded);
        answer
    }
}

fn handled<T>(handle: impl FnOnce() -> T) -> T {
    reach(Point::Decoded);
    let result = handle();
    reach(Point::Encoding);
    result
}

impl<H: ArraysSyncHandler> ArraysSyncHandler for Stamped<H> {
    fn handle_increment(&self, data: Vec<u8>, amount: i8) -> thrift::Result<Vec<u8>> {
        handled(|| self.0.handle_increment(data, amount))
    }

    fn handle_add(&self, a: Vec<u8>, b: Vec<u8>) -> thrift::Result<Vec<u8>> {
        handled(|| self.0.handle_add(a, b))
    }

    fn handle_increment_list(&self, data: Vec<i8>, amount: i8) -> thrift::Result<Vec<i8>> {
        handled(|| self.0.handle_increment_list(data, amount))
    }
}

/// A handler, with the memory of its results.
#[derive(Debug, Clone)]
pub(crate) struct StampedShared<H>(pub(crate) H, pub(crate) GlobalMemory);

impl<H: SharedArraysSyncHandler> SharedArraysSyncHandler for StampedShared<H> {
    /// Storing the result belongs to the computation, not to the encoding, in which the runtime does it.
    fn handle_increment(&self, data: Ref<Vec<u8>>, amount: i8) -> thrift::Result<Ref<Vec<u8>>> {
        handled(|| {
            let result = self.0.handle_increment(data, amount)?;
            Ok(Ref::from(self.1.store(result.into_value()?)?))
        })
    }

    fn handle_add(&self, a: Ref<Vec<u8>>, b: Ref<Vec<u8>>) -> thrift::Result<Ref<Vec<u8>>> {
        handled(|| self.0.handle_add(a, b))
    }
}

impl<T: ThriftType> ThriftType for Stamped<T> {
    const TYPE: TType = T::TYPE;
    const HAS_REFERENCES: bool = T::HAS_REFERENCES;
}

impl<A: Encode> Encode for Stamped<A> {
    fn encode<W: Writer>(&self, w: &mut W) -> thrift::Result<()> {
        self.0.encode(w)
    }

    fn encode_owned<W: Writer>(self, w: &mut W) -> thrift::Result<()> {
        let result = self.0.encode_owned(w);
        reach(Point::Encoded);
        result
    }

    fn visit_references(&mut self, visitor: &mut dyn Visitor) -> thrift::Result<()> {
        self.0.visit_references(visitor)
    }
}

impl<R: Decode> Decode for Stamped<R> {
    fn decode<I: Reader>(r: &mut I) -> thrift::Result<Self> {
        reach(Point::Received);
        R::decode(r).map(Self)
    }
}

impl<R: CallResult> CallResult for Stamped<R> {
    type Value = R::Value;

    fn into_value(self) -> thrift::Result<Self::Value> {
        self.0.into_value()
    }
}

/// A call as the generated client makes it.
fn call<A: Encode, R: CallResult>(channel: &Channel, method: &'static Method, args: A) -> thrift::Result<R::Value> {
    reach(Point::Encoding);
    let result = channel.call::<_, Stamped<R>>(method, Stamped(args));
    reach(Point::Decoded);
    result
}

const INCREMENT: &Method = &<ArraysSyncProcessor<Handler> as Dispatch>::METHODS[0];
const SHARED_INCREMENT: &Method = &<SharedArraysSyncProcessor<SharedHandler> as Dispatch>::METHODS[0];

/// `Arrays.increment`.
pub(crate) fn increment(channel: &Channel, data: Vec<u8>, amount: i8) -> thrift::Result<Vec<u8>> {
    call::<_, ArraysIncrementResult>(channel, INCREMENT, ArraysIncrementArgs { data, amount })
}

/// `SharedArrays.increment`.
pub(crate) fn shared_increment(channel: &Channel, data: Ref<Vec<u8>>, amount: i8) -> thrift::Result<Ref<Vec<u8>>> {
    let args = SharedArraysIncrementArgs { data, amount };
    call::<_, SharedArraysIncrementResult>(channel, SHARED_INCREMENT, args)
}
