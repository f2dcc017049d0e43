//! A service that keeps what it was passed until the test lets it go.

use crate::WAIT;
use crate::generated::keep::{KeepSyncHandler, KeepSyncProcessor};
use bifrost_rpc::node::Node;
use bifrost_rpc::reference::Ref;
use bifrost_rpc::{Server, thrift};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

/// What a running call is told to do.
enum Step {
    Read,
    Return,
}

/// What a running call tells.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Begun,
    Read(Vec<u8>),
    Failed(String),
}

struct Handler {
    steps: Mutex<Receiver<Step>>,
    tell: Sender<Told>,
}

impl KeepSyncHandler for Handler {
    fn handle_look(&self, data: Ref<Vec<u8>>) -> thrift::Result<Ref<Vec<u8>>> {
        self.tell.send(Told::Begun).unwrap();
        // One call after the other does what it is told.
        let steps = self.steps.lock().unwrap();
        while let Ok(Step::Read) = steps.recv_timeout(WAIT) {
            let read = data.len().and_then(|len| data.read_range(0..len));
            self.tell.send(read.map_or_else(|error| Told::Failed(error.to_string()), Told::Read)).unwrap();
        }
        Ok(Ref::by_reference(data.into_value()?))
    }
}

/// The service, at a node.
pub(crate) struct Keep {
    steps: Sender<Step>,
    told: Receiver<Told>,
    _server: Server,
}

impl Keep {
    pub(crate) fn serve(node: &Node) -> Self {
        let ((steps, orders), (tell, told)) = (channel(), channel());
        let handler = Handler { steps: Mutex::new(orders), tell };
        let server = node.server().global_memory(node.memory()).service(KeepSyncProcessor::new(handler));
        Self { steps, told, _server: server.start().unwrap() }
    }

    /// The next that a call tells.
    pub(crate) fn told(&self) -> Told {
        self.told.recv_timeout(WAIT).unwrap()
    }

    /// Whether nothing more was told.
    pub(crate) fn is_silent(&self) -> bool {
        self.told.try_recv().is_err()
    }

    /// What the running call reads where it was pointed to.
    pub(crate) fn read(&self) -> Told {
        self.steps.send(Step::Read).unwrap();
        self.told()
    }

    /// Lets the running call return.
    pub(crate) fn let_go(&self) {
        self.steps.send(Step::Return).unwrap();
    }
}
