//! Clients and servers on links, joined by a switch that knows addresses and nothing else: within the process, and by tunnels.

mod gatekeeper;
mod hub;
mod node;

use crate::support::probe::{ADD, Probe};
use crate::support::store::Store;
use crate::support::{Client, Random, Watchdog, call_error};
use bifrost_rpc::memory::{GlobalMemory, MemoryClient, Pointer};
use bifrost_rpc::{CallError, Channel, ConnectError, Key, Link, LinkError, Server, wait_any};
use hub::{Hub, PREFIX, Switch, mac};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Two nodes, the first of which serves [`Probe`].
fn cabled() -> (Hub, Link, Link) {
    let hub = Hub::default();
    let (server, client) = (hub.link(1), hub.link(2));
    (hub, server, client)
}

fn serve(link: &Link) -> Server {
    Server::builder().link(link).listen("udp://[::]:7400").service(Probe::default()).start().unwrap()
}

fn call(link: &Link, url: &str) -> Client {
    Client(Channel::builder().link(link).deadline(Duration::from_secs(60)).connect(url).unwrap())
}

fn echoes(client: &Client) {
    for len in [0, 1, 1300, 8800, 9000, 70_000, 2 << 20] {
        let data = Random::new(len as u64).bytes(len);
        assert!(client.echo(data.clone()).unwrap() == data, "another content of {len} bytes");
    }
}

#[test]
fn calls_cross_a_switch_in_the_process() {
    let _watchdog = Watchdog::of("link in process", 100);
    let (_hub, server, client) = cabled();
    let running = serve(&server);
    assert_eq!(running.url(), format!("udp://[{}]:7400", server.address()));
    echoes(&call(&client, &running.url()));
    assert_eq!(running.shutdown(Duration::from_secs(5)), 0);
}

#[test]
fn calls_cross_a_tunnel() {
    let _watchdog = Watchdog::of("tunnel", 100);
    for (key, mtu) in [(None, 1500), (Some(Key::from_bytes([3; 32])), 9000), (None, 60_000)] {
        let switch = Switch::start(key.clone(), mtu);
        let (server, client) = (switch.link(1, key.as_ref()), switch.link(2, key.as_ref()));
        assert_eq!((client.address(), client.mac(), client.mtu()), (hub::address(2), mac(2), mtu));
        let running = serve(&server);
        echoes(&call(&client, &running.url()));
    }
}

/// Where nothing comes by a tunnel, calls end at their deadlines and servers when they are told to, and the tunnel goes on.
#[test]
fn who_waits_at_a_silent_tunnel_is_woken() {
    let _watchdog = Watchdog::of("silent tunnel", 100);
    let switch = Switch::start(None, 9000);
    let (server, client) = (switch.link(1, None), switch.link(2, None));
    let channel = Channel::builder().link(&client).deadline(Duration::from_millis(100));
    let nobody = Client(channel.connect(&format!("udp://[{}]:7400", hub::address(9))).unwrap());
    let running = serve(&server);
    let caller = call(&client, &running.url());
    for _ in 0..3 {
        assert!(matches!(call_error(&nobody.add(1)), CallError::Deadline { .. }));
        echoes(&caller);
    }
    // The leader of the server's link waits for whatever comes.
    let start = Instant::now();
    drop(caller);
    assert_eq!(running.shutdown(Duration::from_secs(50)), 0);
    assert!(start.elapsed() < Duration::from_secs(20));
}

/// The caller knows neither who serves nor where; the answer comes from the address that was called.
#[test]
fn a_service_is_called_at_its_own_address() {
    let _watchdog = Watchdog::of("service address", 100);
    let (hub, server, client) = cabled();
    hub.own(1, server.service_address("Probe"));
    let _running = serve(&server);
    echoes(&call(&client, "rack://Probe"));
    echoes(&call(&client, &format!("rack://Probe?prefix={PREFIX}")));
    let none = Channel::builder().connect("rack://Probe");
    assert!(matches!(none, Err(ConnectError::NoRack(_))), "{none:?}");
    // What is not served there is refused from there, too.
    hub.own(1, client.service_address("Elsewhere"));
    let other = Channel::builder().link(&client).deadline(Duration::from_millis(200)).connect("rack://Elsewhere");
    assert!(Client(other.unwrap()).add(1).is_err());
}

/// Sockets of one link are told apart, whoever receives for all.
#[test]
fn endpoints_share_a_link() {
    let _watchdog = Watchdog::of("shared link", 100);
    let (_hub, server, client) = cabled();
    // Each node serves and calls, with several clients, over one link.
    let running = [serve(&server), serve(&client)];
    std::thread::scope(|scope| {
        for (link, url) in [(&client, running[0].url()), (&server, running[1].url())] {
            for seed in 0..3 {
                let url = url.clone();
                scope.spawn(move || {
                    let client = call(link, &url);
                    for round in 0..30 {
                        let data = Random::new(seed * 100 + round).bytes(if round % 10 == 0 { 300_000 } else { 100 });
                        assert!(client.echo(data.clone()).unwrap() == data);
                    }
                });
            }
        }
    });
    let taken = Server::builder().link(&client).listen("udp://[::]:7400").service(Probe::default()).start();
    assert!(taken.unwrap_err().to_string().contains("in use"));
    let elsewhere = Server::builder().link(&client).listen("udp://[fd00::99]:7400").service(Probe::default()).start();
    assert!(elsewhere.unwrap_err().to_string().contains("the link's address is"));
    let clients = [call(&client, &running[0].url()), call(&client, &running[0].url())];
    let calls: Vec<_> = clients.iter().map(|client| client.start_number(&ADD, 1).unwrap()).collect();
    assert!(wait_any(&calls, Duration::from_secs(20)).unwrap().is_some());
}

