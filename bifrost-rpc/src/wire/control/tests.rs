use super::*;
use proptest::prelude::*;

fn kind() -> impl Strategy<Value = NodeKind> {
    any::<u8>().prop_map(NodeKind::from_wire)
}

fn announce() -> impl Strategy<Value = ControlMessage> {
    let texts = ("[a-z0-9å]{1,31}", "[ -~é]{0,120}");
    let addresses = prop::collection::vec(any::<u128>().prop_map(Ipv6Addr::from_bits), 1..=ADDRESSES_MAX);
    let memory = prop::option::of((any::<u8>(), any::<u32>()));
    let rest = (any::<[u8; 16]>(), any::<Option<[u8; 32]>>(), kind(), any::<u64>(), any::<bool>());
    (texts, addresses, memory, rest).prop_map(|((name, specification), addresses, memory, rest)| {
        let (nonce, token, kind, capacity, owns_service_addresses) = rest;
        let memory = memory.map(|(server, boot)| MemoryServer { server, boot });
        ControlMessage::Announce(Announce {
            nonce,
            token,
            name,
            kind,
            capacity,
            specification,
            addresses,
            owns_service_addresses,
            memory,
        })
    })
}

fn serve() -> impl Strategy<Value = ControlMessage> {
    let state = prop::sample::select(vec![ServeState::Open, ServeState::Draining, ServeState::Ended]);
    let method = (any::<u8>(), any::<[u8; 16]>(), any::<u8>());
    let methods = prop::collection::vec(method, 0..=METHODS_MAX);
    ("[A-Za-z_]{1,255}", 1u32.., state, methods, any::<bool>()).prop_map(|(service, instance, state, methods, more)| {
        let method = |(len, bytes, tracking)| (MethodField::from_wire(len, bytes), tracking);
        let methods = methods.into_iter().map(method).collect();
        ControlMessage::Serve(Serve { service, instance, state, methods, more })
    })
}

fn report() -> impl Strategy<Value = ControlMessage> {
    use ReportKind::{Abandoned, Accepted, Done, SessionEnded};
    let kind = prop::sample::select(vec![Accepted, Abandoned, Done, SessionEnded]);
    let line =
        (kind, any::<[u64; 3]>()).prop_map(|(kind, [session, client, rpc])| ReportLine { kind, session, client, rpc });
    prop::collection::vec(line, 0..=REPORTS_MAX).prop_map(ControlMessage::Report)
}

fn outstanding() -> impl Strategy<Value = ControlMessage> {
    let call = (any::<[bool; 2]>(), any::<[u64; 3]>(), any::<u32>()).prop_map(
        |([is_callee, is_answered], [session, client, rpc], instance)| OutstandingCall {
            is_callee,
            is_answered,
            session,
            client,
            rpc,
            instance,
        },
    );
    let calls = prop::collection::vec(call, 0..=REPORTS_MAX);
    (calls, any::<bool>()).prop_map(|(calls, more)| ControlMessage::Outstanding { calls, more })
}

fn from_the_control_plane() -> impl Strategy<Value = ControlMessage> {
    use ControlRefusal::{Collision, Differs, Full, Malformed, NotReady, Taken, Unknown};
    let refusals = vec![Taken, Unknown, Differs, Full, Collision, Malformed, NotReady];
    let servers = || prop::collection::vec(any::<u8>(), 0..=SERVERS_MAX);
    prop_oneof![
        any::<[u8; 32]>().prop_map(ControlMessage::Challenge),
        (any::<[u8; 16]>(), any::<u32>(), any::<u64>(), any::<u32>(), servers()).prop_map(
            |(nonce, incarnation, term, heartbeat_ms, servers)| ControlMessage::Welcome(Welcome {
                nonce,
                incarnation,
                term,
                heartbeat_ms,
                servers
            })
        ),
        prop::sample::select(refusals).prop_map(ControlMessage::Refused),
        (any::<u64>(), servers()).prop_map(|(term, servers)| ControlMessage::Alive { term, servers }),
        any::<[u64; 2]>().prop_map(|[session, rpc]| ControlMessage::Query { session, rpc }),
        Just(ControlMessage::Confirmed),
        Just(ControlMessage::Fenced),
    ]
}

fn message() -> impl Strategy<Value = ControlMessage> {
    prop_oneof![
        announce(),
        serve(),
        report(),
        outstanding(),
        from_the_control_plane(),
        Just(ControlMessage::Heartbeat),
        Just(ControlMessage::Leave),
    ]
}

