//! Operations on action profiles.

use super::super::Engine;
use super::super::state::{pad, unpack};
use super::super::tables::{Profile, TableError};

/// A member as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its handle.
    pub handle: u32,
    /// Its action's name.
    pub action: String,
    /// Its action's data.
    pub data: Vec<Vec<u8>>,
}

/// A group as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its handle.
    pub handle: u32,
    /// The handles of its members.
    pub members: Vec<u32>,
}

impl Engine {
    /// The names of all action profiles, in the program's order.
    pub fn profiles(&self) -> Vec<String> {
        self.program.profiles.iter().map(|profile| profile.name.clone()).collect()
    }

    fn profile_index(&self, name: &str) -> Result<usize, TableError> {
        let found = self.program.profiles.iter().position(|profile| profile.name == name);
        found.ok_or(TableError::InvalidProfileName)
    }

    fn profile(&self, name: &str) -> Result<&Profile, TableError> {
        self.state.profiles.get(self.profile_index(name)?).ok_or(TableError::InvalidProfileName)
    }

    fn profile_mut(&mut self, name: &str) -> Result<&mut Profile, TableError> {
        let index = self.profile_index(name)?;
        self.state.profiles.get_mut(index).ok_or(TableError::InvalidProfileName)
    }

    /// The same, where there are groups.
    fn grouped(&mut self, name: &str) -> Result<&mut Profile, TableError> {
        let index = self.profile_index(name)?;
        if self.program.profiles.get(index).is_none_or(|profile| profile.selector.is_none()) {
            return Err(TableError::NoSelection);
        }
        self.profile_mut(name)
    }

    fn member_data(&self, profile: &str, action: &str, data: &[Vec<u8>]) -> Result<(usize, Vec<u8>), TableError> {
        let actions =
            self.program.profiles.get(self.profile_index(profile)?).map_or(&[][..], |profile| &profile.actions);
        let is_named = |index: &&usize| self.program.actions.get(**index).is_some_and(|found| found.name == action);
        let &index = actions.iter().find(is_named).ok_or(TableError::InvalidActionName)?;
        Ok((index, pad(self.data(index, data)?)))
    }

    /// Adds a member; its handle.
    pub fn profile_add_member(&mut self, profile: &str, action: &str, data: &[Vec<u8>]) -> Result<u32, TableError> {
        let (action, data) = self.member_data(profile, action, data)?;
        self.profile_mut(profile)?.add_member(action, data)
    }

    /// Gives a member another action.
    pub fn profile_modify_member(
        &mut self,
        profile: &str,
        member: u32,
        action: &str,
        data: &[Vec<u8>],
    ) -> Result<(), TableError> {
        let (action, data) = self.member_data(profile, action, data)?;
        self.profile_mut(profile)?.modify_member(member, action, data)
    }

    /// Deletes a member that nothing refers to.
    pub fn profile_delete_member(&mut self, profile: &str, member: u32) -> Result<(), TableError> {
        self.profile_mut(profile)?.delete_member(member)
    }

    /// Makes an empty group; its handle.
    pub fn profile_create_group(&mut self, profile: &str) -> Result<u32, TableError> {
        self.grouped(profile)?.create_group()
    }

    /// Deletes a group that no entry refers to.
    pub fn profile_delete_group(&mut self, profile: &str, group: u32) -> Result<(), TableError> {
        self.grouped(profile)?.delete_group(group)
    }

    /// Puts a member into a group.
    pub fn profile_join(&mut self, profile: &str, member: u32, group: u32) -> Result<(), TableError> {
        self.grouped(profile)?.join(member, group)
    }

    /// Takes a member out of a group.
    pub fn profile_leave(&mut self, profile: &str, member: u32, group: u32) -> Result<(), TableError> {
        self.grouped(profile)?.leave(member, group)
    }

    /// All members.
    pub fn profile_members(&self, profile: &str) -> Result<Vec<Member>, TableError> {
        let found = self.profile(profile)?;
        found.members().map(|handle| self.profile_member(profile, handle)).collect()
    }

    /// One member.
    pub fn profile_member(&self, profile: &str, handle: u32) -> Result<Member, TableError> {
        let member = self.profile(profile)?.member(handle)?;
        let action = self.program.actions.get(member.action).map_or_else(String::new, |action| action.name.clone());
        Ok(Member { handle, action, data: unpack(&self.program, member.action, &member.data) })
    }

    /// All groups.
    pub fn profile_groups(&self, profile: &str) -> Result<Vec<Group>, TableError> {
        let found = self.profile(profile)?;
        found.groups().map(|handle| self.profile_group(profile, handle)).collect()
    }

    /// One group.
    pub fn profile_group(&self, profile: &str, handle: u32) -> Result<Group, TableError> {
        Ok(Group { handle, members: self.profile(profile)?.group_members(handle)?.to_vec() })
    }
}