#[test]
fn loss_is_recovered() {
    let _watchdog = Watchdog::of("loss on a link", 100);
    let (hub, server, client) = cabled();
    let running = serve(&server);
    let client = call(&client, &running.url());
    hub.lose(5);
    for round in 1..100 {
        assert_eq!(client.add(1).unwrap(), round);
    }
    let data = Random::new(9).bytes(1 << 20);
    assert!(client.echo(data.clone()).unwrap() == data);
    assert!(hub.lost() > 0);
}

#[test]
fn memory_is_reached_by_its_pointers() {
    let _watchdog = Watchdog::of("memory on a link", 100);
    let (hub, server, client) = cabled();
    hub.own_memory(1);
    let _running =
        Server::builder().link(&server).listen("udp://[::]:7400").memory(Arc::new(Store::default())).start().unwrap();
    let root = Pointer::new(0xFD, 1, 0);
    let url = format!("udp://[{root}]:7400");
    let memory = MemoryClient::over(call(&client, &url).0, root);
    for len in [1, 5000, 300_000, 2 << 20] {
        let data = Random::new(len as u64).bytes(len);
        let object = memory.alloc_and_write(data.clone()).unwrap();
        assert!(memory.read(object, 0, len as u64).unwrap() == data);
        memory.free(object).unwrap();
    }
    let all = GlobalMemory::connect_with(&format!("1={url}"), Channel::builder().link(&client)).unwrap();
    let object = all.alloc_and_write(vec![7; 100]).unwrap();
    assert_eq!(all.read(object, 0, 100).unwrap(), [7; 100]);
}

#[test]
fn who_attaches_later_takes_over_and_who_was_there_is_told() {
    let _watchdog = Watchdog::of("taken over", 100);
    let switch = Switch::start(None, 9000);
    let (server, first) = (switch.link(1, None), switch.link(2, None));
    let running = serve(&server);
    let before = call(&first, &running.url());
    assert_eq!(before.add(1).unwrap(), 1);
    let second = switch.link(2, None);
    let after = call(&second, &running.url());
    assert_eq!(after.add(1).unwrap(), 2);
    let told = before.add(1).unwrap_err();
    let told = CallError::of(&told).unwrap().to_string();
    assert!(told.contains("taken over"), "{told}");
}

/// Nobody waits for frames at an idle link, and still it is kept: leases of 600 ms, three of them.
#[test]
fn an_idle_link_is_kept() {
    let _watchdog = Watchdog::of("idle link", 100);
    let switch = Switch::start(None, 9000);
    let (server, client) = (switch.link(1, None), switch.link(2, None));
    std::thread::sleep(Duration::from_millis(1800));
    assert_eq!(switch.came(), 2, "a node attached again");
    let running = serve(&server);
    assert_eq!(call(&client, &running.url()).add(1).unwrap(), 1);
}

/// The switch comes back at the same address, knowing nothing.
#[test]
fn a_link_outlives_its_switch() {
    let _watchdog = Watchdog::of("switch restarted", 100);
    let switch = Switch::start(None, 9000);
    let (server, client) = (switch.link(1, None), switch.link(2, None));
    let running = serve(&server);
    let client = call(&client, &running.url());
    assert_eq!(client.add(1).unwrap(), 1);
    let again = switch.restart();
    assert_eq!(client.add(1).unwrap(), 2);
    drop(again);
}

#[test]
fn what_is_wrong_with_a_link_is_said() {
    let _watchdog = Watchdog::of("wrong links", 100);
    let switch = Switch::start(Some(Key::from_bytes([3; 32])), 9000);
    let within = Duration::from_millis(300);
    let error = |url: &str, key: Option<u8>| {
        let builder = key
            .into_iter()
            .fold(Link::builder().within(within), |builder, key| builder.key(Key::from_bytes([key; 32])));
        builder.tunnel(url).unwrap_err()
    };
    let url = switch.url();
    let says = |error: LinkError, text: &str| assert!(error.to_string().contains(text), "{error}");
    says(error(&format!("{url}?node=n1"), None), "no answer, or one under another key");
    says(error(&format!("{url}?node=n1"), Some(4)), "no answer, or one under another key");
    says(error(&format!("{url}?node=stranger"), Some(3)), "no such port or node");
    says(error(&url, Some(3)), "say who attaches");
    says(error(&format!("{url}?node=n1&port=1"), Some(3)), "say who attaches");
    says(error(&format!("{url}?port=600"), Some(3)), "0 to 510");
    says(error(&format!("{url}?node=n1&mac=1:2"), Some(3)), "six bytes");
    says(error("udp://[::1]:7401?node=n1", None), "tunnel://");
    says(error("tunnel://192.0.2.1:7401?node=n1", None), "needs the rack's key");
    let hub = Hub::default();
    says(Link::builder().in_process(hub.port(9)).unwrap_err(), "address");
}
