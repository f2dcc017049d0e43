//! Unix sockets and their files; addresses that cannot be served.

use crate::calculator::TCalculatorSyncClient;
use crate::{Place, client, processor, serve, server};
use bifrost_rpc::{Channel, ConnectError, Key, ServeError, Server, compat::ApacheService};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

#[test]
fn the_file_goes_with_its_server() {
    let place = Place::new();
    for _ in 0..3 {
        let server = serve(&place.url());
        assert!(place.path().exists());
        assert_eq!(client(&server.url()).add(1, 2).unwrap(), 3);
        assert_eq!(server.shutdown(Duration::from_secs(5)), 0);
        assert!(!place.path().exists());
    }
    drop(serve(&place.url()));
    assert!(!place.path().exists());
}

#[test]
fn a_file_that_nobody_listens_on_is_replaced() {
    let place = Place::new();
    // Closed without being removed, as a process that is killed leaves it.
    drop(UnixListener::bind(place.path()).unwrap());
    assert!(place.path().exists());
    let server = serve(&place.url());
    assert_eq!(client(&server.url()).add(1, 2).unwrap(), 3);
}

#[test]
fn a_file_that_somebody_listens_on_stays() {
    let place = Place::new();
    let other = UnixListener::bind(place.path()).unwrap();
    let refused = server(&place.url()).service(processor()).start().unwrap_err();
    assert!(matches!(&refused, ServeError::Socket { .. }), "{refused}");
    assert!(refused.to_string().contains("socket"), "{refused}");
    UnixStream::connect(place.path()).unwrap();
    drop(other);
}

#[test]
fn a_file_that_is_no_socket_stays() {
    let place = Place::new();
    std::fs::write(place.path(), b"precious").unwrap();
    assert!(server(&place.url()).service(processor()).start().is_err());
    assert_eq!(std::fs::read(place.path()).unwrap(), b"precious");
}

#[test]
fn a_file_of_somebody_else_is_not_removed() {
    let place = Place::new();
    let server = serve(&place.url());
    std::fs::remove_file(place.path()).unwrap();
    let _other = UnixListener::bind(place.path()).unwrap();
    drop(server);
    assert!(place.path().exists());
}

#[test]
fn one_server_serves_many_addresses() {
    let place = Place::new();
    let urls =
        ["udp://[::1]:0", "tcp://[::1]:0?protocol=compact", "tcp://127.0.0.1:0?transport=buffered", &place.url()];
    let server = urls.iter().fold(Server::builder(), |server, url| server.listen(url)).service(processor());
    let server = server.start().unwrap();
    assert_eq!((server.urls().len(), server.addresses().len()), (4, 3));
    for (sum, url) in (1..).zip(server.urls()) {
        client(&url).note(1).unwrap();
        // Over UDP a worker may run the next call first.
        assert!((0..1000).any(|_| client(&url).noted().unwrap() == sum), "{url}");
    }
}

#[test]
fn what_cannot_be_served_is_said() {
    let key = || Key::from_bytes([7; 32]);
    let start = |url: &str| server(url).service(processor());
    assert!(matches!(start("tcp://[::1]:0").key(key()).start(), Err(ServeError::Sealed(_))));
    assert!(matches!(start("tcp://[::1]:0?protocol=http").start(), Err(ServeError::Url(_))));
    assert!(matches!(start("tcp://[::1]:0").default_service("None").start(), Err(ServeError::UnknownDefault(_))));
    let second = ApacheService::new("Second", processor(), &["noted"]);
    let several = start("tcp://[::1]:0?multiplexed=false").service(second);
    assert!(matches!(several.start(), Err(ServeError::NotMultiplexed(_))));
    let sealed = Channel::builder().key(key()).connect("tcp://[::1]:9");
    assert!(matches!(sealed, Err(ConnectError::Sealed(_))));
}
