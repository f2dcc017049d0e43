//! What comes from callers: CALL, ONEWAY and CANCEL.

use super::super::checks::Check;
use super::super::input::Reason;
use super::super::output::{CallKey, Holder, MemoryMessage, Way};
use super::call::{Call, Fate, Origin, of_server, servers_of};
use super::cause::Cause;
use super::directory::{Directory, Place};
use super::made::{Denial, Made, held, refused};
use super::objects::key_of;
use super::packet::Packet;
use super::progress::Told;
use super::session::{Ends, Past, session_of};
use super::{Calls, Stage, Step};
use bifrost_rpc::endpoint::Time;
use bifrost_rpc::wire::{Flags, PacketType};
use std::time::Duration;

/// How long a caller waits that comes when there are too many calls, in µs.
const BUSY_US: u32 = 100_000;
/// How often the callee of a call that nobody waits for is asked for it.
const CHASE: Duration = Duration::from_secs(1);

impl Calls {
    /// CALL or ONEWAY, the fragment at offset 0.
    pub(super) fn handle_call(
        &mut self,
        now: Time,
        who: &dyn Directory,
        reason: Reason,
        packet: &Packet<'_>,
    ) -> Result<(), Cause> {
        let caller = self.sender(who, packet)?;
        let header = &packet.header;
        let key = (header.client, header.rpc);
        if !packet.is_to_callee() || header.rpc == 0 {
            return Err(Cause::Malformed);
        }
        if reason == Reason::Held {
            self.send_held(packet);
            return Err(Cause::Held);
        }
        let callee = match who.place(header.instance) {
            Place::Live(callee) => callee,
            Place::Gone => return self.refuse_gone(caller, packet),
            Place::Unknown => {
                self.refuse(packet, Denial::UnknownSession);
                return Err(Cause::UnknownInstance);
            }
        };
        let ends = Ends { caller: Some(caller), callee, instance: header.instance };
        let session = session_of(key, header.session);
        self.claim(session, ends)?;
        self.raise_lowest(now, session, header.lowest);
        match self.calls.get(&key) {
            Some(call) if call.session != header.session || !call.is_copy(header, &packet.pointers) => {
                Err(Cause::Altered)
            }
            Some(call) if call.is_unsure => self.begin(now, who, packet, ends),
            Some(_) => self.handle_copy(now, who, key, packet),
            None => match self.sessions.at(session).map_or(Past::None, |session| session.past(header.rpc)) {
                Past::None => self.begin(now, who, packet, ends),
                Past::Ended | Past::Below if !self.checks.makes(Check::EndedCall) => self.begin(now, who, packet, ends),
                // Its callee has it, and answers again.
                Past::Ended => {
                    self.pass(packet);
                    Ok(())
                }
                Past::Never(Some(denial)) => {
                    self.refuse(packet, denial);
                    Err(Cause::Ended)
                }
                Past::Below | Past::Never(None) => Err(Cause::Ended),
            },
        }
    }

    /// A copy of a call that runs.
    fn handle_copy(&mut self, now: Time, who: &dyn Directory, key: CallKey, packet: &Packet<'_>) -> Result<(), Cause> {
        let Some(call) = self.calls.get_mut(&key) else { return Err(Cause::Ended) };
        if call.origin.is_none() {
            // After a restart no server knows any more what an answered call passed.
            call.learn(packet);
            call.pointers.clone_from(&packet.pointers);
        }
        match call.stage {
            Stage::Held if call.fate.is_none() => {
                call.kept = Some(packet.frame.to_vec());
                self.send_held(packet);
                Err(Cause::Copy)
            }
            Stage::Released => {
                let is_over = call.is_done && call.kind == PacketType::Oneway;
                self.pass(packet);
                if is_over {
                    self.end_leases(now, who, key, Stage::Ending, &[]);
                }
                Ok(())
            }
            Stage::Answered => {
                self.send_held(packet);
                Err(Cause::Copy)
            }
            Stage::Held | Stage::Ending => Err(Cause::Copy),
        }
    }

    /// A call for an instance that is gone: its caller is told whether it ran.
    fn refuse_gone(&mut self, caller: Holder, packet: &Packet<'_>) -> Result<(), Cause> {
        let header = &packet.header;
        let ranges_max = self.limits.ended_ranges_max;
        let key = session_of((header.client, header.rpc), header.session);
        let known = self.sessions.at_mut(key).filter(|session| session.ends.caller == Some(caller));
        let denial = match known {
            // What went on in a session of which nothing is known, nobody knows.
            None => Denial::UnknownSession,
            Some(session) => match session.past(header.rpc) {
                Past::Below | Past::Never(None) => return Err(Cause::Ended),
                Past::Never(Some(denial)) => denial,
                Past::Ended => Denial::UnknownSession,
                Past::None if session.open.contains(&header.rpc) => Denial::UnknownSession,
                Past::None => {
                    session.never(header.rpc, Some(Denial::NeverReleased), ranges_max);
                    Denial::NeverReleased
                }
            },
        };
        self.refuse(packet, denial);
        Err(Cause::InstanceGone)
    }

