// The data plane of a rack, for v1model. docs/switch.md says what it does and who fills its tables.
//
// constants.p4   numbers that the wire, the control plane and the tables agree on
// headers.p4     what is read of a frame
// parser.p4      how
// admission.p4   who may send
// memory.p4      what goes to and comes from the memory
// calls.p4       Bifröst between nodes
// ordinary.p4    everything else
// checksum.p4    checksums of rewritten packets

#include <core.p4>
#include <v1model.p4>

// Room for a million objects with an entry to read and one to write each.
#ifndef MEMORY_ACCESS_SIZE
#define MEMORY_ACCESS_SIZE 2097152
#endif

#include "constants.p4"
#include "headers.p4"
#include "parser.p4"

// Sends the packet to a machine. Only the MAC addresses change, so checksums stay right; the source becomes the switch's own.
action deliver(out port_t egress, out mac_t dst, out bit<8> verdict, port_t port, mac_t mac) {
    egress = port;
    dst = mac;
    verdict = FORWARDED;
}

#include "admission.p4"
#include "memory.p4"
#include "calls.p4"
#include "ordinary.p4"
#include "checksum.p4"

control BifrostIngress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    // How many packets had which verdict, by the numbers of constants.p4.
    @name(".verdicts")
    counter(64, CounterType.packets_and_bytes) verdicts;
    direct_counter(CounterType.packets_and_bytes) node_counter;

    Admission() admission;
    Memory() memory;
    Calls() calls;
    Ordinary() ordinary;
    AdjustChecksum() adjust_checksum;

    @name(".configure")
    action configure(bit<8> memory_prefix, mac_t mac) {
        meta.memory_prefix = memory_prefix;
        meta.mac = mac;
    }

    // What is fixed for a rack: the prefix of its memory, and the MAC address of the switch, which its nodes have as the static neighbour
    // for memory and services.
    // Filled by: the rule compiler, which sets the default action; there are no entries.
    @name(".rack")
    table rack {
        actions = { configure; }
        default_action = configure(MEMORY_PREFIX_DEFAULT, 0x02b1f0000001);
    }

    // Where an address is: every node's own, and every service's, which leads to one of its instances.
    // Filled by: the rule compiler from the rack's description; the control plane when nodes come and go.
    // Default: undecided, so dropped.
    @name(".node")
    table node {
        key = { hdr.ipv6.dst: exact @name("destination"); }
        actions = { deliver(standard.egress_spec, hdr.ethernet.dst, meta.verdict); @defaultonly NoAction; }
        const default_action = NoAction();
        counters = node_counter;
        size = 16384;
    }

    // A frame from the control plane passes all checks: it is what made them.
    action take_packet_out() {
        meta.from_cpu = 1;
        hdr.packet_out.setInvalid();
    }

    apply {
        meta.ingress_port = (bit<16>)standard.ingress_port;
        rack.apply();
        if (hdr.ipv6.isValid()) {
            if (hdr.ipv6.dst[127:96] == 0 && hdr.ipv6.dst[95:88] == meta.memory_prefix) {
                meta.to_memory = 1;
            }
            if (hdr.ipv6.src[127:96] == 0 && hdr.ipv6.src[95:88] == meta.memory_prefix) {
                meta.from_memory = 1;
            }
        }

        if (standard.ingress_port == CPU_PORT) {
            if (!hdr.packet_out.isValid() || !hdr.ethernet.isValid()) {
                meta.verdict = DROP_PACKET_OUT;
            } else if (hdr.packet_out.mode == MODE_PORT && hdr.packet_out.port <= (bit<16>)CPU_PORT) {
                standard.egress_spec = (port_t)hdr.packet_out.port;
                meta.verdict = PASSED;
            } else if (hdr.packet_out.mode != MODE_ROUTE) {
                meta.verdict = DROP_PACKET_OUT;
            }
            take_packet_out();
        } else if (meta.concealed == 1) {
            meta.verdict = DROP_CONCEALED;
        } else if (hdr.ipv6.isValid()) {
            admission.apply(hdr, meta, standard);
        }

        if (meta.verdict == UNDECIDED) {
            if (meta.to_memory == 1 || (meta.from_memory == 1 && hdr.bifrost.isValid())) {
                memory.apply(hdr, meta, standard);
            } else if (hdr.bifrost.isValid()) {
                calls.apply(hdr, meta, standard);
            } else if (hdr.ethernet.isValid()) {
                ordinary.apply(hdr, meta, standard);
            }
        }
        if (meta.verdict == UNDECIDED && meta.to_node == 1) {
            node.apply();
        }
        if (meta.rewritten == 1 && hdr.udp.checksum != 0) {
            adjust_checksum.apply(hdr.udp.checksum, meta.address_before, meta.address_after);
        }

        verdicts.count((bit<32>)meta.verdict);
        if (meta.verdict == FORWARDED) {
            hdr.ethernet.src = meta.mac;
        } else if (meta.verdict == UNDECIDED || meta.verdict > PASSED) {
            mark_to_drop(standard);
        } else if (meta.verdict < FORWARDED) {
            standard.egress_spec = CPU_PORT;
        }
    }
}

control BifrostEgress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    apply {
        // The instance types of simple_switch: 1 is a clone made at ingress, 5 a copy for a multicast group.
        if (standard.instance_type == 5 && (bit<16>)standard.egress_port == meta.ingress_port) {
            mark_to_drop(standard);
        } else if (standard.egress_port == CPU_PORT) {
            hdr.packet_in.setValid();
            hdr.packet_in.reserved = 0;
            hdr.packet_in.port = meta.ingress_port;
            hdr.packet_in.length = standard.packet_length;
            if (standard.instance_type == 1) {
                hdr.packet_in.reason = REASON_MIRROR;
                truncate(MIRROR_BYTES);
            } else if (meta.verdict >= FORWARDED) {
                hdr.packet_in.reason = REASON_DELIVERED;
            } else {
                hdr.packet_in.reason = meta.verdict;
            }
        }
    }
}

// Checksums are the ends' affair.
control NoChecksum(inout headers_t hdr, inout metadata_t meta) {
    apply {}
}

V1Switch(BifrostParser(), NoChecksum(), BifrostIngress(), BifrostEgress(), NoChecksum(), BifrostDeparser()) main;
