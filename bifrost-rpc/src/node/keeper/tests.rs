use crate::io::{FramePort, Link};
use crate::node::{JoinError, Node, NodeState};
use std::net::Ipv6Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// What was sent, in all and before anybody waited for an answer.
#[derive(Debug, Default)]
struct Sent {
    frames: AtomicUsize,
    before_wait: OnceLock<usize>,
}

/// A cable that breaks when somebody waits at it.
#[derive(Debug)]
struct Cable(Arc<Sent>);

impl FramePort for Cable {
    fn send(&self, frames: &mut dyn Iterator<Item = &[u8]>) {
        self.0.frames.fetch_add(frames.count(), Ordering::SeqCst);
    }

    fn receive(&self, wait: Duration, _take: &mut dyn FnMut(&[u8])) -> bool {
        if !wait.is_zero() {
            self.0.before_wait.get_or_init(|| self.0.frames.load(Ordering::SeqCst));
        }
        wait.is_zero()
    }
}

#[test]
fn a_node_announces_itself_before_it_waits() {
    let sent = Arc::new(Sent::default());
    let link = Link::builder().address(Ipv6Addr::new(0xfd00, 0, 0, 1, 0, 0, 0, 1)).mac([2; 6]);
    let joined = Node::builder().name("n1").link(link).in_process(Cable(Arc::clone(&sent)));
    assert!(matches!(joined, Err(JoinError::Ended(NodeState::Lost(_)))), "{joined:?}");
    assert_eq!(sent.before_wait.get(), Some(&1));
}
