//! Services that somebody wrote without the help of the generator, and badly.

use crate::support::panics::ON_PURPOSE;
use crate::support::probe::{NAP, TOTAL};
use crate::support::{Client, Probe, Watchdog, application_error};
use bifrost_rpc::buffer::MessageBuffer;
use bifrost_rpc::service::{Answer, CallContext};
use bifrost_rpc::thrift::ApplicationErrorKind;
use bifrost_rpc::{Channel, Dispatch, Method, Server, Service, thrift};
use std::time::Duration;

/// `nap` panics, with half an answer written; `total` says that it has no answer.
#[derive(Debug, Default)]
struct Careless(Probe);

impl Service for Careless {
    fn name(&self) -> &'static str {
        Probe::SERVICE
    }

    fn methods(&self) -> &[Method] {
        Probe::METHODS
    }

    fn call(&self, request: &[u8], context: &CallContext, reply: &mut MessageBuffer) -> thrift::Result<Answer> {
        match context.method {
            Some("nap") => {
                reply.put_slice(b"half an answer");
                panic!("{ON_PURPOSE}")
            }
            Some("total") => Ok(Answer::Nothing),
            _ => self.0.call(request, context, reply),
        }
    }
}

#[test]
fn services_that_panic_or_forget_to_answer_are_answered_for() {
    let _watchdog = Watchdog::of("careless services", 60);
    for is_inline in [false, true] {
        let builder = Server::builder().listen("udp://[::1]:0").service(Careless::default()).workers(2);
        let server = builder.inline(is_inline).start().unwrap();
        let client = Client(Channel::builder().deadline(Duration::from_secs(10)).connect(&server.url()).unwrap());
        // More often than there are threads that could end of it.
        for round in 1..=20 {
            assert_eq!(application_error(&client.number(&NAP, 1)), ApplicationErrorKind::InternalError);
            assert_eq!(application_error(&client.number(&TOTAL, 0)), ApplicationErrorKind::MissingResult);
            assert_eq!(client.add(1).unwrap(), round);
        }
        assert_eq!(client.echo(vec![1; 100_000]).unwrap().len(), 100_000);
    }
}
