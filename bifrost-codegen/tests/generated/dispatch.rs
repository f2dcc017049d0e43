//! Processors and clients of ours.

use crate::apache::Handler;
use crate::golden::base::{BaseSyncHandler, RootSyncHandler, TBaseSyncClient, TRootSyncClient};
use crate::golden::services::{
    CapitalsSyncHandler, CapitalsSyncProcessor, RichClient, RichSyncProcessor, TRichSyncClient,
};
use crate::golden::{benchmark, example};
use bifrost_rpc::buffer::MessageBuffer;
use bifrost_rpc::service::{Answer, CallContext, Dispatch, Method, Service};
use bifrost_rpc::thrift::OrderedFloat;
use bifrost_rpc::{Channel, Pending, thrift};

/// A CALL of `method` in strict binary protocol, with these bytes as the struct of its arguments.
fn request(kind: u8, method: &str, args: &[u8]) -> Vec<u8> {
    let len = u32::try_from(method.len()).unwrap().to_be_bytes();
    [&[0x80, 1, 0, kind][..], &len, method.as_bytes(), &[0, 0, 0, 9], args].concat()
}

fn answer(request: &[u8]) -> (Answer, Vec<u8>) {
    answer_by(&RichSyncProcessor::new(Handler::default()), request)
}

fn answer_by(processor: &impl Service, request: &[u8]) -> (Answer, Vec<u8>) {
    let mut reply = MessageBuffer::new();
    let answer = processor.call(request, &CallContext::default(), &mut reply).unwrap();
    (answer, reply.finish().to_vec())
}

#[test]
fn methods_are_described_with_inherited_ones() {
    type P = RichSyncProcessor<Handler>;
    assert_eq!(P::SERVICE, "Rich");
    let names: Vec<_> = P::METHODS.iter().map(|m| m.name).collect();
    assert_eq!(names[..3], ["move", "concat", "by_reference"]);
    assert_eq!(names[names.len() - 3..], ["greet", "poke", "root"]);
    let method = |name: &str| *P::METHODS.iter().find(|m| m.name == name).unwrap();
    let expected = Method { service: "Rich", name: "greet", oneway: false, short: true, idempotent: true };
    assert_eq!(method("greet"), expected);
    assert!(method("move").short && !method("move").idempotent);
    assert!(method("forget_all").oneway && method("poke").oneway);
}

#[test]
fn a_call_is_answered() {
    let (kind, reply) = answer(&request(1, "root", &[0]));
    assert_eq!(kind, Answer::Reply);
    assert_eq!(reply, request(2, "root", &[8, 0, 0, 0, 0, 0, 0, 0]));
}

#[test]
fn a_default_argument_may_be_missing() {
    // from {}, dx 1.0, dy 0.0; `times` is 1.
    let one = [0x3f, 0xf0, 0, 0, 0, 0, 0, 0];
    let args = [&[12, 0, 1, 0, 4, 0, 2][..], &one, &[4, 0, 3], &[0; 8], &[0]].concat();
    let (kind, _) = answer(&request(1, "move", &args));
    assert_eq!(kind, Answer::Reply);
}

#[test]
fn what_cannot_be_answered_is_an_exception() {
    let table: [(&str, &[u8]); 3] = [("nothing", &[0]), ("greet", &[0]), ("greet", &[11, 0, 1, 0x7f, 0, 0, 0])];
    for (method, args) in table {
        let (kind, reply) = answer(&request(1, method, args));
        assert_eq!(kind, Answer::Exception, "{method}");
        assert_eq!(reply[3], 3, "{method}");
    }
    let unknown = answer(&request(1, "nothing", &[0])).1;
    assert!(unknown.ends_with(&[8, 0, 2, 0, 0, 0, 1, 0]), "{unknown:?}");
    let bad = answer(&request(1, "greet", &[0])).1;
    assert!(bad.ends_with(&[8, 0, 2, 0, 0, 0, 7, 0]), "{bad:?}");
}

#[test]
fn oneway_writes_nothing() {
    for args in [&[8, 0, 1, 0, 0, 0, 1, 0][..], &[0]] {
        let (kind, reply) = answer(&request(4, "poke", args));
        assert_eq!((kind, reply.len()), (Answer::Nothing, 0));
    }
}

struct Greeter;

impl RootSyncHandler for Greeter {
    fn handle_root(&self) -> thrift::Result<i32> {
        Ok(0)
    }
}

impl BaseSyncHandler for Greeter {
    fn handle_greet(&self, _name: String) -> thrift::Result<String> {
        Ok("base".to_owned())
    }

    fn handle_poke(&self, _times: i32) -> thrift::Result<()> {
        Ok(())
    }
}

impl CapitalsSyncHandler for Greeter {
    fn handle_greet_(&self, _name: String) -> thrift::Result<String> {
        Ok("capitals".to_owned())
    }
}

#[test]
fn a_method_may_differ_from_an_inherited_one_in_capitals_alone() {
    let processor = CapitalsSyncProcessor::new(Greeter);
    for (method, expected) in [("greet", "base"), ("Greet", "capitals")] {
        let (kind, reply) = answer_by(&processor, &request(1, method, &[11, 0, 1, 0, 0, 0, 0, 0]));
        assert_eq!(kind, Answer::Reply, "{method}");
        assert!(reply.ends_with(&[expected.as_bytes(), &[0]].concat()), "{method}: {reply:?}");
    }
}

/// Code that uses the native client must compile; there is no server here.
#[expect(dead_code, reason = "compiled only")]
fn native(channel: Channel) -> thrift::Result<()> {
    let mut client = RichClient::new(channel.clone()).with_deadline(std::time::Duration::from_millis(5));
    client.root()?;
    client.poke(1)?;
    let half: Pending<OrderedFloat<f64>> = client.start_half(OrderedFloat(1.0))?;
    let greeting = client.start_greet("x".to_owned())?;
    let _: (OrderedFloat<f64>, String) = (half.wait()?, greeting.wait()?);
    let _: Vec<u8> = client.concat(vec![], vec![])?;
    let mut store = example::StoreClient::connect("udp://[::1]:7400")?;
    let _: i64 = example::TStoreSyncClient::put(&mut store, "k".to_owned(), example::Value::Number(1), 0)?;
    let mut echo = benchmark::EchoClient::new(channel);
    let _: Vec<u8> = benchmark::TEchoSyncClient::echo(&mut echo, vec![1])?;
    Ok(())
}
