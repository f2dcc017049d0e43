//! Pointers in calls, and servers that say whether they understand references.

use crate::support::{Probe, Watchdog};
use bifrost_rpc::buffer::MessageBuffer;
use bifrost_rpc::service::{Answer, CallContext};
use bifrost_rpc::wire::{POINTERS_MAX, PassError, Pointer};
use bifrost_rpc::{CallError, Channel, Dispatch, Method, Server, ServerBuilder, Service, thrift};
use std::time::Duration;

/// Answers with the pointers of the call, as bytes; with one of its own as a pointer if the call has none.
#[derive(Debug)]
struct Mirror {
    understands: bool,
}

impl Service for Mirror {
    fn name(&self) -> &'static str {
        Probe::SERVICE
    }

    fn methods(&self) -> &[Method] {
        Probe::METHODS
    }

    fn understands_references(&self) -> bool {
        self.understands
    }

    fn call(&self, _request: &[u8], context: &CallContext, reply: &mut MessageBuffer) -> thrift::Result<Answer> {
        context.pointers.iter().for_each(|pointer| reply.put_slice(&pointer.to_bytes()));
        if context.pointers.is_empty() {
            reply.put_pointer(Pointer::new(1, 1, 1));
        }
        Ok(Answer::Reply)
    }
}

fn serve(understands: bool, set: impl FnOnce(ServerBuilder) -> ServerBuilder) -> (Server, Channel) {
    let builder = Server::builder().listen("udp://[::1]:0").service(Mirror { understands }).references(true).workers(1);
    let server = set(builder).start().unwrap();
    let channel = Channel::builder().deadline(Duration::from_secs(10)).connect(&server.url()).unwrap();
    (server, channel)
}

fn call(channel: &Channel, count: usize) -> Result<Option<Vec<u8>>, CallError> {
    let mut message = MessageBuffer::new();
    (0..count as u64).for_each(|object| message.put_pointer(Pointer::new(1, 2, object)));
    channel.call_message(&Probe::METHODS[0], message)
}

#[test]
fn a_handler_sees_the_pointers_of_its_call() {
    let _watchdog = Watchdog::of("pointers", 60);
    for is_inline in [false, true] {
        let (_server, channel) = serve(true, |builder| builder.inline(is_inline));
        assert_eq!(channel.takes_references(&Probe::METHODS[0]), Ok(true));
        assert_eq!(channel.takes_references(&Probe::METHODS[0]), Ok(true));
        for count in [1, 2, POINTERS_MAX] {
            let expected: Vec<u8> = (0..count as u64).flat_map(|o| Pointer::new(1, 2, o).to_bytes()).collect();
            assert_eq!(call(&channel, count), Ok(Some(expected)));
        }
        assert_eq!(call(&channel, POINTERS_MAX + 1), Err(CallError::Pointers(PassError::TooMany)));
    }
}

#[test]
fn an_answer_with_pointers_that_nobody_asked_for_is_an_internal_error() {
    let _watchdog = Watchdog::of("pointers", 60);
    let (_server, channel) = serve(true, |builder| builder);
    let answer = call(&channel, 0).unwrap().unwrap();
    let text = String::from_utf8_lossy(&answer);
    assert!(text.contains("does not understand references"), "{text}");
}

#[test]
fn servers_that_take_values_only_say_so() {
    let _watchdog = Watchdog::of("values", 60);
    for (_server, channel) in [serve(false, |builder| builder), serve(true, |builder| builder.references(false))] {
        assert_eq!(channel.takes_references(&Probe::METHODS[0]), Ok(false));
        assert_eq!(call(&channel, 1), Err(CallError::Pointers(PassError::NotUnderstood)));
    }
    let channel = Channel::in_process(Mirror { understands: true });
    assert_eq!(channel.takes_references(&Probe::METHODS[0]), Ok(false));
    assert_eq!(call(&channel, 1), Err(CallError::Pointers(PassError::NotUnderstood)));
}

#[test]
fn nobody_to_ask_is_an_error_within_the_deadline() {
    let _watchdog = Watchdog::of("nobody", 60);
    let nobody = std::net::UdpSocket::bind("[::1]:0").unwrap();
    let url = format!("udp://{}", nobody.local_addr().unwrap());
    let channel = Channel::builder().deadline(Duration::from_millis(200)).connect(&url).unwrap();
    let asked = channel.takes_references(&Probe::METHODS[0]);
    assert!(matches!(asked, Err(CallError::Deadline { may_have_run: false, .. })), "{asked:?}");
}
