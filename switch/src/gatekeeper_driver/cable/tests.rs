use super::*;
use bifrost_rpc::wire::frame::{FrameAddresses, Sum};

/// A port that notes what is sent.
#[derive(Debug, Default)]
struct Notes(Mutex<Vec<Vec<u8>>>);

impl FramePort for Notes {
    fn send(&self, frames: &mut dyn Iterator<Item = &[u8]>) {
        lock(&self.0).extend(frames.map(<[u8]>::to_vec));
    }

    fn receive(&self, _wait: Duration, _take: &mut dyn FnMut(&[u8])) -> bool {
        false
    }
}

const PREFIX: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xb1f0, 0, 1, 0, 0, 0, 0);
const MAC: Mac = [2, 0, 0, 0, 0, 4];

fn root(server: u8) -> Ipv6Addr {
    Pointer::new(0xfd, server, 0).address()
}

fn frame(source: Ipv6Addr, destination: Ipv6Addr) -> Vec<u8> {
    let addresses = FrameAddresses {
        source_mac: [2; 6],
        destination_mac: [4; 6],
        source,
        destination,
        source_port: 7401,
        destination_port: 50_000,
    };
    let mut sum = Sum::default();
    sum.add(b"body");
    [&addresses.headers(4, sum).unwrap()[..], b"body"].concat()
}

fn cable() -> (Arc<Notes>, Arc<Cable>) {
    let notes = Arc::new(Notes::default());
    let waker = Waker::new(notes.clone(), Duration::ZERO);
    let cable = Cable::new(notes.clone(), PREFIX, 0xfd, waker);
    cable.set_place(1, Some((7, MAC)));
    (notes, cable)
}

fn received(cable: &Arc<Cable>) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    CableEnd(Arc::clone(cable)).receive(Duration::ZERO, &mut |frame| frames.push(frame.to_vec()));
    frames
}

#[test]
fn a_frame_to_a_server_leaves_by_its_port() {
    let (notes, cable) = cable();
    let frames = [frame(cable.own(), root(1)), frame(cable.own(), root(2)), frame(cable.own(), PREFIX)];
    CableEnd(Arc::clone(&cable)).send(&mut frames.iter().map(Vec::as_slice));
    let sent = lock(&notes.0).clone();
    assert_eq!(sent.len(), 1, "only what is for a server that is there");
    assert_eq!(sent[0][..14], [1, 0, 0, 7, 0, 0, 0, 0, 2, 0, 0, 0, 0, 4]);
    assert_eq!(sent[0][14..], frames[0][6..]);
}

#[test]
fn an_answer_is_taken_from_the_servers_port_alone() {
    let (_, cable) = cable();
    let answer = frame(root(1), cable.own());
    assert!(!cable.deliver(8, &answer), "another port");
    assert!(!cable.deliver(7, &frame(root(2), cable.own())), "another server");
    assert!(!cable.deliver(7, &frame(PREFIX, cable.own())), "no server");
    assert!(!cable.deliver(7, &frame(root(1), PREFIX)), "for somebody else");
    assert!(!cable.deliver(7, &answer[..20]), "no datagram");
    assert!(received(&cable).is_empty());
    assert!(cable.deliver(7, &answer));
    assert_eq!(received(&cable), std::slice::from_ref(&answer));
    cable.set_place(1, None);
    assert!(!cable.deliver(7, &answer), "it is gone");
}

#[test]
fn what_nobody_reads_is_bounded() {
    let (_, cable) = cable();
    let answer = frame(root(1), cable.own());
    for _ in 0..2 * WAITING_MAX {
        cable.deliver(7, &answer);
    }
    assert_eq!(received(&cable).len(), WAITING_MAX);
}

#[test]
fn a_closed_cable_no_longer_waits() {
    let (_, cable) = cable();
    cable.close();
    assert!(!CableEnd(cable).receive(Duration::from_secs(60), &mut |_| {}));
}
