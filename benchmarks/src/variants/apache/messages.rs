//! The argument and result structs of the benchmark services, coded by the calls that Apache's generated code makes.

use thrift::protocol::{
    TFieldIdentifier, TInputProtocol, TListIdentifier, TOutputProtocol, TStructIdentifier, TType, field_id,
    prealloc_size, verify_required_field_exists,
};

/// A struct on the wire.
pub(super) trait Message: Sized {
    /// Writes it.
    fn write(&self, output: &mut dyn TOutputProtocol) -> thrift::Result<()>;
    /// Reads one.
    fn read(input: &mut dyn TInputProtocol) -> thrift::Result<Self>;
}

/// The type of a field.
trait Value: Sized {
    const TYPE: TType;
    fn write(&self, output: &mut dyn TOutputProtocol) -> thrift::Result<()>;
    fn read(input: &mut dyn TInputProtocol) -> thrift::Result<Self>;
}

/// `byte`.
impl Value for i8 {
    const TYPE: TType = TType::I08;

    fn write(&self, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
        output.write_i8(*self)
    }

    fn read(input: &mut dyn TInputProtocol) -> thrift::Result<Self> {
        input.read_i8()
    }
}

/// `i32`.
impl Value for i32 {
    const TYPE: TType = TType::I32;

    fn write(&self, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
        output.write_i32(*self)
    }

    fn read(input: &mut dyn TInputProtocol) -> thrift::Result<Self> {
        input.read_i32()
    }
}

/// `i64`.
impl Value for i64 {
    const TYPE: TType = TType::I64;

    fn write(&self, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
        output.write_i64(*self)
    }

    fn read(input: &mut dyn TInputProtocol) -> thrift::Result<Self> {
        input.read_i64()
    }
}

/// `binary`.
impl Value for Vec<u8> {
    const TYPE: TType = TType::String;

    fn write(&self, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
        output.write_bytes(self)
    }

    fn read(input: &mut dyn TInputProtocol) -> thrift::Result<Self> {
        input.read_bytes()
    }
}

/// `list<byte>`, element by element.
impl Value for Vec<i8> {
    const TYPE: TType = TType::List;

    fn write(&self, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
        let length = i32::try_from(self.len()).map_err(|error| thrift::Error::User(Box::new(error)))?;
        output.write_list_begin(&TListIdentifier::new(TType::I08, length))?;
        for element in self {
            output.write_i8(*element)?;
        }
        output.write_list_end()
    }

    fn read(input: &mut dyn TInputProtocol) -> thrift::Result<Self> {
        let list = input.read_list_begin()?;
        let mut elements = Vec::with_capacity(prealloc_size(list.size));
        for _ in 0..list.size {
            elements.push(input.read_i8()?);
        }
        input.read_list_end()?;
        Ok(elements)
    }
}

/// Declares a struct whose fields are all required, as those of arguments and of a result without exceptions are.
macro_rules! message {
    ($(#[$doc:meta])* $name:ident { $($id:literal: $field:ident: $type:ty = $wire:literal),* }) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(super) struct $name { $(pub(super) $field: $type),* }

        impl Message for $name {
            fn write(&self, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
                output.write_struct_begin(&TStructIdentifier::new(stringify!($name)))?;
                $(
                    output.write_field_begin(&TFieldIdentifier::new($wire, <$type as Value>::TYPE, $id))?;
                    Value::write(&self.$field, output)?;
                    output.write_field_end()?;
                )*
                output.write_field_stop()?;
                output.write_struct_end()
            }

            fn read(input: &mut dyn TInputProtocol) -> thrift::Result<Self> {
                input.read_struct_begin()?;
                $(let mut $field: Option<$type> = None;)*
                loop {
                    let field = input.read_field_begin()?;
                    if field.field_type == TType::Stop {
                        break;
                    }
                    match field_id(&field)? {
                        $($id => $field = Some(Value::read(input)?),)*
                        _ => input.skip(field.field_type)?,
                    }
                    input.read_field_end()?;
                }
                input.read_struct_end()?;
                $(verify_required_field_exists(concat!(stringify!($name), ".", $wire), &$field)?;)*
                Ok(Self { $($field: $field.unwrap_or_default()),* })
            }
        }
    };
}

message! {
    /// Of a method without arguments, and of `void`.
    Empty {}
}
message! {
    /// Of `echo`.
    EchoArgs { 1: data: Vec<u8> = "data" }
}
message! {
    /// Of `increment`.
    IncrementArgs { 1: data: Vec<u8> = "data", 2: amount: i8 = "amount" }
}
message! {
    /// Of `increment_list`.
    IncrementListArgs { 1: data: Vec<i8> = "data", 2: amount: i8 = "amount" }
}
message! {
    /// Of `add`.
    AddArgs { 1: a: Vec<u8> = "a", 2: b: Vec<u8> = "b" }
}
message! {
    /// Of `visit`.
    VisitArgs { 1: data: Vec<u8> = "data", 2: offset: i32 = "offset" }
}
message! {
    /// An `i64` result.
    NumberResult { 0: value: i64 = "result_value" }
}
message! {
    /// A `binary` result.
    BinaryResult { 0: value: Vec<u8> = "result_value" }
}
message! {
    /// A `list<byte>` result.
    ListResult { 0: value: Vec<i8> = "result_value" }
}

#[cfg(test)]
mod tests {
    use thrift::protocol::{TBinaryInputProtocol, TBinaryOutputProtocol};
    use thrift::transport::{ReadHalf, TBufferChannel, TIoChannel, WriteHalf};

    use super::*;

    fn ends() -> (TBinaryInputProtocol<ReadHalf<TBufferChannel>>, TBinaryOutputProtocol<WriteHalf<TBufferChannel>>) {
        let (read, write) = TBufferChannel::with_capacity(256, 256).split().unwrap();
        (TBinaryInputProtocol::new(read, true), TBinaryOutputProtocol::new(write, true))
    }

    #[test]
    fn a_list_is_coded_by_element() {
        let (_, mut output) = ends();
        IncrementListArgs { data: vec![1, -1], amount: 3 }.write(&mut output).unwrap();
        let expected = [15, 0, 1, 3, 0, 0, 0, 2, 1, 0xFF, 3, 0, 2, 3, 0];
        assert_eq!(output.transport.write_bytes(), expected);
    }

    #[test]
    fn a_missing_field_is_an_error() {
        let (mut input, mut output) = ends();
        Empty {}.write(&mut output).unwrap();
        let bytes = output.transport.write_bytes();
        input.transport.set_readable_bytes(&bytes);
        let error = EchoArgs::read(&mut input).unwrap_err();
        assert!(format!("{error:?}").contains("EchoArgs.data"), "{error:?}");
    }
}