    /// A call begins: its objects are leased.
    fn begin(&mut self, now: Time, who: &dyn Directory, packet: &Packet<'_>, ends: Ends) -> Result<(), Cause> {
        let (header, Some(caller)) = (&packet.header, ends.caller) else { return Err(Cause::UnknownSender) };
        let key = (header.client, header.rpc);
        let session = session_of(key, header.session);
        let is_begun_anew = self.calls.get(&key).is_some_and(|call| call.is_unsure);
        if !is_begun_anew && self.was_abandoned(caller, session, key) {
            self.never(session, header.rpc, None);
            return Err(Cause::Abandoned);
        }
        if let Err(cause) = self.may_begin(who, caller, packet) {
            match cause {
                Cause::Full => self.refuse(packet, Denial::Busy(BUSY_US)),
                _ => {
                    let denial = if is_begun_anew { Denial::UnknownSession } else { Denial::NoRight };
                    self.never(session, header.rpc, Some(denial));
                    self.refuse(packet, denial);
                    // One that servers knew after a restart.
                    self.end_leases(now, who, key, Stage::Ending, &[]);
                }
            }
            return Err(cause);
        }
        self.clear_timer(key);
        if self.calls.get(&key).is_none_or(|call| call.caller.is_none()) {
            self.begin_load(caller);
        }
        let mut call = Call::new(packet, ends);
        call.may_have_run = is_begun_anew;
        call.timer = (header.deadline_us > 0)
            .then(|| now.plus(Duration::from_micros(header.deadline_us.into())))
            .filter(|_| !packet.pointers.is_empty());
        call.timer.into_iter().for_each(|at| _ = self.timers.insert((at, key)));
        self.sessions.at_mut(session).into_iter().for_each(|session| _ = session.open.insert(header.rpc));
        self.calls.insert(key, call);
        for server in servers_of(&packet.pointers) {
            let objects = of_server(&packet.pointers, server);
            objects.iter().for_each(|object| self.objects.promise(key_of(*object), key, ends.callee));
            let lease = MemoryMessage::Lease { call: key, caller, callee: ends.callee, objects };
            self.tell(server, lease, Told::Lease { call: key, server });
            self.wait(key);
            if !self.checks.makes(Check::ServerFirst) {
                self.leased(now, who, key, server);
            }
        }
        self.advance(now, who, key);
        Ok(())
    }

    /// Whether a call may begin: within the limits, and all that it passes is its caller's to pass.
    fn may_begin(&self, who: &dyn Directory, caller: Holder, packet: &Packet<'_>) -> Result<(), Cause> {
        let (header, limits) = (&packet.header, &self.limits);
        let is_over = self.calls_of(caller) >= limits.calls_of_node_max || self.calls.len() >= limits.calls_max;
        let session = self.sessions.at(session_of((header.client, header.rpc), header.session));
        if is_over || session.is_some_and(|session| !session.has_room(limits.ended_ranges_max)) {
            return Err(Cause::Full);
        }
        for pointer in &packet.pointers {
            let may_pass = self.objects.may_pass(key_of(*pointer), caller) || !self.checks.makes(Check::PassRight);
            if pointer.prefix() != who.memory_prefix() || !may_pass {
                return Err(Cause::NoRight);
            }
            if !who.has_server(pointer.server()) {
                return Err(Cause::ServerGone);
            }
        }
        Ok(())
    }

    /// CANCEL of a call with leases.
    pub(super) fn handle_cancel(&mut self, now: Time, who: &dyn Directory, packet: &Packet<'_>) -> Result<(), Cause> {
        let caller = self.sender(who, packet)?;
        let header = &packet.header;
        let key = (header.client, header.rpc);
        if !packet.is_to_callee() || header.rpc == 0 {
            return Err(Cause::Malformed);
        }
        let Place::Live(callee) = who.place(header.instance) else { return Err(Cause::InstanceGone) };
        let ends = Ends { caller: Some(caller), callee, instance: header.instance };
        let session = session_of(key, header.session);
        self.claim(session, ends)?;
        self.raise_lowest(now, session, header.lowest);
        match self.calls.get(&key) {
            Some(call) if call.session != header.session => return Err(Cause::Foreign),
            Some(_) => self.give_up(now, key),
            // It may have come before its call.
            None => {
                let is_new = self.sessions.at(session).is_some_and(|session| session.past(header.rpc) == Past::None);
                if is_new {
                    self.never(session, header.rpc, None);
                }
            }
        }
        self.pass(packet);
        Ok(())
    }

    /// Notes that calls below one have ended for their caller.
    fn raise_lowest(&mut self, now: Time, session: super::session::SessionKey, lowest: u64) {
        let below = self.sessions.at_mut(session).map(|session| session.raise_lowest(lowest)).unwrap_or_default();
        below.into_iter().for_each(|rpc| self.give_up(now, (session.0, rpc)));
    }

