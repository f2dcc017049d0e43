/**
 * `uuid` in every place: apart from the rest, because compilers before 0.18 do not know it.
 */
namespace rs interop_uuid

include "interop_shared.thrift"

const uuid NOBODY = "00000000-0000-0000-0000-000000000000"

struct Uuids {
  1: uuid id,
  2: required uuid must = "00112233-4455-6677-8899-aabbccddeeff",
  3: optional uuid may,
  4: list<uuid> several,
  5: set<uuid> unique,
  6: map<uuid, string> by_id,
  7: map<string, list<uuid>> named,
  8: UuidChoice choice,
}

union UuidChoice { 1: uuid id, 2: list<uuid> ids }

exception Unknown { 1: uuid id }

service InteropUuid extends interop_shared.InteropBase {
  uuid echo_uuid(1: uuid value) throws (1: Unknown unknown),
  Uuids echo_uuids(1: Uuids value),
}
