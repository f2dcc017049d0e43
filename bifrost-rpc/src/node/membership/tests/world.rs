//! A node and its control plane in virtual time, with a network that loses, repeats and reorders.

use super::model::Model;
use crate::control::ControlPacket;
use crate::endpoint::Time;
use crate::node::membership::{Membership, MembershipState};
use crate::wire::control::{Announce, NodeKind, REPORTS_MAX, ReportLine};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

#[derive(Debug)]
enum Packet {
    Up(ControlPacket),
    Down(ControlPacket),
}

pub(super) struct World {
    pub(super) now: Time,
    pub(super) node: Membership,
    pub(super) model: Model,
    /// Lines that wait to be reported.
    pub(super) lines: VecDeque<ReportLine>,
    pub(super) sent: usize,
    on_the_way: BTreeMap<(Time, u64), Packet>,
    random: u64,
    /// Of 100 packets, how many are lost; half as many come twice.
    pub(super) loss: u64,
}

pub(super) fn announce(nonce: u8) -> Announce {
    Announce {
        nonce: [nonce; 16],
        token: None,
        name: "s1".into(),
        kind: NodeKind::Compute,
        capacity: 4,
        specification: String::new(),
        addresses: vec!["fd00:b1f0:0:1::51".parse().unwrap()],
        owns_service_addresses: true,
        memory: None,
    }
}

impl World {
    pub(super) fn new(seed: u64, loss: u64) -> Self {
        let now = Time::from_nanos(1_000_000_000);
        Self {
            now,
            node: Membership::new(now, announce(1)),
            model: Model::new(),
            lines: VecDeque::new(),
            sent: 0,
            on_the_way: BTreeMap::new(),
            random: seed | 1,
            loss,
        }
    }

    pub(super) fn draw(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random.wrapping_mul(0x2545_F491_4F6C_DD1D) % below
    }

    fn put(&mut self, packet: impl Fn() -> Packet) {
        let copies = if self.draw(100) < self.loss { 0 } else { 1 + usize::from(self.draw(200) < self.loss) };
        for _ in 0..copies {
            // A quarter is late by up to 2 s.
            let late = if self.draw(100) < self.loss { 2_000_000 } else { 2_000 };
            let at = self.now.plus(Duration::from_micros(100 + self.draw(late)));
            let order = self.draw(u64::MAX);
            self.on_the_way.insert((at, order), packet());
        }
    }

    fn say(&mut self) {
        if self.node.takes_report() && !self.lines.is_empty() {
            let count = self.lines.len().min(REPORTS_MAX);
            self.node.report(self.now, self.lines.drain(..count).collect());
        }
        while let Some(packet) = self.node.poll_transmit() {
            self.sent += 1;
            self.put(|| Packet::Up(packet.clone()));
        }
    }

    /// Goes on until then.
    pub(super) fn run(&mut self, time: Duration) {
        let until = self.now.plus(time);
        loop {
            self.say();
            let arrival = self.on_the_way.first_key_value().map(|((at, _), _)| *at);
            let next = arrival.into_iter().chain(self.node.poll_timeout()).min().filter(|next| *next <= until);
            let Some(next) = next else { break };
            assert!(next >= self.now || self.node.poll_timeout() == Some(next), "time goes back");
            self.now = self.now.max(next);
            if arrival == Some(next)
                && let Some((_, packet)) = self.on_the_way.pop_first()
            {
                self.arrive(&packet);
            } else {
                self.node.handle_timeout(self.now);
                assert!(self.node.poll_timeout().is_none_or(|due| due > self.now), "it turns without end");
            }
        }
        self.now = until;
    }

    fn arrive(&mut self, packet: &Packet) {
        match packet {
            Packet::Up(packet) => {
                if let Some(answer) = self.model.handle(packet) {
                    self.put(|| Packet::Down(answer.clone()));
                }
            }
            Packet::Down(packet) => self.node.handle(self.now, packet),
        }
    }

    /// Goes on until it holds, for at most that long.
    pub(super) fn run_until(&mut self, within: Duration, mut holds: impl FnMut(&Self) -> bool) {
        let until = self.now.plus(within);
        while !holds(self) {
            assert!(self.now < until, "not within {within:?}: {:?}", self.model.served.keys());
            self.run(Duration::from_millis(20));
        }
    }

    pub(super) fn join(&mut self) {
        self.run_until(Duration::from_secs(60), |world| world.node.state() == MembershipState::Joined);
    }
}
