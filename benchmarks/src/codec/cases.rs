//! The values that are encoded and decoded, the same in every run.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use bifrost_rpc::protocol::{Decode, Encode};
use bytes::Bytes;
use thrift::OrderedFloat;
use uuid::Uuid;

use super::blob::BlobBytes;
use super::peers::{apache, bifrost, pilota};
use super::subject::Named;
use crate::cases::Case as _;
use crate::services::codec::{Blob, Color, Everything, ListI32, MapStr, Point, Shape, Struct10};

/// The variants in the order in which they take turns.
const VARIANTS: [&str; 8] = [
    "apache-binary",
    "apache-compact",
    "pilota-binary",
    "pilota-compact",
    "bifrost-binary",
    "bifrost-compact",
    "bifrost-binary-bytes",
    "bifrost-compact-bytes",
];

/// What is encoded and decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Struct10,
    Everything,
    ListI32,
    MapStr,
    Blob,
}

impl crate::cases::Case for Case {
    const BENCH: &'static str = super::NAME;
    const ALL: &'static [Self] = &[Self::Struct10, Self::Everything, Self::ListI32, Self::MapStr, Self::Blob];

    fn name(self) -> &'static str {
        match self {
            Self::Struct10 => "struct10",
            Self::Everything => "everything",
            Self::ListI32 => "list_i32",
            Self::MapStr => "map_str",
            Self::Blob => "blob",
        }
    }

    /// Those with `bytes` are of `blob` only.
    fn variants(self) -> &'static [&'static str] {
        match self {
            Self::Blob => &VARIANTS,
            _ => &VARIANTS[..6],
        }
    }
}

impl Case {
    /// Every codec, set to work on this case's value.
    pub(super) fn subjects(self) -> Result<Vec<Named>> {
        match self {
            Self::Struct10 => every(&struct10()),
            Self::Everything => every(&everything()),
            Self::ListI32 => every(&ListI32::new((0..100_000).map(scattered).collect())),
            Self::MapStr => every(&map_str(10_000)),
            Self::Blob => blobs(),
        }
        .with_context(|| format!("cannot encode {}", self.name()))
    }
}

fn every<T>(value: &T) -> Result<Vec<Named>>
where
    T: apache::Value + pilota::Value + Encode + Decode + Clone + PartialEq + 'static,
{
    let mut all = apache::subjects(value)?;
    all.extend(pilota::subjects(value)?);
    all.extend(bifrost::subjects(value)?);
    Ok(all)
}

/// A `binary` is `Vec<u8>` to Apache's crate, `Bytes` to pilota, either to us.
fn blobs() -> Result<Vec<Named>> {
    let data: Vec<u8> = (0..1 << 20).map(|at: u32| scattered(at.cast_signed()).to_be_bytes()[3]).collect();
    let (copied, shared) = (Blob::new(data.clone()), BlobBytes { data: Bytes::from(data) });
    let mut all = apache::subjects(&copied)?;
    all.extend(pilota::linked_subjects(&shared)?);
    all.extend(bifrost::subjects(&copied)?);
    all.extend(bifrost::shared_subjects(&shared)?);
    Ok(all)
}

fn struct10() -> Struct10 {
    Struct10::new(
        true,
        -3,
        8080,
        1_000_000,
        -7_000_000_000,
        OrderedFloat(0.618),
        "switch-17".to_owned(),
        "the second from the left, behind the door".to_owned(),
        -42,
        1_767_225_600_000,
    )
}

fn point(at: i32) -> Point {
    Point::new(at, -at, (at % 2 == 0).then(|| format!("point {at}")))
}

fn everything() -> Everything {
    Everything {
        truth: true,
        tiny: i8::MIN,
        small: i16::MAX,
        medium: -123_456,
        large: i64::MAX,
        real: OrderedFloat(-1.0e100),
        text: "naïve café, 北京, 🦀".to_owned(),
        bytes: (0..=255).collect(),
        id: Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff),
        color: Color::GREEN,
        numbers: (0..32).map(scattered).collect(),
        words: (0..16).map(|at| format!("word number {at}")).collect(),
        points: (0..16).map(point).collect(),
        nested: (0..8).map(|at| (0..at).collect()).collect(),
        ids: (0..16).map(|at| i64::from(scattered(at)) << 20).collect(),
        names: (0..16).map(|at| format!("name {at}")).collect(),
        counts: (0..16).map(|at| (format!("count {at}"), scattered(at))).collect(),
        groups: (0..8).map(|at| (at, (0..at).map(|word| format!("{at}.{word}")).collect())).collect(),
        places: (0..8).map(|at| (format!("place {at}"), point(at))).collect(),
        origin: point(0),
        shape: Shape::Corners(vec![1, 2, 3, 4]),
        present: Some(1),
        absent: None,
        present_text: Some("present".to_owned()),
        absent_text: None,
        present_point: Some(point(1)),
        present_list: Some((0..8).map(|at| OrderedFloat(f64::from(at) / 3.0)).collect()),
        present_bool: Some(false),
    }
}

fn map_str(len: i32) -> MapStr {
    let entry = |at| (format!("key {:08x}", scattered(at)), format!("the value that belongs to entry {at}"));
    MapStr::new((0..len).map(entry).collect::<BTreeMap<_, _>>())
}

/// Numbers of every magnitude and sign in no order, so that lengths of varints cannot be foreseen.
fn scattered(at: i32) -> i32 {
    let mixed = at.wrapping_add(1).wrapping_mul(-1_640_531_527);
    let mixed = (mixed ^ (mixed >> 15)).wrapping_mul(-2_048_144_789);
    mixed >> (mixed.cast_unsigned().rotate_left(16) % 32)
}
