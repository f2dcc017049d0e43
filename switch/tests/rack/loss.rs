//! What is lost on the way to the switch, or from it, is sent again.

use crate::rack::{By, Node, Rack, Through};
use crate::service::{Client, bytes, serve};
use bifrost_rpc::{FramePort, Link};
use bifrost_switch::daemon::LocalPort;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// Loses each so many.
#[derive(Debug)]
struct Loss {
    each: usize,
    seen: AtomicUsize,
}

impl Loss {
    fn new(each: usize) -> Self {
        Self { each, seen: AtomicUsize::new(0) }
    }

    fn passes(&self) -> bool {
        !(self.seen.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(self.each)
    }
}

/// A cable with a loose contact.
#[derive(Debug)]
struct Lossy {
    port: LocalPort,
    loss: Loss,
}

impl FramePort for Lossy {
    fn send(&self, frames: &mut dyn Iterator<Item = &[u8]>) {
        FramePort::send(&self.port, &mut frames.filter(|_| self.loss.passes()));
    }

    fn receive(&self, wait: Duration, take: &mut dyn FnMut(&[u8])) -> bool {
        let lossy = &mut |frame: &[u8]| {
            if self.loss.passes() {
                take(frame);
            }
        };
        FramePort::receive(&self.port, wait, lossy)
    }
}

fn many_calls(link: &Link, rack: &Rack) {
    let _servers = [serve(rack, Node::First), serve(rack, Node::Second)];
    let client = Client::connect(link);
    for round in 0..60 {
        let data = bytes(if round % 20 == 0 { 400_000 } else { 100 });
        assert!(client.echo(data.clone()) == data);
    }
}

#[test]
fn loss_on_a_cable_is_recovered() {
    Through::each().for_each(on_a_cable);
}

fn on_a_cable(through: Through) {
    let rack = Rack::start(through, By::Cable);
    let node = Node::Client;
    let cable = Lossy { port: rack.local(node), loss: Loss::new(9) };
    let link = Link::builder().address(node.address()).mac(node.mac()).in_process(cable).unwrap();
    many_calls(&link, &rack);
}

#[test]
fn loss_on_a_tunnel_is_recovered() {
    Through::each().for_each(on_a_tunnel);
}

fn on_a_tunnel(through: Through) {
    let rack = Rack::start(through, By::Tunnel);
    let (near, far) = (UdpSocket::bind("[::1]:0").unwrap(), UdpSocket::bind("[::1]:0").unwrap());
    far.connect(rack.tunnels()).unwrap();
    let relayed = near.local_addr().unwrap();
    let (stop, loss) = (AtomicBool::new(false), Loss::new(9));
    let node = std::sync::Mutex::new(None);
    std::thread::scope(|scope| {
        for (from, to, learns) in [(&near, &far, true), (&far, &near, false)] {
            let (node, stop, loss) = (&node, &stop, &loss);
            from.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
            scope.spawn(move || {
                let mut buffer = vec![0; 65_536];
                while !stop.load(Ordering::Acquire) {
                    let Ok((bytes, source)) = from.recv_from(&mut buffer) else { continue };
                    if learns {
                        *node.lock().unwrap() = Some(source);
                    }
                    let node = *node.lock().unwrap();
                    if loss.passes() {
                        // A socket that is full loses more.
                        let _ = if learns {
                            to.send(&buffer[..bytes])
                        } else {
                            to.send_to(&buffer[..bytes], node.unwrap())
                        };
                    }
                }
            });
        }
        let tested = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            many_calls(&rack.tunnel(Node::Client, relayed), &rack);
        }));
        stop.store(true, Ordering::Release);
        tested.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}