    /// The caller of a call waits no more. A held one never goes on; the callee of another is asked for it.
    pub(super) fn give_up(&mut self, now: Time, key: CallKey) {
        let Some(call) = self.calls.get_mut(&key) else { return };
        call.is_cancelled = true;
        match call.stage {
            Stage::Held if call.fate.is_none() => self.doom(key, None),
            Stage::Released if call.pointers.is_empty() && !call.is_unsure => self.finish(key, false),
            Stage::Released if call.timer.is_none() => self.set_timer(key, now.plus(CHASE)),
            _ => {}
        }
    }

    /// A held call never goes on. What its caller is to be told, it is told now.
    pub(super) fn doom(&mut self, key: CallKey, denial: Option<Denial>) {
        self.clear_timer(key);
        let Some(call) = self.calls.get_mut(&key) else { return };
        (call.fate, call.kept) = (Some(Fate::Silent), None);
        let (session, origin, denial) = (call.session_key(key), call.origin.clone(), denial.map(|why| call.told(why)));
        self.never(session, key.1, denial);
        // It runs until its leases have ended.
        self.sessions.at_mut(session).into_iter().for_each(|session| _ = session.open.insert(key.1));
        if let (Some(origin), Some(denial)) = (origin, denial) {
            self.deny(&origin, denial);
        }
    }

    pub(super) fn never(&mut self, session: super::session::SessionKey, rpc: u64, denial: Option<Denial>) {
        let max = self.limits.ended_ranges_max;
        self.sessions.at_mut(session).into_iter().for_each(|session| session.never(rpc, denial, max));
    }

    /// Answers a packet of a call with REFUSED.
    fn refuse(&mut self, packet: &Packet<'_>, denial: Denial) {
        self.deny(&Origin::of(packet), denial);
    }

    /// Answers the packet that a call came by with REFUSED.
    pub(super) fn deny(&mut self, origin: &Origin, denial: Denial) {
        self.counts.refused += 1;
        self.say_back(origin, refused(&origin.header, &origin.addresses, denial));
    }

    fn send_held(&mut self, packet: &Packet<'_>) {
        self.counts.held += 1;
        self.say_back(&Origin::of(packet), held(&packet.header, &packet.addresses));
    }

    /// Says something to the caller of a call, out of the port that it came in by.
    fn say_back(&mut self, origin: &Origin, packet: Made) {
        let to = Holder { node: origin.addresses.source, incarnation: origin.header.incarnation };
        self.say(Way::Port(origin.port), to, packet, origin.is_sealed());
    }

    fn say(&mut self, way: Way, to: Holder, packet: Made, is_sealed: bool) {
        let step = match is_sealed {
            true => Step::Say { way, to, packet },
            false => Step::Send { way, frame: packet.frame() },
        };
        self.steps.push_back(step);
    }

    /// Held calls whose deadline has passed; released ones whose callee is to be asked.
    pub(super) fn handle_timers(&mut self, now: Time) {
        while let Some((at, key)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, key));
            let Some(call) = self.calls.get_mut(&key) else { continue };
            call.timer = None;
            match call.stage {
                Stage::Held => {
                    self.count(Cause::Deadline);
                    self.doom(key, Some(Denial::NeverReleased));
                }
                Stage::Released => {
                    if let Some(origin) = &call.origin {
                        let (packet, to) = (super::made::cancel(&origin.header, &origin.addresses), call.callee);
                        let is_sealed = origin.is_sealed();
                        self.say(Way::Route, to, packet, is_sealed);
                    }
                    self.set_timer(key, now.plus(CHASE));
                }
                Stage::Answered | Stage::Ending => {}
            }
        }
    }
}

impl Origin {
    pub(super) fn of(packet: &Packet<'_>) -> Self {
        Self { port: packet.port, addresses: packet.addresses, header: packet.header }
    }

    /// Whether the call's session is sealed.
    fn is_sealed(&self) -> bool {
        self.header.flags.has(Flags::SEALED)
    }
}

impl Call {
    fn new(packet: &Packet<'_>, ends: Ends) -> Self {
        let mut call = Self::known(ends, packet.header.session);
        call.learn(packet);
        call.pointers = packet.pointers.clone();
        (call.stage, call.kept) = (Stage::Held, Some(packet.frame.to_vec()));
        call
    }

    /// A released call of which no packet was seen.
    pub(super) fn known(ends: Ends, session: u64) -> Self {
        Self {
            session,
            instance: ends.instance,
            caller: ends.caller,
            callee: ends.callee,
            method: bifrost_rpc::wire::MethodField::NONE,
            kind: PacketType::Call,
            origin: None,
            pointers: Vec::new(),
            given: Vec::new(),
            stage: Stage::Released,
            kept: None,
            waits: 0,
            fate: None,
            is_cancelled: false,
            is_abandoned: false,
            is_unsure: false,
            may_have_run: false,
            is_known: true,
            is_done: false,
            is_strangers: false,
            timer: None,
        }
    }

    /// Takes from a packet of the call what one of them says.
    fn learn(&mut self, packet: &Packet<'_>) {
        self.origin = Some(Box::new(Origin::of(packet)));
        (self.method, self.kind) = (packet.header.method, packet.header.kind);
    }
}
