//! Buffers to be used again: fresh memory costs page faults, which for large messages cost more than the copying.

use super::memory_api::SPENT_BYTES_MAX;

/// Buffers kept at most, of each kind.
const KEPT_MAX: usize = 8;
/// Large buffers that there may be before one is kept that its owner gave to be sent: as many as are soon wanted again.
const SENT_KEPT_MAX: usize = 2;
/// A buffer of at least this size serves large messages.
const LARGE_BYTES_MIN: usize = 16 * 1024;
/// Larger buffers than this are given back to the system.
const KEPT_BYTES_MAX: usize = SPENT_BYTES_MAX;
/// What a fresh buffer is filled with. Zeros are what an allocator may have the system make page by page, by faults that take longer
/// than the filling, even where it has memory at hand that was used before (jemalloc does).
const FILLING: u8 = 0xa5;

/// A buffer of arbitrary content. What is huge is left to the system all the same, so that a length which is only announced costs nothing.
fn fresh(len: usize) -> Vec<u8> {
    if len <= KEPT_BYTES_MAX { vec![FILLING; len] } else { vec![0; len] }
}

/// Spent buffers.
#[derive(Debug, Default)]
pub(super) struct BufferPool {
    small: Vec<Vec<u8>>,
    large: Vec<Vec<u8>>,
    /// Small ones that were objects, those that came last at the end.
    objects: Vec<Vec<u8>>,
}

impl BufferPool {
    /// A buffer of `len` bytes of arbitrary content.
    pub(super) fn take(&mut self, len: usize) -> Vec<u8> {
        let fits = self.large.iter().position(|spent| spent.len() >= len && spent.len() / 4 <= len);
        match fits {
            Some(at) => {
                let mut buffer = self.large.swap_remove(at);
                buffer.truncate(len);
                buffer
            }
            None => fresh(len),
        }
    }

    /// A buffer of `len` bytes of arbitrary content and no spare capacity, to be kept by whoever gets it.
    pub(super) fn take_exact(&mut self, len: usize) -> Vec<u8> {
        let fits = self.large.iter().position(|spent| spent.len() == len && spent.capacity() == len);
        fits.map_or_else(|| fresh(len), |at| self.large.swap_remove(at))
    }

    /// A copy of `bytes` in a buffer as [`BufferPool::take_exact`] gives them.
    pub(super) fn copy_exact(&mut self, bytes: &[u8]) -> Vec<u8> {
        if bytes.len() < LARGE_BYTES_MIN {
            let fits = self.objects.iter().rposition(|spent| spent.capacity() == bytes.len() && !bytes.is_empty());
            let Some(at) = fits else { return bytes.to_vec() };
            let mut buffer = self.objects.remove(at);
            buffer.clear();
            buffer.extend_from_slice(bytes);
            return buffer;
        }
        let mut buffer = self.take_exact(bytes.len());
        buffer.copy_from_slice(bytes);
        buffer
    }

    /// A small empty buffer.
    pub(super) fn take_small(&mut self) -> Vec<u8> {
        self.small.pop().unwrap_or_else(|| Vec::with_capacity(512))
    }

    /// A copy of `bytes`, in a buffer that was used before where there is one.
    pub(super) fn copy(&mut self, bytes: &[u8]) -> Vec<u8> {
        if bytes.len() >= LARGE_BYTES_MIN {
            let mut buffer = self.take(bytes.len());
            buffer.copy_from_slice(bytes);
            return buffer;
        }
        let mut buffer = self.take_small();
        buffer.clear();
        buffer.extend_from_slice(bytes);
        buffer
    }

    /// Keeps a buffer that was sent, as [`BufferPool::put`] does, where few others are kept.
    pub(super) fn put_sent(&mut self, spent: Vec<u8>) {
        if spent.capacity() < LARGE_BYTES_MIN || self.large.len() < SENT_KEPT_MAX {
            self.put(spent);
        }
    }

    /// Keeps a buffer that was an object: a small one for the next object of its size.
    pub(super) fn put_object(&mut self, spent: Vec<u8>) {
        if spent.capacity() >= LARGE_BYTES_MIN {
            return self.put(spent);
        }
        if spent.capacity() == 0 {
            return;
        }
        if self.objects.len() >= KEPT_MAX {
            self.objects.remove(0);
        }
        self.objects.push(spent);
    }

