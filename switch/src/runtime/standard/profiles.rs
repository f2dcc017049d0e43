//! Action profiles: members, and groups of them.

use super::super::convert as to;
use super::super::handler::Runtime;
use super::idl::{BmActionData, BmGroupHandle, BmMemberHandle, BmMtActProfGroup, BmMtActProfMember};
use thrift::Result;

impl Runtime {
    pub(super) fn add_member(
        &self,
        context: i32,
        profile: &str,
        action: &str,
        data: &BmActionData,
    ) -> Result<BmMemberHandle> {
        let added = self.table(context, |engine| engine.profile_add_member(profile, action, data));
        Ok(added?.cast_signed())
    }

    pub(super) fn modify_member(
        &self,
        context: i32,
        profile: &str,
        member: BmMemberHandle,
        action: &str,
        data: &BmActionData,
    ) -> Result<()> {
        let member = member.cast_unsigned();
        self.table(context, |engine| engine.profile_modify_member(profile, member, action, data))
    }

    pub(super) fn delete_member(&self, context: i32, profile: &str, member: BmMemberHandle) -> Result<()> {
        self.table(context, |engine| engine.profile_delete_member(profile, member.cast_unsigned()))
    }

    pub(super) fn member(&self, context: i32, profile: &str, member: BmMemberHandle) -> Result<BmMtActProfMember> {
        self.table(context, |engine| engine.profile_member(profile, member.cast_unsigned())).map(to::member)
    }

    pub(super) fn list_members(&self, context: i32, profile: &str) -> Result<Vec<BmMtActProfMember>> {
        let members = self.table(context, |engine| engine.profile_members(profile))?;
        Ok(members.into_iter().map(to::member).collect())
    }

    pub(super) fn create_group(&self, context: i32, profile: &str) -> Result<BmGroupHandle> {
        Ok(self.table(context, |engine| engine.profile_create_group(profile))?.cast_signed())
    }

    pub(super) fn delete_group(&self, context: i32, profile: &str, group: BmGroupHandle) -> Result<()> {
        self.table(context, |engine| engine.profile_delete_group(profile, group.cast_unsigned()))
    }

    pub(super) fn group(&self, context: i32, profile: &str, group: BmGroupHandle) -> Result<BmMtActProfGroup> {
        self.table(context, |engine| engine.profile_group(profile, group.cast_unsigned())).map(to::group)
    }

    pub(super) fn list_groups(&self, context: i32, profile: &str) -> Result<Vec<BmMtActProfGroup>> {
        let groups = self.table(context, |engine| engine.profile_groups(profile))?;
        Ok(groups.into_iter().map(to::group).collect())
    }

    pub(super) fn join_group(
        &self,
        context: i32,
        profile: &str,
        member: BmMemberHandle,
        group: BmGroupHandle,
    ) -> Result<()> {
        let (member, group) = (member.cast_unsigned(), group.cast_unsigned());
        self.table(context, |engine| engine.profile_join(profile, member, group))
    }

    pub(super) fn leave_group(
        &self,
        context: i32,
        profile: &str,
        member: BmMemberHandle,
        group: BmGroupHandle,
    ) -> Result<()> {
        let (member, group) = (member.cast_unsigned(), group.cast_unsigned());
        self.table(context, |engine| engine.profile_leave(profile, member, group))
    }
}
