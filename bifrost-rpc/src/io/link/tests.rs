//! Channels and servers on links that report to a control plane.

use super::{FramePort, Link};
use crate::buffer::MessageBuffer;
use crate::service::{Answer, CallContext};
use crate::wire::Pointer;
use crate::wire::control::ReportKind;
use crate::wire::frame::Mac;
use crate::{Channel, Method, Server, Service};
use std::collections::VecDeque;
use std::net::Ipv6Addr;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

type Frames = Arc<(Mutex<VecDeque<Vec<u8>>>, Condvar)>;

/// A cable to the one other node.
#[derive(Debug)]
struct Cable {
    outgoing: Frames,
    incoming: Frames,
    peer: Mac,
}

impl FramePort for Cable {
    fn send(&self, frames: &mut dyn Iterator<Item = &[u8]>) {
        let mut queue = self.outgoing.0.lock().unwrap();
        for frame in frames {
            queue.push_back([&self.peer[..], &frame[6..]].concat());
        }
        self.outgoing.1.notify_all();
    }

    fn receive(&self, wait: Duration, take: &mut dyn FnMut(&[u8])) -> bool {
        let queue = self.incoming.0.lock().unwrap();
        let mut queue = self.incoming.1.wait_timeout_while(queue, wait, |queue| queue.is_empty()).unwrap().0;
        let frames = std::mem::take(&mut *queue);
        drop(queue);
        frames.iter().for_each(|frame| take(frame));
        true
    }
}

fn mac(node: u8) -> Mac {
    [2, 0, 0, 0, 0, node]
}

/// Two nodes of a rack, whose endpoints report.
fn links() -> [Link; 2] {
    let ways: [Frames; 2] = Default::default();
    [(0, 1, 2), (1, 2, 1)].map(|(way, node, peer)| {
        let cable = Cable { outgoing: ways[way].clone(), incoming: ways[1 - way].clone(), peer: mac(peer) };
        let address = Ipv6Addr::new(0xfd00, 0xb1f0, 0, 1, 0, 0, 0, node.into());
        let link = Link::builder().address(address).mac(mac(node)).in_process(cable).unwrap();
        link.reports().turn_on();
        link
    })
}

const SERVICE: &str = "Slow";
const ASK: Method = Method { service: SERVICE, name: "ask", oneway: false, short: false, idempotent: false };
const TELL: Method = Method { service: SERVICE, name: "tell", oneway: true, short: false, idempotent: false };

/// Handlers wait until they are let go.
#[derive(Debug, Default)]
struct Slow {
    running: Mutex<usize>,
    is_let_go: Mutex<bool>,
    changed: Condvar,
}

impl Service for Slow {
    fn name(&self) -> &'static str {
        SERVICE
    }

    fn methods(&self) -> &[Method] {
        &[ASK, TELL]
    }

    fn understands_references(&self) -> bool {
        true
    }

    fn call(&self, _request: &[u8], context: &CallContext, _reply: &mut MessageBuffer) -> thrift::Result<Answer> {
        *self.running.lock().unwrap() += 1;
        self.changed.notify_all();
        let is_held = |let_go: &mut bool| !*let_go;
        drop(self.changed.wait_timeout_while(self.is_let_go.lock().unwrap(), PATIENCE, is_held).unwrap());
        Ok(if context.method == Some(TELL.name) { Answer::Nothing } else { Answer::Reply })
    }
}

impl Slow {
    fn wait_for(&self, running: usize) {
        let few = |now: &mut usize| *now < running;
        let waited = self.changed.wait_timeout_while(self.running.lock().unwrap(), PATIENCE, few).unwrap();
        assert!(!waited.1.timed_out());
    }

    fn let_go(&self) {
        *self.is_let_go.lock().unwrap() = true;
        self.changed.notify_all();
    }
}

/// The next `count` lines of a node's reports, in order.
fn lines(link: &Link, count: usize) -> Vec<ReportKind> {
    let (woken, changed) = (Arc::new((Mutex::new(()), Condvar::new())), Duration::from_millis(10));
    let wake = Arc::clone(&woken);
    link.reports().set_hook(move |_| wake.1.notify_all());
    let mut lines = Vec::new();
    for _ in 0..PATIENCE.as_millis() / changed.as_millis() {
        lines.extend(link.reports().take(count - lines.len()).into_iter().map(|line| line.kind));
        if lines.len() == count {
            break;
        }
        drop(woken.1.wait_timeout(woken.0.lock().unwrap(), changed).unwrap());
    }
    lines
}

fn leasing() -> MessageBuffer {
    let mut message = MessageBuffer::new();
    message.put_pointer(Pointer::new(0xFD, 3, 7));
    message
}

fn start(workers: usize) -> ([Link; 2], Arc<Slow>, Server, Channel) {
    let links = links();
    let slow = Arc::new(Slow::default());
    let builder = Server::builder().link(&links[1]).listen("udp://[::]:7400").references(true).workers(workers);
    let server = builder.shared_service(Arc::clone(&slow) as Arc<dyn Service>).start().unwrap();
    let url = format!("udp://[{}]:7400", links[1].address());
    let channel = Channel::builder().link(&links[0]).connect(&url).unwrap();
    (links, slow, server, channel)
}

#[test]
fn both_ends_of_calls_that_are_given_up_report_and_are_listed() {
    let ([caller, callee], slow, _server, channel) = start(2);
    let pending = channel.start_message(ASK.service, ASK.name, false, leasing()).unwrap();
    channel.start_message(TELL.service, TELL.name, true, leasing()).unwrap().wait().unwrap();
    slow.wait_for(2);
    let list = |link: &Link| link.reports().outstanding((0, 0), 64).0;
    assert_eq!(list(&caller).iter().map(|call| call.is_callee).collect::<Vec<_>>(), [false]);
    assert_eq!(list(&callee).iter().map(|call| call.is_answered).collect::<Vec<_>>(), [false, false]);
    drop(pending);
    assert_eq!(lines(&caller, 1), [ReportKind::Abandoned]);
    assert_eq!(list(&caller), []);
    drop(channel);
    slow.let_go();
    assert_eq!(lines(&callee, 3), [ReportKind::Done, ReportKind::Done, ReportKind::SessionEnded]);
    assert_eq!(list(&callee), []);
    assert_eq!((caller.reports().lost(), callee.reports().lost()), (0, 0));
}

#[test]
fn a_server_that_stops_reports_what_ran_and_what_never_will() {
    let ([caller, callee], slow, server, channel) = start(1);
    let running = channel.start_message(ASK.service, ASK.name, false, leasing()).unwrap();
    slow.wait_for(1);
    channel.start_message(TELL.service, TELL.name, true, leasing()).unwrap().wait().unwrap();
    assert_eq!(callee.reports().outstanding((0, 0), 64).0.len(), 2);
    drop(server);
    // The one in the queue never runs.
    assert_eq!(lines(&callee, 1), [ReportKind::Done]);
    slow.let_go();
    assert_eq!(lines(&callee, 2), [ReportKind::Done, ReportKind::SessionEnded]);
    assert_eq!(*slow.running.lock().unwrap(), 1);
    drop(running);
    assert_eq!(lines(&caller, 1), [ReportKind::Abandoned]);
}