fn largest() -> Vec<ControlMessage> {
    let line = ReportLine { kind: ReportKind::Done, session: 1, client: 2, rpc: 3 };
    let call = OutstandingCall { is_callee: true, is_answered: true, session: 1, client: 2, rpc: 3, instance: 4 };
    vec![
        ControlMessage::Announce(Announce {
            nonce: [1; 16],
            token: Some([2; 32]),
            name: "n".repeat(NAME_BYTES_MAX),
            kind: NodeKind::Compute,
            capacity: 1,
            specification: "s".repeat(TEXT_BYTES_MAX),
            addresses: vec![Ipv6Addr::LOCALHOST; ADDRESSES_MAX],
            owns_service_addresses: true,
            memory: None,
        }),
        ControlMessage::Serve(Serve {
            service: "s".repeat(TEXT_BYTES_MAX),
            instance: 1,
            state: ServeState::Open,
            methods: vec![(MethodField::new("S", "m"), 0); METHODS_MAX],
            more: true,
        }),
        ControlMessage::Report(vec![line; REPORTS_MAX]),
        ControlMessage::Outstanding { calls: vec![call; REPORTS_MAX], more: false },
        ControlMessage::Alive { term: 1, servers: (1..=255).collect() },
    ]
}

#[test]
fn the_largest_messages_fit_every_link() {
    for message in largest() {
        let bytes = message.to_bytes();
        assert!(bytes.len() <= MESSAGE_BYTES_MAX, "{} bytes", bytes.len());
        assert_eq!(ControlMessage::parse(&bytes), Ok(message));
    }
}

#[test]
fn what_is_too_long_is_cut_where_it_can_be_read() {
    let Some(ControlMessage::Announce(mut announce)) = largest().into_iter().next() else { panic!() };
    announce.name = "å".repeat(NAME_BYTES_MAX);
    announce.addresses.push(Ipv6Addr::LOCALHOST);
    let read = ControlMessage::parse(&ControlMessage::Announce(announce).to_bytes());
    let Ok(ControlMessage::Announce(read)) = read else { panic!("{read:?}") };
    assert_eq!(read.name, "å".repeat(NAME_BYTES_MAX / 2));
    assert_eq!(read.addresses.len(), ADDRESSES_MAX);
}

#[test]
fn lists_longer_than_allowed_and_fields_without_sense_are_refused() {
    let wrong = |bytes: &[u8]| matches!(ControlMessage::parse(bytes), Err(WireError::Field(_)));
    let entries = u8::try_from(REPORTS_MAX + 1).unwrap();
    let many = [&[4, entries][..], &vec![1; (REPORTS_MAX + 1) * codec::REPORT_LINE_BYTES]].concat();
    assert!(wrong(&many));
    assert!(wrong(&[0]) && wrong(&[14]) && wrong(&[10, 0]) && wrong(&[10, 8]));
    let mut none = Serve { service: "S".into(), instance: 0, state: ServeState::Open, methods: vec![], more: false };
    assert!(wrong(&ControlMessage::Serve(none.clone()).to_bytes()), "instance 0");
    (none.instance, none.service) = (1, String::new());
    assert!(wrong(&ControlMessage::Serve(none).to_bytes()), "no service");
    assert!(matches!(ControlMessage::parse(&[]), Err(WireError::Short { .. })));
}

#[test]
fn the_control_plane_has_an_address_in_the_racks_prefix() {
    let prefix = "fd00:b1f0:0:1::77".parse().unwrap();
    assert_eq!(gatekeeper_address(prefix), "fd00:b1f0:0:1::b1f0".parse::<Ipv6Addr>().unwrap());
}

proptest! {
    #[test]
    fn messages_round_trip_whatever_follows(message in message(), behind in prop::collection::vec(any::<u8>(), 0..20)) {
        let bytes = message.to_bytes();
        prop_assert!(bytes.len() <= MESSAGE_BYTES_MAX);
        prop_assert_eq!(ControlMessage::parse(&[&bytes[..], &behind].concat()), Ok(message));
    }

    #[test]
    fn messages_cut_short_are_refused(message in message(), cut in any::<prop::sample::Index>()) {
        let bytes = message.to_bytes();
        prop_assert!(ControlMessage::parse(&bytes[..cut.index(bytes.len())]).is_err());
    }

    #[test]
    fn any_bytes_are_parsed_or_refused(kind in 0u8..16, mut bytes in prop::collection::vec(any::<u8>(), 1..300)) {
        bytes[0] = kind;
        if let Ok(message) = ControlMessage::parse(&bytes) {
            prop_assert_eq!(ControlMessage::parse(&message.to_bytes()), Ok(message));
        }
    }
}
