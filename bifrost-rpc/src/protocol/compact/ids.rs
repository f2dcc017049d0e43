//! The ids that the ids of fields are told relative to.

/// Structs inside one another whose ids are kept without an allocation.
const NEAR: usize = 8;

/// The id of the last field of the current struct, and of the structs around it.
#[derive(Debug, Default)]
pub(super) struct FieldIds {
    /// Of the current struct; zero before its first field.
    pub(super) last: i16,
    near: [i16; NEAR],
    far: Vec<i16>,
    depth: usize,
}

impl FieldIds {
    /// A struct begins. How many there may be is the reader's and the writer's limit on depth.
    #[inline]
    pub(super) fn enter(&mut self) {
        match self.near.get_mut(self.depth) {
            Some(place) => *place = self.last,
            None => self.far.push(self.last),
        }
        self.depth += 1;
        self.last = 0;
    }

    /// A struct ends.
    #[inline]
    pub(super) fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.last = match self.near.get(self.depth) {
            Some(last) => *last,
            None => self.far.pop().unwrap_or_default(),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::FieldIds;

    #[test]
    fn ids_come_back_from_any_depth() {
        let mut ids = FieldIds::default();
        for depth in 1..=20 {
            ids.last = depth;
            ids.enter();
            assert_eq!(ids.last, 0);
        }
        for depth in (1..=20).rev() {
            ids.leave();
            assert_eq!(ids.last, depth);
        }
    }

    #[test]
    fn an_end_without_a_beginning_is_harmless() {
        let mut ids = FieldIds::default();
        ids.leave();
        assert_eq!(ids.last, 0);
    }
}
