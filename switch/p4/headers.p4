// What is read of a frame, and what the stages of the pipeline tell each other.

// Before each frame that goes to the control plane.
@controller_header("packet_in")
header packet_in_h {
    bit<8>  reason;
    bit<8>  reserved;
    bit<16> port;   // the one that the frame came in by
    bit<32> length; // of the frame when it came in, in bytes; a mirror holds less of it
}

// Before each frame that comes from the control plane.
@controller_header("packet_out")
header packet_out_h {
    bit<8>  mode;
    bit<8>  reserved;
    bit<16> port;   // MODE_PORT: the one to go out by
    bit<32> reserved_length;
}

header ethernet_h {
    mac_t   dst;
    mac_t   src;
    bit<16> type;
}

header vlan_h {
    bit<16> tag;
    bit<16> type;
}

// Without options.
header ipv4_h {
    bit<4>  version;
    bit<4>  length;
    bit<8>  service;
    bit<16> total_length;
    bit<16> id;
    bit<2>  unused_flags;
    bit<1>  more_fragments;
    bit<13> fragment_offset;
    bit<8>  ttl;
    bit<8>  protocol;
    bit<16> checksum;
    bit<32> src;
    bit<32> dst;
}

header ipv6_h {
    bit<4>    version;
    bit<8>    traffic_class;
    bit<20>   flow_label;
    bit<16>   payload_length;
    bit<8>    next_header;
    bit<8>    hop_limit;
    address_t src;
    address_t dst;
}

header udp_h {
    bit<16> src_port;
    bit<16> dst_port;
    bit<16> length;
    bit<16> checksum;
}

// Bytes 0 to 63 of a Bifröst packet; what follows is between the ends.
header bifrost_h {
    bit<16>   identifier;
    bit<8>    version;
    bit<8>    type;
    bit<7>    other_flags;
    bit<1>    batch;
    bit<1>    ack_now;
    bit<1>    prompt;
    bit<1>    sealed;
    bit<1>    references;
    bit<1>    memory_reply;
    bit<1>    leased;
    bit<1>    to_callee;
    bit<1>    first;
    bit<8>    method_length;
    bit<8>    pointers;
    bit<128>  method;
    address_t pointer;
    bit<64>   client;
    bit<64>   rpc;
    bit<32>   instance;
    bit<32>   incarnation;
}

struct headers_t {
    packet_in_h  packet_in;
    packet_out_h packet_out;
    ethernet_h   ethernet;
    vlan_h       vlan;
    ipv4_h       ipv4;
    ipv6_h       ipv6;
    udp_h        udp;
    bifrost_h    bifrost;
}

// What a mirrored copy keeps of the metadata.
const bit<8> MIRROR_FIELDS = 1;

// Everything is 0 when a packet comes in.
struct metadata_t {
    @field_list(1) // MIRROR_FIELDS
    bit<16>   ingress_port;
    bit<8>    verdict;

    // The rack, as the table `rack` says it.
    bit<8>    memory_prefix;
    mac_t     mac;

    // What the parser and the first stage found out.
    bit<1>    concealed;
    bit<1>    from_cpu;
    bit<1>    admitted;
    bit<1>    to_memory;
    bit<1>    from_memory;

    // What rpc_service says of the method.
    bit<1>    served;
    bit<8>    tracking;
    bit<16>   service;
    bit<16>   share;

    // The packet goes to, or comes from, the object with this pointer.
    bit<8>    server;
    bit<8>    operation;
    bit<8>    argument;
    bit<64>   object;

    // The table `node` is to choose the port.
    bit<1>    to_node;

    // The address that was rewritten, for the checksum.
    bit<1>    rewritten;
    address_t address_before;
    address_t address_after;
}
