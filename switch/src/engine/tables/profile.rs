//! Action profiles: members that entries share, and groups of members among which a hash chooses.

use std::collections::BTreeSet;

use super::super::limits::MEMBERS_MAX;
use super::TableError;

/// A member: an action with its data.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// Its place in the program's actions.
    pub(crate) action: usize,
    pub(crate) data: Vec<u8>,
    users: usize,
}

/// A group.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    members: BTreeSet<u32>,
    /// The same, for the choice of the n-th.
    list: Vec<u32>,
    users: usize,
}

/// A profile's members and groups by handle.
#[derive(Clone, Debug, Default)]
pub(crate) struct Profile {
    members: Vec<Option<Member>>,
    groups: Vec<Option<Group>>,
}

/// The lowest free handle.
fn free<T>(list: &mut Vec<Option<T>>) -> Result<u32, TableError> {
    let at = list.iter().position(Option::is_none).unwrap_or(list.len());
    if at >= MEMBERS_MAX {
        return Err(TableError::Other);
    }
    if at == list.len() {
        list.push(None);
    }
    u32::try_from(at).map_err(|_| TableError::Other)
}

impl Profile {
    pub(crate) fn member(&self, handle: u32) -> Result<&Member, TableError> {
        self.members.get(handle as usize).and_then(Option::as_ref).ok_or(TableError::InvalidMemberHandle)
    }

    fn member_mut(&mut self, handle: u32) -> Result<&mut Member, TableError> {
        self.members.get_mut(handle as usize).and_then(Option::as_mut).ok_or(TableError::InvalidMemberHandle)
    }

    fn group(&self, handle: u32) -> Result<&Group, TableError> {
        self.groups.get(handle as usize).and_then(Option::as_ref).ok_or(TableError::InvalidGroupHandle)
    }

    fn group_mut(&mut self, handle: u32) -> Result<&mut Group, TableError> {
        self.groups.get_mut(handle as usize).and_then(Option::as_mut).ok_or(TableError::InvalidGroupHandle)
    }

    pub(crate) fn add_member(&mut self, action: usize, data: Vec<u8>) -> Result<u32, TableError> {
        let handle = free(&mut self.members)?;
        self.members[handle as usize] = Some(Member { action, data, users: 0 });
        Ok(handle)
    }

    pub(crate) fn modify_member(&mut self, handle: u32, action: usize, data: Vec<u8>) -> Result<(), TableError> {
        let member = self.member_mut(handle)?;
        (member.action, member.data) = (action, data);
        Ok(())
    }

    pub(crate) fn delete_member(&mut self, handle: u32) -> Result<(), TableError> {
        if self.member(handle)?.users > 0 {
            return Err(TableError::MemberStillUsed);
        }
        self.members[handle as usize] = None;
        Ok(())
    }

    pub(crate) fn create_group(&mut self) -> Result<u32, TableError> {
        let handle = free(&mut self.groups)?;
        self.groups[handle as usize] = Some(Group::default());
        Ok(handle)
    }

    pub(crate) fn delete_group(&mut self, handle: u32) -> Result<(), TableError> {
        let group = self.group(handle)?;
        if group.users > 0 {
            return Err(TableError::GroupStillUsed);
        }
        for member in group.list.clone() {
            self.member_mut(member)?.users -= 1;
        }
        self.groups[handle as usize] = None;
        Ok(())
    }

    pub(crate) fn join(&mut self, member: u32, group: u32) -> Result<(), TableError> {
        self.member(member)?;
        let group = self.group_mut(group)?;
        if !group.members.insert(member) {
            return Err(TableError::MemberAlreadyInGroup);
        }
        group.list = group.members.iter().copied().collect();
        self.member_mut(member)?.users += 1;
        Ok(())
    }

    pub(crate) fn leave(&mut self, member: u32, group: u32) -> Result<(), TableError> {
        self.member(member)?;
        let group = self.group_mut(group)?;
        if !group.members.remove(&member) {
            return Err(TableError::MemberNotInGroup);
        }
        group.list = group.members.iter().copied().collect();
        self.member_mut(member)?.users -= 1;
        Ok(())
    }

    /// The members of a group, in order.
    pub(crate) fn group_members(&self, group: u32) -> Result<&[u32], TableError> {
        Ok(&self.group(group)?.list)
    }

    /// The group's member for a hash; `None` where it is empty.
    pub(crate) fn choose(&self, group: u32, hash: u64) -> Option<u32> {
        let list = &self.group(group).ok()?.list;
        list.get(usize::try_from(hash.checked_rem(list.len() as u64)?).ok()?).copied()
    }

    /// An entry refers to a member or group, or no longer does.
    pub(crate) fn refer(&mut self, target: Target, more: bool) -> Result<(), TableError> {
        let users = match target {
            Target::Member(handle) => &mut self.member_mut(handle)?.users,
            Target::Group(handle) => &mut self.group_mut(handle)?.users,
        };
        *users = if more { *users + 1 } else { users.saturating_sub(1) };
        Ok(())
    }

    /// The handles of all members.
    pub(crate) fn members(&self) -> impl Iterator<Item = u32> {
        handles(&self.members)
    }

    /// The handles of all groups.
    pub(crate) fn groups(&self) -> impl Iterator<Item = u32> {
        handles(&self.groups)
    }
}

fn handles<T>(list: &[Option<T>]) -> impl Iterator<Item = u32> {
    (0u32..).zip(list).filter(|(_, found)| found.is_some()).map(|(handle, _)| handle)
}

/// What an entry of an indirect table refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Member(u32),
    Group(u32),
}

/// The bit of a record's target that tells groups from members.
const GROUP: u32 = 1 << 31;

impl Target {
    pub(crate) fn packed(self) -> u32 {
        match self {
            Self::Member(handle) => handle,
            Self::Group(handle) => handle | GROUP,
        }
    }

    #[inline]
    pub(crate) fn unpacked(packed: u32) -> Self {
        if packed & GROUP == 0 { Self::Member(packed) } else { Self::Group(packed & !GROUP) }
    }
}
