// Numbers that the wire, the control plane and the tables agree on.

typedef bit<9>   port_t;
typedef bit<48>  mac_t;
typedef bit<128> address_t;

// The UDP port of a rack. A datagram from or to any other is ordinary traffic.
const bit<16> RACK_PORT = 7400;
// The port that leads to the control plane. 511 is the one that drops.
const port_t CPU_PORT = 510;
// The clone session that leads to the control plane, and how much of a frame a mirror keeps, its packet-in header included.
const bit<32> MIRROR_SESSION = 1;
const bit<32> MIRROR_BYTES = 256;
// The multicast group of all ports but the control plane's.
const bit<16> FLOOD_GROUP = 1;
// The prefix byte of the rack's memory until the control plane sets another.
const bit<8> MEMORY_PREFIX_DEFAULT = 0xfd;

// The first three bytes of a Bifröst packet: identifier and version.
const bit<24> IDENTITY = 0xb1f001;

const bit<16> ETHERTYPE_IPV4 = 0x0800;
const bit<16> ETHERTYPE_IPV6 = 0x86dd;
const bit<16> ETHERTYPE_VLAN = 0x8100;
const bit<16> ETHERTYPE_SERVICE_VLAN = 0x88a8;

const bit<8> PROTOCOL_HOP_BY_HOP = 0;
const bit<8> PROTOCOL_UDP = 17;
const bit<8> PROTOCOL_ROUTING = 43;
const bit<8> PROTOCOL_FRAGMENT = 44;
const bit<8> PROTOCOL_AUTHENTICATION = 51;
const bit<8> PROTOCOL_DESTINATION = 60;

// Packet types.
const bit<8> CALL = 1;
const bit<8> REPLY = 2;
const bit<8> EXCEPTION = 3;
const bit<8> ONEWAY = 4;
const bit<8> MEMORY = 5;
const bit<8> CONTROL = 6;
const bit<8> OPEN = 7;
const bit<8> OPENED = 8;
const bit<8> ACK = 9;
const bit<8> HELD = 10;
const bit<8> REFUSED = 11;
const bit<8> DONE = 12;
const bit<8> PING = 13;
const bit<8> PONG = 14;
const bit<8> CLOSE = 15;
const bit<8> CANCEL = 16;

// Operations on memory, byte 6 of a pointer.
const bit<8> OPERATION_NONE = 0;
const bit<8> OPERATION_ALLOC = 1;
const bit<8> OPERATION_READ = 2;
const bit<8> OPERATION_WRITE = 3;
const bit<8> OPERATION_FREE = 4;

// What rpc_service asks for: bits of its `tracking`.
const bit<8> MIRROR_CALLS = 0x01;
const bit<8> REDIRECT_CALLS = 0x02;
const bit<8> MIRROR_ANSWERS = 0x04;
const bit<8> REDIRECT_ANSWERS = 0x08;

// What a packet-out header asks for.
const bit<8> MODE_ROUTE = 0; // let the forwarding tables choose
const bit<8> MODE_PORT = 1;  // out of the port that the header names

// What became of a packet. 0, undecided, is dropped: nothing leaves the switch that no table let leave.
const bit<8> UNDECIDED = 0;
// 1 to 31 send it to the control plane, where they are the packet-in header's reason.
const bit<8> REASON_DELIVERED = 1; // an entry leads to the control plane's port
const bit<8> REASON_MIRROR = 2;    // a truncated copy; the packet itself went on
const bit<8> REASON_UNSERVED = 3;  // nobody serves the method
const bit<8> REASON_TRACKED = 4;   // rpc_service redirects calls or answers of this method
const bit<8> REASON_LEASE = 5;     // begins, passes on or ends leases of pointers
const bit<8> REASON_HELD = 6;      // rpc_instance holds what goes to this instance
const bit<8> REASON_ALLOC = 7;     // ALLOC or its answer
const bit<8> REASON_FREE = 8;      // FREE or its answer
const bit<8> REASON_CONTROL = 9;   // CONTROL of a node in good standing
const bit<8> REASON_STRANGER = 10; // CONTROL of a source that port_security does not know
const bit<8> REASON_FENCED = 11;   // CONTROL of a blocked source
const bit<8> FORWARDED = 32;       // to a machine, under that machine's MAC address
const bit<8> PASSED = 33;          // as it came
// From 34 on it is dropped.
const bit<8> DROP_CONCEALED = 34;   // may hide a Bifröst packet from the tables
const bit<8> DROP_FORGED = 35;      // port_security does not know the source
const bit<8> DROP_BLOCKED = 36;     // source or destination is blocked
const bit<8> DROP_FOREIGN = 37;     // not Bifröst, to the memory
const bit<8> DROP_MISMATCH = 38;    // header's pointer and address differ
const bit<8> DROP_MALFORMED = 39;   // type, direction, operation and object do not go together
const bit<8> DROP_NO_ACCESS = 40;   // memory_access does not allow it
const bit<8> DROP_CONTROL = 41;     // CONTROL from a node to the memory
const bit<8> DROP_NOT_MEMORY = 42;  // MEMORY between two that are no memory
const bit<8> DROP_HELD = 43;        // HELD that is not the control plane's
const bit<8> DROP_HOP_LIMIT = 44;   // nothing left of a routed packet's hop limit
const bit<8> DROP_PACKET_OUT = 45;  // from the control plane, without a sound packet-out header
