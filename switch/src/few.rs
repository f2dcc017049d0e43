//! Lists that are short nearly always.

/// A list that takes no memory of its own while it has two items at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Few<T> {
    first: [Option<T>; 2],
    more: Vec<T>,
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self { first: [None, None], more: Vec::new() }
    }
}

impl<T> Few<T> {
    pub(crate) fn push(&mut self, item: T) {
        match self.first.iter_mut().find(|place| place.is_none()) {
            Some(place) => *place = Some(item),
            None => self.more.push(item),
        }
    }

    /// The items in the order in which they came.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.first.iter().flatten().chain(&self.more)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.first.iter_mut().flatten().chain(&mut self.more)
    }
}

impl<T> Extend<T> for Few<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        items.into_iter().for_each(|item| self.push(item));
    }
}

impl<T> FromIterator<T> for Few<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut few = Self::default();
        few.extend(items);
        few
    }
}

impl<T> IntoIterator for Few<T> {
    type Item = T;
    type IntoIter = std::iter::Chain<std::iter::Flatten<std::array::IntoIter<Option<T>, 2>>, std::vec::IntoIter<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().flatten().chain(self.more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_a_list(items in prop::collection::vec(any::<u8>(), 0..6)) {
            let mut few: Few<u8> = items.iter().copied().collect();
            prop_assert!(few.iter().eq(&items));
            few.iter_mut().for_each(|item| *item = !*item);
            prop_assert!(few.into_iter().eq(items.iter().map(|item| !item)));
        }
    }
}
