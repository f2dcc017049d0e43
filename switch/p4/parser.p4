// Ethernet, one VLAN tag, IPv4 or IPv6, UDP, and the part of a Bifröst packet that concerns a switch.
//
// Every decision rests on the header, so a packet that an end would take for Bifröst and that the tables cannot read must not pass: one
// behind extension headers, in IP fragments, behind IPv4 options, in IPv4. Such packets are marked `concealed`. Where bytes
// are missing the parser stops: what was read until then stands.

parser BifrostParser(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    // A lookahead goes through a variable: within a `select` BMv2 does not check that the bytes are there.
    bit<8>  next;
    bit<24> identity;
    bit<32> fragment;
    bit<32> ports;
    bit<88> datagram;
    bit<96> fragment_ports;

    state start {
        transition select(standard.ingress_port) {
            CPU_PORT: parse_packet_out;
            default: parse_ethernet;
        }
    }

    state parse_packet_out {
        packet.extract(hdr.packet_out);
        transition parse_ethernet;
    }

    state parse_ethernet {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.type) {
            ETHERTYPE_IPV6: parse_ipv6;
            ETHERTYPE_IPV4: parse_ipv4;
            ETHERTYPE_VLAN: parse_vlan;
            ETHERTYPE_SERVICE_VLAN: parse_vlan;
            default: accept;
        }
    }

    // Kernels take frames with tag 0 as untagged, even several tags.
    state parse_vlan {
        packet.extract(hdr.vlan);
        transition select(hdr.vlan.type) {
            ETHERTYPE_IPV6: parse_ipv6;
            ETHERTYPE_IPV4: parse_ipv4;
            ETHERTYPE_VLAN: conceal;
            ETHERTYPE_SERVICE_VLAN: conceal;
            default: accept;
        }
    }

    state parse_ipv6 {
        packet.extract(hdr.ipv6);
        transition select(hdr.ipv6.next_header) {
            PROTOCOL_UDP: parse_udp;
            PROTOCOL_FRAGMENT: parse_fragment;
            PROTOCOL_HOP_BY_HOP: parse_extension;
            PROTOCOL_ROUTING: parse_extension;
            PROTOCOL_AUTHENTICATION: parse_extension;
            PROTOCOL_DESTINATION: parse_extension;
            default: accept;
        }
    }

    // Multicast listener reports and the like pass; what is UDP, or may become it further on, does not.
    state parse_extension {
        meta.concealed = 1;
        next = packet.lookahead<bit<8>>();
        transition select(next) {
            PROTOCOL_UDP: accept;
            PROTOCOL_FRAGMENT: accept;
            PROTOCOL_HOP_BY_HOP: accept;
            PROTOCOL_ROUTING: accept;
            PROTOCOL_AUTHENTICATION: accept;
            PROTOCOL_DESTINATION: accept;
            default: reveal;
        }
    }

    // Only the fragment at offset 0 has ports to look at; without it no datagram is ever put together.
    state parse_fragment {
        meta.concealed = 1;
        fragment = packet.lookahead<bit<32>>();
        transition select(fragment) {
            0x11000000 &&& 0xff00fff8: parse_fragment_udp;
            0x2c000000 &&& 0xff00fff8: accept;
            0x00000000 &&& 0xff00fff8: accept;
            0x2b000000 &&& 0xff00fff8: accept;
            0x33000000 &&& 0xff00fff8: accept;
            0x3c000000 &&& 0xff00fff8: accept;
            default: reveal;
        }
    }

    state parse_fragment_udp {
        fragment_ports = packet.lookahead<bit<96>>();
        ports = fragment_ports[31:0];
        transition select(ports) {
            (bit<32>)RACK_PORT << 16 &&& 0xffff0000: accept;
            (bit<32>)RACK_PORT &&& 0x0000ffff: accept;
            default: reveal;
        }
    }

    state parse_udp {
        packet.extract(hdr.udp);
        transition select(hdr.udp.src_port, hdr.udp.dst_port) {
            (RACK_PORT, _): parse_identity;
            (_, RACK_PORT): parse_identity;
            default: accept;
        }
    }

    state parse_identity {
        identity = packet.lookahead<bit<24>>();
        transition select(identity) {
            IDENTITY: parse_bifrost;
            default: accept;
        }
    }

    state parse_bifrost {
        packet.extract(hdr.bifrost);
        transition accept;
    }

    // In a rack Bifröst runs over IPv6 alone: the tables know no other addresses.
    state parse_ipv4 {
        packet.extract(hdr.ipv4);
        transition select(hdr.ipv4.protocol, hdr.ipv4.fragment_offset, hdr.ipv4.length) {
            (PROTOCOL_UDP, 0, 5): parse_ipv4_udp;
            (PROTOCOL_UDP, 0, _): conceal;
            default: accept;
        }
    }

    state parse_ipv4_udp {
        ports = packet.lookahead<bit<32>>();
        transition select(ports) {
            (bit<32>)RACK_PORT << 16 &&& 0xffff0000: parse_ipv4_rack;
            (bit<32>)RACK_PORT &&& 0x0000ffff: parse_ipv4_rack;
            default: accept;
        }
    }

    state parse_ipv4_rack {
        transition select(hdr.ipv4.more_fragments) {
            1: conceal;
            default: parse_ipv4_identity;
        }
    }

    state parse_ipv4_identity {
        datagram = packet.lookahead<bit<88>>();
        identity = datagram[23:0];
        transition select(identity) {
            IDENTITY: conceal;
            default: accept;
        }
    }

    state conceal {
        meta.concealed = 1;
        transition accept;
    }

    state reveal {
        meta.concealed = 0;
        transition accept;
    }
}

control BifrostDeparser(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr.packet_in);
        packet.emit(hdr.ethernet);
        packet.emit(hdr.vlan);
        packet.emit(hdr.ipv4);
        packet.emit(hdr.ipv6);
        packet.emit(hdr.udp);
        packet.emit(hdr.bifrost);
    }
}
