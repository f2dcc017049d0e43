// Bifröst between nodes: which packets the control plane must see, and where the others go.

control Calls(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    direct_counter(CounterType.packets_and_bytes) rpc_service_counter;
    direct_counter(CounterType.packets_and_bytes) rpc_instance_counter;
    direct_counter(CounterType.packets_and_bytes) rpc_place_counter;
    direct_counter(CounterType.packets_and_bytes) service_source_counter;

    // As `deliver`, to a node that does not own the service's address and gets its own instead.
    @name(".deliver_to")
    action deliver_to(port_t port, mac_t mac, address_t address) {
        meta.rewritten = 1;
        meta.address_before = hdr.ipv6.dst;
        meta.address_after = address;
        hdr.ipv6.dst = address;
        standard.egress_spec = port;
        hdr.ethernet.dst = mac;
        meta.verdict = FORWARDED;
    }

    @name(".serve")
    action serve(bit<16> service, bit<8> tracking) {
        meta.served = 1;
        meta.service = service;
        meta.tracking = tracking;
    }

    @name(".hold")
    action hold() {
        meta.verdict = REASON_HELD;
    }

    @name(".answer_as")
    action answer_as(address_t address) {
        meta.rewritten = 1;
        meta.address_before = hdr.ipv6.src;
        meta.address_after = address;
        hdr.ipv6.src = address;
    }

    // Which service a method belongs to, and how its calls are tracked: `tracking` is a sum of the bits in constants.p4.
    // Filled by: the rule compiler from the manifests and the rack's description, all methods of a service with the same number.
    // Default: redirect. The control plane keeps the packet until somebody serves the method, or refuses it.
    @name(".rpc_service")
    table rpc_service {
        key = {
            hdr.bifrost.method_length: exact @name("method_length");
            hdr.bifrost.method: exact @name("method");
        }
        actions = { serve; @defaultonly NoAction; }
        const default_action = NoAction();
        counters = rpc_service_counter;
        size = 16384;
    }

    // Where an instance is, once a session names one.
    // Filled by: the control plane when a node announces the instance; `hold` while a dead instance is restored elsewhere.
    // Default: rpc_place chooses. The instance that gets such a packet does not know the session and says so.
    @name(".rpc_instance")
    table rpc_instance {
        key = { hdr.bifrost.instance: exact @name("instance"); }
        actions = { deliver(standard.egress_spec, hdr.ethernet.dst, meta.verdict); deliver_to; hold; @defaultonly NoAction; }
        const default_action = NoAction();
        counters = rpc_instance_counter;
        size = 65536;
    }

    // Which instance a new session goes to. `share` is a hash of client and nonce, so a repeated OPEN finds the same one. Each instance
    // has some prefixes of the 16 bits: a single one has /0, two have a /1 each.
    // Filled by: the rule compiler and the control plane, for each service the instances that serve it now.
    // Default: redirect, as for a method that nobody serves.
    @name(".rpc_place")
    table rpc_place {
        key = {
            meta.service: exact @name("service");
            meta.share: lpm @name("share");
        }
        actions = { deliver(standard.egress_spec, hdr.ethernet.dst, meta.verdict); deliver_to; @defaultonly NoAction; }
        const default_action = NoAction();
        counters = rpc_place_counter;
        size = 16384;
    }

    // The service address that a node's answers come from, for nodes that do not own it. The reverse of `deliver_to`.
    // Filled by: the rule compiler, for nodes that the rack's description says so of.
    // Default: the source stays.
    @name(".service_source")
    table service_source {
        key = {
            hdr.ipv6.src: exact @name("source");
            hdr.udp.src_port: exact @name("source_port");
        }
        actions = { answer_as; @defaultonly NoAction; }
        const default_action = NoAction();
        counters = service_source_counter;
        size = 4096;
    }

    apply {
        bit<8> type = hdr.bifrost.type;
        bool to_callee = hdr.bifrost.to_callee == 1;
        bool first = hdr.bifrost.first == 1;
        bool leased = hdr.bifrost.leased == 1;
        bool named = hdr.bifrost.method_length != 0;
        bool call = type == CALL || type == ONEWAY;
        bool answer = type == REPLY || type == EXCEPTION;
        bool from_node = meta.from_cpu == 0;

        // What may not pass at all.
        if (type == MEMORY) {
            meta.verdict = DROP_NOT_MEMORY;
        } else if (type == CONTROL) {
            if (from_node) {
                meta.verdict = REASON_CONTROL;
            }
        } else if (type == HELD) {
            if (from_node || to_callee) {
                meta.verdict = DROP_HELD;
            }
        } else if (to_callee) {
            if (!(call || type == OPEN || type == ACK || type == PING || type == CLOSE || type == CANCEL)) {
                meta.verdict = DROP_MALFORMED;
            }
        } else if (!(answer || type == OPENED || type == ACK || type == REFUSED || type == DONE || type == PONG)) {
            meta.verdict = DROP_MALFORMED;
        }

        if (meta.verdict == UNDECIDED && named) {
            rpc_service.apply();
        }

        // What the control plane must see first. Of a message that is the fragment at offset 0: none is complete without it.
        if (meta.verdict == UNDECIDED && from_node) {
            if ((call || answer) && first && (leased || hdr.bifrost.pointers != 0)) {
                meta.verdict = REASON_LEASE;
            } else if ((type == DONE || type == CANCEL || type == REFUSED) && leased) {
                meta.verdict = REASON_LEASE;
            } else if (to_callee && named && first && meta.served == 0) {
                meta.verdict = REASON_UNSERVED;
            } else if (call && first && (meta.tracking & REDIRECT_CALLS) != 0) {
                meta.verdict = REASON_TRACKED;
            } else if (answer && first && (meta.tracking & REDIRECT_ANSWERS) != 0) {
                meta.verdict = REASON_TRACKED;
            } else if ((call && first && (meta.tracking & MIRROR_CALLS) != 0)
                       || (answer && first && (meta.tracking & MIRROR_ANSWERS) != 0)) {
                clone_preserving_field_list(CloneType.I2E, MIRROR_SESSION, MIRROR_FIELDS);
            }
        }

        // Where it goes: the session's instance, else one of the service, else by address.
        if (meta.verdict == UNDECIDED) {
            if (to_callee && type != CONTROL) {
                if (hdr.bifrost.instance != 0) {
                    rpc_instance.apply();
                }
                if (meta.verdict == UNDECIDED && meta.served == 1) {
                    hash(meta.share, HashAlgorithm.crc16, (bit<16>)0, { hdr.bifrost.client, hdr.bifrost.rpc },
                         (bit<32>)65536);
                    rpc_place.apply();
                }
                if (meta.verdict == UNDECIDED && named && first && from_node) {
                    meta.verdict = REASON_UNSERVED;
                }
                if (meta.verdict == UNDECIDED && (!named || !from_node)) {
                    meta.to_node = 1;
                }
            } else {
                service_source.apply();
                meta.to_node = 1;
            }
        }
    }
}
