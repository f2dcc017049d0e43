//! A handler, a server and a client as users of Apache's generator write them, over Apache's protocols and sockets.
//!
//! Nothing below names the runtime: only the paths of the generated modules would differ.

use crate::golden::base::{BaseSyncHandler, RootSyncHandler, Sorry};
use crate::golden::fields::{Color, Nobody, Point, Shape};
use crate::golden::services::{
    OnlyExtendsSyncHandler, RichSyncClient, RichSyncHandler, RichSyncProcessor, TRichSyncClient,
};
use bifrost_rpc::reference::Ref;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicI32, Ordering};
use thrift::protocol::{
    TBinaryInputProtocol, TBinaryInputProtocolFactory, TBinaryOutputProtocol, TBinaryOutputProtocolFactory,
    TCompactInputProtocol, TCompactOutputProtocol, TInputProtocol, TOutputProtocol,
};
use thrift::server::{TProcessor, TServer};
use thrift::transport::{
    TFramedReadTransport, TFramedReadTransportFactory, TFramedWriteTransport, TFramedWriteTransportFactory, TIoChannel,
    TTcpChannel,
};
use thrift::{ApplicationErrorKind, OrderedFloat};

#[derive(Default)]
pub(crate) struct Handler {
    pub(crate) pokes: AtomicI32,
}

impl RootSyncHandler for Handler {
    fn handle_root(&self) -> thrift::Result<i32> {
        Ok(self.pokes.load(Ordering::SeqCst))
    }
}

impl BaseSyncHandler for Handler {
    fn handle_greet(&self, name: String) -> thrift::Result<String> {
        if name.is_empty() {
            return Err(Sorry::new("no name".to_owned(), 7).into());
        }
        Ok(format!("hello {name}"))
    }

    fn handle_poke(&self, times: i32) -> thrift::Result<()> {
        self.pokes.fetch_add(times, Ordering::SeqCst);
        Ok(())
    }
}

impl OnlyExtendsSyncHandler for Handler {}

impl RichSyncHandler for Handler {
    fn handle_move(
        &self,
        from: Point,
        dx: OrderedFloat<f64>,
        dy: OrderedFloat<f64>,
        times: i32,
    ) -> thrift::Result<Point> {
        let times = f64::from(times);
        let add = |at: Option<OrderedFloat<f64>>, by: OrderedFloat<f64>| at.map(|at| OrderedFloat(at.0 + by.0 * times));
        Ok(Point { x: add(from.x, dx), y: add(from.y, dy) })
    }

    fn handle_concat(&self, a: Vec<u8>, more: Vec<Vec<u8>>) -> thrift::Result<Vec<u8>> {
        Ok(more.into_iter().fold(a, |mut all, next| {
            all.extend(next);
            all
        }))
    }

    fn handle_by_reference(&self, data: Ref<Vec<u8>>, more: Ref<Vec<i64>>) -> thrift::Result<Ref<Vec<u8>>> {
        Ok(Ref::from([data.into_value()?, vec![u8::try_from(more.len()?).unwrap()]].concat()))
    }

    fn handle_shapes(&self, wanted: BTreeSet<Shape>, color: Color) -> thrift::Result<Vec<Shape>> {
        match color {
            Color::RED => Err(thrift::Error::from(Nobody::new())),
            Color::GREEN => Err(Sorry::new("green".to_owned(), None).into()),
            _ => Ok(wanted.into_iter().collect()),
        }
    }

    fn handle_fails(&self, how: i32) -> thrift::Result<()> {
        match how {
            0 => Ok(()),
            1 => Err(Sorry::new("one".to_owned(), None).into()),
            2 => Err(thrift::new_application_error(ApplicationErrorKind::InvalidTransform, "two")),
            3 => Err(Nobody {}.into()),
            _ => Err("some text".into()),
        }
    }

    fn handle_identify(&self, id: bifrost_rpc::uuid::Uuid) -> thrift::Result<bifrost_rpc::uuid::Uuid> {
        Ok(id)
    }

    fn handle_half(&self, x: OrderedFloat<f64>) -> thrift::Result<OrderedFloat<f64>> {
        Ok(OrderedFloat(x.0 / 2.0))
    }

    fn handle_next(&self, color: Color) -> thrift::Result<Color> {
        Ok(Color::from(color.0 + 1))
    }

    fn handle_everything_and_more(
        &self,
        all_of_it: BTreeMap<String, BTreeMap<i32, Vec<Shape>>>,
        _b: bool,
        _c: i8,
        _d: i16,
        _e: i32,
        _f: i64,
        _g: String,
        _h: BTreeSet<i32>,
    ) -> thrift::Result<BTreeMap<String, BTreeMap<i32, Vec<Shape>>>> {
        Ok(all_of_it)
    }

    fn handle_forget(&self, _what: String, _data: Vec<u8>) -> thrift::Result<()> {
        Ok(())
    }

