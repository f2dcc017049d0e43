//! The types of `idl/codec.thrift` field by field, for the codecs whose own generators are not part of the build.
//!
//! A codec passes two macros, one for structs and one for unions, that make its code for a type from this list.

/// Calls `$structure!` with the fields of each struct and `$union!` with those of each union.
macro_rules! shapes {
    ($structure:ident, $union:ident) => {
        $structure! {
            Struct10 {
                1 required active: bool,
                2 required level: i8,
                3 required port: i16,
                4 required count: i32,
                5 required id: i64,
                6 required ratio: OrderedFloat<f64>,
                7 required name: String,
                8 required note: String,
                9 required offset: i32,
                10 required stamp: i64,
            }
        }
        $structure! {
            Point {
                1 required x: i32,
                2 required y: i32,
                3 optional label: String,
            }
        }
        $union! {
            Shape {
                1 Circle: i64,
                2 Name: String,
                3 Corners: Vec<i32>,
            }
        }
        $structure! {
            Everything {
                1 required truth: bool,
                2 required tiny: i8,
                3 required small: i16,
                4 required medium: i32,
                5 required large: i64,
                6 required real: OrderedFloat<f64>,
                7 required text: String,
                8 required bytes: Vec<u8>,
                9 required id: Uuid,
                10 required color: Color,
                11 required numbers: Vec<i32>,
                12 required words: Vec<String>,
                13 required points: Vec<Point>,
                14 required nested: Vec<Vec<i16>>,
                15 required ids: BTreeSet<i64>,
                16 required names: BTreeSet<String>,
                17 required counts: BTreeMap<String, i32>,
                18 required groups: BTreeMap<i32, Vec<String>>,
                19 required places: BTreeMap<String, Point>,
                20 required origin: Point,
                21 required shape: Shape,
                22 optional present: i32,
                23 optional absent: i32,
                24 optional present_text: String,
                25 optional absent_text: String,
                26 optional present_point: Point,
                27 optional present_list: Vec<OrderedFloat<f64>>,
                28 optional present_bool: bool,
            }
        }
        $structure! {
            ListI32 {
                1 required values: Vec<i32>,
            }
        }
        $structure! {
            MapStr {
                1 required entries: BTreeMap<String, String>,
            }
        }
    };
}

pub(super) use shapes;
