//! What comes from callees: REPLY, EXCEPTION, REFUSED and DONE.

use super::super::checks::Check;
use super::super::output::{CallKey, Holder};
use super::call::Call;
use super::cause::Cause;
use super::directory::{Directory, Place};
use super::objects::{ObjectKey, key_of};
use super::packet::Packet;
use super::session::{Ends, Past, Session, session_of};
use super::{Calls, Stage};
use bifrost_rpc::endpoint::Time;
use bifrost_rpc::wire::{Flags, PacketType, Pointer, Refusal, RefusedBody};

impl Calls {
    /// REPLY or EXCEPTION, the fragment at offset 0.
    pub(super) fn handle_answer(&mut self, now: Time, who: &dyn Directory, packet: &Packet<'_>) -> Result<(), Cause> {
        let callee = self.answerer(who, packet)?;
        self.end_claimed(now, who, callee, packet);
        let key = (packet.header.client, packet.header.rpc);
        if !self.calls.contains_key(&key) {
            // Tracked, and nothing else; or a copy.
            let is_plain = !packet.is_leased() && packet.pointers.is_empty();
            if is_plain || self.is_known_end(who, callee, packet)? {
                self.pass(packet);
                return Ok(());
            }
            self.begin_with_answer(who, callee, packet)?;
        }
        let call = self.called(key, callee, who, packet)?;
        match call.stage {
            Stage::Released => {
                (call.kept, call.is_unsure) = (Some(packet.frame.to_vec()), false);
                self.end_with_answer(now, who, key, packet);
                Ok(())
            }
            Stage::Answered if call.kept.is_some() => {
                call.kept = Some(packet.frame.to_vec());
                Err(Cause::Copy)
            }
            Stage::Answered | Stage::Ending => Err(Cause::Copy),
            Stage::Held => Err(Cause::NotCalled),
        }
    }

    /// The node that answers: the one of the instance.
    fn answerer(&self, who: &dyn Directory, packet: &Packet<'_>) -> Result<Holder, Cause> {
        let callee = self.sender(who, packet)?;
        if packet.is_to_callee() || packet.header.rpc == 0 {
            return Err(Cause::Malformed);
        }
        match who.place(packet.header.instance) {
            Place::Live(of) if of == callee => Ok(callee),
            _ => Err(Cause::NotCalled),
        }
    }

    /// The call that a packet of its callee names.
    fn called(
        &mut self,
        key: CallKey,
        callee: Holder,
        who: &dyn Directory,
        packet: &Packet<'_>,
    ) -> Result<&mut Call, Cause> {
        let header = &packet.header;
        let to = who.receiver(packet.addresses.destination);
        let call = self.calls.get_mut(&key).ok_or(Cause::NotCalled)?;
        let is_right = call.callee == callee && call.session == header.session && call.instance == header.instance;
        if !is_right {
            return Err(Cause::NotCalled);
        }
        // A caller that is gone gets nothing, and its address may be another's by now.
        if call.caller != to && call.caller.is_some_and(|caller| !self.objects.has_ended(caller)) {
            return Err(Cause::NotCalled);
        }
        Ok(call)
    }

    /// Whether a packet is of a call that has ended, so that it is a copy and goes on.
    fn is_known_end(&self, who: &dyn Directory, callee: Holder, packet: &Packet<'_>) -> Result<bool, Cause> {
        let header = &packet.header;
        let to = who.receiver(packet.addresses.destination);
        let is_its = |session: &&Session| session.ends.callee == callee && !session.is_of_another(to);
        let session = self.sessions.at(session_of((header.client, header.rpc), header.session));
        let Some(session) = session.filter(is_its) else { return Ok(false) };
        match session.past(header.rpc) {
            Past::None => Ok(false),
            Past::Ended => Ok(true),
            Past::Below => Err(Cause::Ended),
            Past::Never(_) => Err(Cause::NotCalled),
        }
    }

    /// A call without pointers, which went by unseen, has an answer with some.
    fn begin_with_answer(&mut self, who: &dyn Directory, callee: Holder, packet: &Packet<'_>) -> Result<(), Cause> {
        let header = &packet.header;
        if packet.is_leased() || packet.pointers.is_empty() {
            return Err(Cause::NotCalled);
        }
        let caller = who.receiver(packet.addresses.destination).ok_or(Cause::Abandoned)?;
        if self.calls.len() >= self.limits.calls_max || self.calls_of(caller) >= self.limits.calls_of_node_max {
            return Err(Cause::Full);
        }
        let ends = Ends { caller: Some(caller), callee, instance: header.instance };
        let key = (header.client, header.rpc);
        let is_abandoned = self.was_abandoned(caller, session_of(key, header.session), key);
        let session = self.claim(session_of(key, header.session), ends)?;
        session.open.insert(header.rpc);
        let mut call = Call::known(ends, header.session);
        call.method = header.method;
        call.is_abandoned = is_abandoned;
        self.begin_load(caller);
        self.calls.insert(key, call);
        Ok(())
    }