    fn handle_forget_all(&self) -> thrift::Result<()> {
        Err("nobody hears this".into())
    }
}

/// Serves one connection until it is closed, and connects to it.
fn connect<I, O>(protocols: fn(TTcpChannel) -> (I, O)) -> RichSyncClient<I, O>
where
    I: TInputProtocol + 'static,
    O: TOutputProtocol + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let processor = RichSyncProcessor::new(Handler::default());
        let (stream, _) = listener.accept().unwrap();
        let (mut i_prot, mut o_prot) = protocols(TTcpChannel::with_stream(stream));
        while processor.process(&mut i_prot, &mut o_prot).is_ok() {}
    });
    let (i_prot, o_prot) = protocols(TTcpChannel::with_stream(TcpStream::connect(address).unwrap()));
    RichSyncClient::new(i_prot, o_prot)
}

fn binary(channel: TTcpChannel) -> (impl TInputProtocol, impl TOutputProtocol) {
    let (read, write) = channel.split().unwrap();
    let i_prot = TBinaryInputProtocol::new(TFramedReadTransport::new(read), true);
    (i_prot, TBinaryOutputProtocol::new(TFramedWriteTransport::new(write), true))
}

fn compact(channel: TTcpChannel) -> (impl TInputProtocol, impl TOutputProtocol) {
    let (read, write) = channel.split().unwrap();
    let i_prot = TCompactInputProtocol::new(TFramedReadTransport::new(read));
    (i_prot, TCompactOutputProtocol::new(TFramedWriteTransport::new(write)))
}

fn calls<C: TRichSyncClient>(client: &mut C) {
    assert_eq!(client.greet("you".to_owned()).unwrap(), "hello you");
    client.poke(3).unwrap();
    client.forget("it".to_owned(), vec![1; 10_000]).unwrap();
    client.forget_all().unwrap();
    assert_eq!(client.root().unwrap(), 3);
    let from = Point::new(OrderedFloat(1.0), OrderedFloat(1.0));
    let moved = client.move_(from, OrderedFloat(0.5), OrderedFloat(1.0), 2).unwrap();
    assert_eq!(moved, Point::new(OrderedFloat(2.0), OrderedFloat(3.0)));
    assert_eq!(client.concat(vec![1], vec![vec![2], vec![], vec![3, 4]]).unwrap(), [1, 2, 3, 4]);
    assert_eq!(client.half(OrderedFloat(3.0)).unwrap().0, 1.5);
    assert_eq!(client.next(Color(1000)).unwrap(), Color(1001));
    let id = bifrost_rpc::uuid::Uuid::from_u128(5);
    assert_eq!(client.identify(id).unwrap(), id);
    let shapes = BTreeSet::from([Shape::Circle(OrderedFloat(1.0))]);
    assert_eq!(client.shapes(shapes.clone(), Color::BLUE).unwrap().len(), 1);
    let all = BTreeMap::from([("k".to_owned(), BTreeMap::from([(1, shapes.into_iter().collect())]))]);
    let back = client.everything_and_more(all.clone(), true, 1, 2, 3, 4, "g".to_owned(), BTreeSet::new());
    assert_eq!(back.unwrap(), all);
}

fn errors<C: TRichSyncClient>(client: &mut C) {
    match client.greet(String::new()).unwrap_err() {
        thrift::Error::User(error) => {
            let sorry = error.downcast::<Sorry>().unwrap();
            assert_eq!(*sorry, Sorry::new("no name".to_owned(), 7));
        }
        other => panic!("{other:?}"),
    }
    match client.shapes(BTreeSet::new(), Color::RED).unwrap_err() {
        thrift::Error::User(error) => assert!(error.is::<Nobody>()),
        other => panic!("{other:?}"),
    }
    client.fails(0).unwrap();
    assert!(matches!(client.fails(1), Err(thrift::Error::User(_))));
    let table = [
        (2, ApplicationErrorKind::InvalidTransform, "two"),
        (3, ApplicationErrorKind::InternalError, "remote service threw Nobody"),
        // A text is an application error already.
        (4, ApplicationErrorKind::Unknown, "some text"),
    ];
    for (how, kind, text) in table {
        match client.fails(how).unwrap_err() {
            thrift::Error::Application(error) => {
                assert_eq!(error.kind, kind, "{how}");
                assert!(error.message.contains(text), "{}", error.message);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn over_binary_protocol() {
    let mut client = connect(binary);
    calls(&mut client);
    errors(&mut client);
}

#[test]
fn over_compact_protocol() {
    let mut client = connect(compact);
    calls(&mut client);
    errors(&mut client);
}

#[test]
fn apache_server_takes_the_processor() {
    let _server = TServer::new(
        TFramedReadTransportFactory::new(),
        TBinaryInputProtocolFactory::new(),
        TFramedWriteTransportFactory::new(),
        TBinaryOutputProtocolFactory::new(),
        RichSyncProcessor::new(Handler::default()),
        1,
    );
}