    /// Keeps a buffer, or drops it where enough are kept. None takes the place of another: of many that come back the last
    /// would be kept, and the system would not get back the memory below it.
    pub(super) fn put(&mut self, spent: Vec<u8>) {
        let capacity = spent.capacity();
        let kept = if capacity >= LARGE_BYTES_MIN { &mut self.large } else { &mut self.small };
        if kept.len() < KEPT_MAX && capacity <= KEPT_BYTES_MAX && capacity > 0 {
            kept.push(spent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back_with_the_length_asked_for() {
        let mut pool = BufferPool::default();
        pool.put(vec![1; 40_000]);
        let buffer = pool.take(30_000);
        assert_eq!((buffer.len(), buffer.capacity()), (30_000, 40_000));
        assert_eq!(pool.take(30_000).len(), 30_000);
        pool.put(vec![1; 100]);
        assert_eq!(pool.copy(b"abc"), b"abc");
    }

    #[test]
    fn buffers_to_be_kept_have_no_spare_capacity() {
        let mut pool = BufferPool::default();
        pool.put(vec![1; 40_000]);
        assert_eq!(pool.take_exact(30_000).capacity(), 30_000);
        assert_eq!(pool.take_exact(40_000), vec![1; 40_000]);
        assert_eq!(pool.copy_exact(&[7; 20_000]), [7; 20_000]);
        assert_eq!(pool.copy_exact(b"abc").capacity(), 3);
        let spent = b"xyz".to_vec();
        let address = spent.as_ptr();
        pool.put_object(spent);
        assert_eq!((pool.copy_exact(b"ab").capacity(), pool.copy_exact(b"").capacity()), (2, 0));
        let copy = pool.copy_exact(b"abc");
        assert_eq!((copy.as_ptr(), copy.capacity(), &copy[..]), (address, 3, &b"abc"[..]));
    }

    #[test]
    fn what_was_an_object_becomes_the_next_of_its_size_and_messages_do_not_take_it() {
        let mut pool = BufferPool::default();
        let spent = b"xyz".to_vec();
        let address = spent.as_ptr();
        pool.put_object(spent);
        pool.put_object(Vec::new());
        let message = pool.copy(b"abc");
        assert_ne!(message.as_ptr(), address);
        (1..KEPT_MAX).for_each(|bytes| pool.put_object(vec![0; 100 + bytes]));
        let object = pool.copy_exact(b"abc");
        assert_eq!((object.as_ptr(), object.capacity(), &object[..]), (address, 3, &b"abc"[..]));
        (0..100).for_each(|_| pool.put_object(vec![0; 200]));
        pool.put_object(object);
        (0..100).for_each(|_| pool.put_object(Vec::new()));
        assert_eq!(pool.objects.len(), KEPT_MAX, "the oldest give way");
        let object = pool.copy_exact(b"abc");
        assert_eq!(object.as_ptr(), address);
    }

    /// With zeros asked of jemalloc, calls with 2 MiB by reference took twice as long.
    #[test]
    fn fresh_buffers_are_not_asked_of_the_allocator_as_zeros() {
        let mut pool = BufferPool::default();
        assert!(pool.take(2 << 20).iter().chain(&pool.take_exact(30_000)).all(|byte| *byte == FILLING));
        assert_eq!(pool.take(KEPT_BYTES_MAX + 1).len(), KEPT_BYTES_MAX + 1);
    }

    #[test]
    fn a_small_message_does_not_get_a_huge_buffer_and_few_are_kept() {
        let mut pool = BufferPool::default();
        pool.put(vec![1; 4 << 20]);
        assert!(pool.take(20_000).capacity() < 4 << 20);
        (0..100).for_each(|_| pool.put_sent(vec![0; 20_000]));
        assert_eq!(pool.large.len(), SENT_KEPT_MAX);
        (0..100).for_each(|_| pool.put(vec![0; 20_000]));
        assert_eq!(pool.large.len(), KEPT_MAX);
    }
}