    /// A call's answer is held, its leases end, and its caller gets what the answer returns.
    fn end_with_answer(&mut self, now: Time, who: &dyn Directory, key: CallKey, packet: &Packet<'_>) {
        let Some(call) = self.calls.get_mut(&key) else { return };
        if call.caller.is_none() {
            call.caller = who.receiver(packet.addresses.destination);
            call.caller.into_iter().for_each(|caller| self.begin_load(caller));
        }
        let Some(call) = self.calls.get_mut(&key) else { return };
        let (callee, is_reply) = (call.callee, packet.header.kind == PacketType::Reply);
        if !self.checks.makes(Check::AnswerHeld) {
            let frame = call.kept.take();
            frame.into_iter().for_each(|frame| self.send_on(frame));
        }
        let Some(call) = self.calls.get_mut(&key) else { return };
        let is_gone = call.caller.is_none_or(|caller| self.objects.has_ended(caller));
        if is_gone {
            call.kept = None;
        }
        let returned = if is_reply { &packet.pointers[..] } else { &[] };
        if (!call.is_abandoned || !self.checks.makes(Check::Reclaim)) && !is_gone {
            return self.end_leases(now, who, key, Stage::Answered, returned);
        }
        self.reclaim_given(who, key, callee, returned);
        self.end_leases(now, who, key, Stage::Answered, &[]);
    }

    /// What an answer returns that nobody wants is freed on behalf of its callee; but nobody gives itself what it has passed to itself.
    fn reclaim_given(&mut self, who: &dyn Directory, key: CallKey, callee: Holder, returned: &[Pointer]) {
        let call = self.calls.get(&key).filter(|call| call.caller == Some(callee));
        let own: Vec<ObjectKey> =
            call.into_iter().flat_map(|call| &call.pointers).map(|pointer| key_of(*pointer)).collect();
        let is_given = |pointer: &Pointer| who.has_server(pointer.server()) && !own.contains(&key_of(*pointer));
        let given: Vec<Pointer> = returned.iter().copied().filter(is_given).collect();
        self.reclaim(key, callee, &given);
    }

    /// REFUSED with LEASED. BUSY changes nothing: a copy of the call may still be on its way to its callee. Sealed refusals with LEASED are none.
    pub(super) fn handle_refused(&mut self, now: Time, who: &dyn Directory, packet: &Packet<'_>) -> Result<(), Cause> {
        let is_sealed = packet.header.flags.has(Flags::SEALED);
        let refusal = RefusedBody::parse(packet.body).ok().filter(|_| !is_sealed).map(|body| body.refusal);
        self.end_without_answer(now, who, packet, refusal)
    }

    /// DONE: the handler of a oneway call has ended.
    pub(super) fn handle_done(&mut self, now: Time, who: &dyn Directory, packet: &Packet<'_>) -> Result<(), Cause> {
        self.end_without_answer(now, who, packet, None)
    }

    fn end_without_answer(
        &mut self,
        now: Time,
        who: &dyn Directory,
        packet: &Packet<'_>,
        refusal: Option<Refusal>,
    ) -> Result<(), Cause> {
        let callee = self.answerer(who, packet)?;
        let key = (packet.header.client, packet.header.rpc);
        if !self.calls.contains_key(&key) {
            if !self.is_known_end(who, callee, packet)? {
                return Err(Cause::NotCalled);
            }
            self.pass(packet);
            return Ok(());
        }
        let call = self.called(key, callee, who, packet)?;
        match call.stage {
            Stage::Held => return Err(Cause::NotCalled),
            Stage::Answered | Stage::Ending => return Err(Cause::Copy),
            Stage::Released if matches!(refusal, Some(Refusal::Busy { .. })) => self.pass(packet),
            Stage::Released => {
                call.is_strangers = refusal == Some(Refusal::UnknownSession);
                (call.kept, call.is_unsure) = (Some(packet.frame.to_vec()), false);
                self.end_leases(now, who, key, Stage::Ending, &[]);
            }
        }
        Ok(())
    }
}
