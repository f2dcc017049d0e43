//! References for serde: a value as it is; a pointer as `{"bifrost.ref": "…"}`, which is for people and not read again.

use super::Ref;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

impl<T: Serialize> Serialize for Ref<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(value) = self.value() {
            return value.serialize(serializer);
        }
        let pointer = self.pointer().map(|pointer| Uuid::from_bytes(pointer.to_bytes()).to_string());
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("bifrost.ref", &pointer)?;
        map.end()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ref<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::from)
    }
}
