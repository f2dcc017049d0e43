//! The state that a control plane has made, as JSON.

use super::handler::Runtime;
use super::listing::listed;
use super::refused;
use crate::engine::{Engine, Entry, EntryAction, Group, MatchParam, Member};
use serde_json::{Value, json};

/// The version of this form.
const VERSION: u32 = 1;
/// Entries of all tables that one answer holds at most.
const ENTRIES_MAX: usize = 1 << 18;

/// Tables, action profiles, mirroring sessions and multicast groups, for people and for tools that compare. It is not loaded again.
pub(super) fn state(runtime: &Runtime) -> thrift::Result<Vec<u8>> {
    let program = runtime.with(|engine| program(engine))?;
    let switch = runtime.engine().with(|engine| {
        let mirrors = engine.mirrors().map(|(id, to)| json!({"session": id, "port": to.port, "group": to.group}));
        json!({"mirrors": mirrors.collect::<Vec<_>>(), "multicast": listed(engine.multicast())})
    });
    let state = json!({"version": VERSION, "program": program, "switch": switch});
    serde_json::to_vec(&state).map_err(|error| refused::because(error.to_string()))
}

fn program(engine: &Engine) -> thrift::Result<Value> {
    let infos = engine.tables();
    let entries: usize = infos.iter().filter_map(|info| engine.table_len(&info.name).ok()).sum();
    if entries > ENTRIES_MAX {
        return Err(refused::because(format!("{entries} entries are too many to be written down at once")));
    }
    let tables: Vec<Value> = infos.iter().map(|info| table(engine, &info.name)).collect();
    let profiles: Vec<Value> = engine.profiles().iter().map(|name| profile(engine, name)).collect();
    Ok(json!({"tables": tables, "action_profiles": profiles}))
}

fn table(engine: &Engine, name: &str) -> Value {
    let entries = engine.table_entries(name).unwrap_or_default();
    let default = engine.table_default(name).ok().map(action);
    json!({"name": name, "default": default, "entries": entries.into_iter().map(entry).collect::<Vec<_>>()})
}

fn profile(engine: &Engine, name: &str) -> Value {
    let member = |member: Member| json!({"handle": member.handle, "action": action(EntryAction::Action { name: member.action, data: member.data })});
    let group = |group: Group| json!({"handle": group.handle, "members": group.members});
    let members = engine.profile_members(name).unwrap_or_default().into_iter().map(member);
    let groups = engine.profile_groups(name).unwrap_or_default().into_iter().map(group);
    json!({"name": name, "members": members.collect::<Vec<_>>(), "groups": groups.collect::<Vec<_>>()})
}

fn entry(entry: Entry) -> Value {
    let key: Vec<String> = entry.key.iter().map(param).collect();
    json!({"handle": entry.handle, "key": key, "priority": entry.priority, "action": action(entry.action)})
}

fn action(action: EntryAction) -> Value {
    match action {
        EntryAction::Action { name, data } => {
            json!({"name": name, "data": data.iter().map(|value| hex(value)).collect::<Vec<_>>()})
        }
        EntryAction::Member(handle) => json!({"member": handle}),
        EntryAction::Group(handle) => json!({"group": handle}),
    }
}

fn param(param: &MatchParam) -> String {
    match param {
        MatchParam::Exact(value) => hex(value),
        MatchParam::Lpm(value, bits) => format!("{}/{bits}", hex(value)),
        MatchParam::Ternary(value, mask) => format!("{}&&&{}", hex(value), hex(mask)),
        MatchParam::Valid(is_valid) => is_valid.to_string(),
        MatchParam::Range(start, end) => format!("{}->{}", hex(start), hex(end)),
    }
}

fn hex(bytes: &[u8]) -> String {
    ["0x".to_owned()].into_iter().chain(bytes.iter().map(|byte| format!("{byte:02x}"))).collect()
}
