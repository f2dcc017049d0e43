// All that is not Bifröst: the switch's other jobs. Frames pass untouched, save that routed ones lose a hop.

control Ordinary(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    direct_counter(CounterType.packets_and_bytes) l2_counter;
    direct_counter(CounterType.packets_and_bytes) ipv4_route_counter;
    direct_counter(CounterType.packets_and_bytes) ipv6_route_counter;

    @name(".forward")
    action forward(port_t port) {
        standard.egress_spec = port;
        meta.verdict = PASSED;
    }

    @name(".flood")
    action flood(bit<16> group) {
        standard.mcast_grp = group;
        meta.verdict = PASSED;
    }

    // Where a MAC address is.
    // Filled by: the rule compiler from the rack's description.
    // Default: flood. Broadcast, multicast and what nobody knows go to all ports but the one they came from.
    @name(".l2")
    table l2 {
        key = { hdr.ethernet.dst: exact @name("destination_mac"); }
        actions = { forward; flood; }
        default_action = flood(FLOOD_GROUP);
        counters = l2_counter;
        size = 4096;
    }

    // Routes, for frames to the switch's own MAC address.
    // Filled by: the rule compiler from the rack's description.
    // Default: undecided, so dropped.
    @name(".ipv4_route")
    table ipv4_route {
        key = { hdr.ipv4.dst: lpm @name("destination"); }
        actions = { deliver(standard.egress_spec, hdr.ethernet.dst, meta.verdict); @defaultonly NoAction; }
        const default_action = NoAction();
        counters = ipv4_route_counter;
        size = 4096;
    }

    // The same for IPv6.
    @name(".ipv6_route")
    table ipv6_route {
        key = { hdr.ipv6.dst: lpm @name("destination"); }
        actions = { deliver(standard.egress_spec, hdr.ethernet.dst, meta.verdict); @defaultonly NoAction; }
        const default_action = NoAction();
        counters = ipv6_route_counter;
        size = 4096;
    }

    apply {
        if (hdr.ethernet.dst != meta.mac) {
            l2.apply();
        } else if (hdr.ipv6.isValid()) {
            if (hdr.ipv6.hop_limit <= 1) {
                meta.verdict = DROP_HOP_LIMIT;
            } else {
                ipv6_route.apply();
                hdr.ipv6.hop_limit = hdr.ipv6.hop_limit - 1;
            }
        } else if (hdr.ipv4.isValid()) {
            if (hdr.ipv4.ttl <= 1) {
                meta.verdict = DROP_HOP_LIMIT;
            } else {
                ipv4_route.apply();
                hdr.ipv4.ttl = hdr.ipv4.ttl - 1;
                // RFC 1624: the word that holds the TTL went down by 0x0100.
                bit<32> sum = (bit<32>)(~hdr.ipv4.checksum) + 0xfeff;
                sum = (sum & 0xffff) + (sum >> 16);
                hdr.ipv4.checksum = ~(bit<16>)sum;
            }
        }
    }
}
