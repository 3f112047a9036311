//! The last entries, for those who listen and those who come back after a short cut.

use std::collections::VecDeque;

use bytes::Bytes;

/// What the log keeps, in bytes: at 55 for an entry, 150,000 logouts.
const KEPT: usize = 8 << 20;
/// How many frames are taken out at once.
const TAKEN: usize = 64;

/// Frames in the order in which they were told. Places count entries; a change of the keys counts as one.
#[derive(Default)]
pub(super) struct Log {
    frames: VecDeque<Frame>,
    bytes: usize,
    /// The place before the first frame that is kept.
    head: u64,
    tail: u64,
}

#[derive(Clone)]
pub(super) struct Frame {
    /// The place of what it tells last.
    pub(super) place: u64,
    pub(super) told: Told,
}

#[derive(Clone)]
pub(super) enum Told {
    Entries(Bytes),
    /// That the keys are others now. Which, is looked up when it is sent: an older set would take keys back.
    Keys,
}

impl Log {
    pub(super) const fn tail(&self) -> u64 {
        self.tail
    }

    pub(super) fn push_entries(&mut self, place: u64, frame: Bytes) {
        self.push(Frame { place, told: Told::Entries(frame) });
    }

    pub(super) fn push_keys(&mut self) -> u64 {
        self.push(Frame { place: self.tail + 1, told: Told::Keys });
        self.tail
    }

    /// The next frames after a place, if what comes after it is still there.
    pub(super) fn after(&self, place: u64) -> Option<Vec<Frame>> {
        if place < self.head || place > self.tail {
            return None;
        }
        let known = self.frames.partition_point(|frame| frame.place <= place);
        Some(self.frames.iter().skip(known).take(TAKEN).cloned().collect())
    }

    fn push(&mut self, frame: Frame) {
        self.bytes += frame.size();
        self.tail = frame.place;
        self.frames.push_back(frame);
        while self.bytes > KEPT
            && let Some(forgotten) = self.frames.pop_front()
        {
            self.bytes -= forgotten.size();
            self.head = forgotten.place;
        }
    }
}

impl Frame {
    fn size(&self) -> usize {
        size_of::<Self>()
            + match &self.told {
                Told::Entries(bytes) => bytes.len(),
                Told::Keys => 0,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(log: &Log, after: u64) -> Option<Vec<u64>> {
        log.after(after).map(|frames| frames.iter().map(|frame| frame.place).collect())
    }

    #[test]
    fn what_comes_after_a_place_is_told_from_there_on() {
        let mut log = Log::default();
        assert_eq!(places(&log, 0), Some(vec![]));
        assert_eq!(places(&log, 1), None, "a place that was never there");
        log.push_entries(3, Bytes::from_static(b"three"));
        assert_eq!(log.push_keys(), 4);
        assert_eq!(places(&log, 0), Some(vec![3, 4]));
        assert_eq!(places(&log, 2), Some(vec![3, 4]), "within a frame: all of it again");
        assert_eq!(places(&log, 3), Some(vec![4]));
        assert_eq!(places(&log, 4), Some(vec![]));
    }

    #[test]
    fn it_is_bounded_and_says_whom_it_cannot_serve_any_more() {
        let mut log = Log::default();
        let frame = Bytes::from(vec![b'x'; 1 << 20]);
        for place in 1..=20 {
            log.push_entries(place, frame.clone());
        }
        assert!(log.bytes <= KEPT);
        assert_eq!(places(&log, 5), None);
        assert_eq!(places(&log, 13), Some((14..=20).collect()));
        assert_eq!(places(&log, 12), None, "the frame of place 13 is gone");
    }
}
