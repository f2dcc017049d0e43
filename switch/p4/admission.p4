// Who may send at all.

control Admission(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    direct_counter(CounterType.packets_and_bytes) port_security_counter;
    direct_counter(CounterType.packets_and_bytes) blocked_source_counter;
    direct_counter(CounterType.packets_and_bytes) blocked_destination_counter;

    @name(".admit")
    action admit() {
        meta.admitted = 1;
    }

    @name(".block")
    action block() {
        meta.verdict = DROP_BLOCKED;
    }

    // Which addresses may be the source on which port. Asked for Bifröst, and for all that comes from or goes to the memory.
    // Filled by: the rule compiler from the rack's description; the control plane when a node announces itself and when it goes.
    // An entry for each address of a node (/128), one for the /48 of a memory server, one for each service that a node serves.
    // Default: nobody. A source without an entry may send CONTROL to the control plane, to announce itself, and nothing else.
    @name(".port_security")
    table port_security {
        key = {
            standard.ingress_port: exact @name("ingress_port");
            hdr.ethernet.src: exact @name("source_mac");
            hdr.ipv6.src: lpm @name("source");
        }
        actions = { admit; @defaultonly NoAction; }
        const default_action = NoAction();
        counters = port_security_counter;
        size = 4096;
    }

    // Addresses whose packets are no longer taken, ordinary IPv6 traffic included.
    // Filled by: the control plane when it declares a node dead; emptied when the node comes back.
    // Default: not blocked.
    @name(".blocked_source")
    table blocked_source {
        key = { hdr.ipv6.src: lpm @name("source"); }
        actions = { block; @defaultonly NoAction; }
        const default_action = NoAction();
        counters = blocked_source_counter;
        size = 1024;
    }

    // The same addresses as destinations. A table of its own, because a table is asked once for each packet.
    @name(".blocked_destination")
    table blocked_destination {
        key = { hdr.ipv6.dst: lpm @name("destination"); }
        actions = { block; @defaultonly NoAction; }
        const default_action = NoAction();
        counters = blocked_destination_counter;
        size = 1024;
    }

    apply {
        if (hdr.bifrost.isValid() || meta.to_memory == 1 || meta.from_memory == 1) {
            port_security.apply();
            if (hdr.vlan.isValid()) {
                meta.verdict = DROP_CONCEALED;
            } else if (meta.admitted == 0) {
                if (hdr.bifrost.isValid() && hdr.bifrost.type == CONTROL && meta.to_memory == 0) {
                    meta.verdict = REASON_STRANGER;
                } else {
                    meta.verdict = DROP_FORGED;
                }
            }
        }
        if (meta.verdict == UNDECIDED) {
            blocked_source.apply();
            // A node that was declared dead may announce itself anew.
            if (meta.verdict == DROP_BLOCKED && hdr.bifrost.isValid() && hdr.bifrost.type == CONTROL) {
                meta.verdict = REASON_FENCED;
            }
        }
        if (meta.verdict == UNDECIDED) {
            blocked_destination.apply();
        }
    }
}
