//! Sessions that a node claims by calling in them. Who sees a session's packets can claim it before it is known whose it is; its callee
//! knows, and answers nobody else.

use super::super::output::{CallKey, Holder};
use super::cause::Cause;
use super::directory::Directory;
use super::packet::Packet;
use super::session::{Ends, Session, SessionKey, session_of};
use super::{Calls, Stage};
use bifrost_rpc::endpoint::Time;

impl Calls {
    /// The session of a call, made if there is none. What another node has merely claimed of its client is not that node's any more.
    pub(super) fn claim(&mut self, key: SessionKey, ends: Ends) -> Result<&mut Session, Cause> {
        if let Some((of, claims)) = ends.caller.and_then(|caller| self.sessions.mere_claims(key.0, caller)) {
            for (other, never) in claims {
                // Should these come again they still never go on.
                never.into_iter().for_each(|rpc| self.note_abandoned(of, other.1, (other.0, rpc)));
                self.sessions.forget(other);
            }
        }
        self.sessions.open(key, ends, &self.limits)
    }

    /// A callee answers a node in a session in which another has calls under way: it has run none of these. They end, so that a copy of the
    /// answer finds the session merely claimed.
    pub(super) fn end_claimed(&mut self, now: Time, who: &dyn Directory, callee: Holder, packet: &Packet<'_>) {
        let key = session_of((packet.header.client, packet.header.rpc), packet.header.session);
        let to = who.receiver(packet.addresses.destination);
        let is_its = |session: &&Session| session.ends.callee == callee && session.is_of_another(to);
        let Some(session) = self.sessions.at(key).filter(is_its) else { return };
        let open: Vec<CallKey> = session.open.iter().map(|rpc| (key.0, *rpc)).collect();
        open.iter().for_each(|call| _ = self.calls.get_mut(call).map(|call| call.is_strangers = true));
        self.deny_held(&open, Cause::Foreign);
        for call in open {
            if self.calls.get(&call).is_some_and(|call| call.stage == Stage::Released) {
                self.end_leases(now, who, call, Stage::Ending, &[]);
            }
        }
    }
}
