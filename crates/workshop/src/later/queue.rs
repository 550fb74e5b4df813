//! Which improvement is next (pure): the one that was asked for most often.

use std::collections::HashMap;
use std::sync::Arc;

/// What became of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// It waits now.
    Waits,
    /// It waits or is in work already; its asking counts.
    Counted,
    /// There is no room for it, or nothing is improved here.
    Refused,
}

struct Waiting<J> {
    asked: u64,
    arrival: u64,
    job: J,
}

/// Improvements that wait, by what they improve.
pub(crate) struct Queue<J> {
    waiting: HashMap<Arc<str>, Waiting<J>>,
    room: usize,
    arrivals: u64,
}

impl<J> Queue<J> {
    /// An empty queue with room for so many.
    pub(crate) fn new(room: usize) -> Self {
        Self {
            waiting: HashMap::new(),
            room,
            arrivals: 0,
        }
    }

    pub(crate) fn room(&self) -> usize {
        self.room
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Offers a job that was asked for so many times, which is made only if it is to wait. In a full queue it takes the place of the
    /// oldest of those that were asked for once, which is given back: whatever is really wanted is
    /// offered again with the next request.
    pub(crate) fn offer(
        &mut self,
        key: &Arc<str>,
        asked: u64,
        job: impl FnOnce() -> J,
    ) -> (Offered, Option<J>) {
        if let Some(waiting) = self.waiting.get_mut(key) {
            waiting.asked += asked;
            return (Offered::Counted, None);
        }
        let mut displaced = None;
        if self.waiting.len() >= self.room {
            let Some(oldest) = self.oldest_asked_once() else {
                return (Offered::Refused, None);
            };
            displaced = self.waiting.remove(&oldest).map(|waiting| waiting.job);
        }
        self.arrivals += 1;
        let waiting = Waiting {
            asked,
            arrival: self.arrivals,
            job: job(),
        };
        self.waiting.insert(key.clone(), waiting);
        (Offered::Waits, displaced)
    }

    /// The one asked for most often; of several the first that came. Cost: one look at each.
    pub(crate) fn take(&mut self) -> Option<(Arc<str>, J)> {
        let rank = |waiting: &Waiting<J>| (waiting.asked, u64::MAX - waiting.arrival);
        let next = self
            .waiting
            .iter()
            .max_by_key(|(_, waiting)| rank(waiting))?;
        let key = next.0.clone();
        self.waiting.remove(&key).map(|waiting| (key, waiting.job))
    }

    /// Those that wait, each with how often it was asked for, in no order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (u64, &Arc<str>)> {
        let waiting = self.waiting.iter();
        waiting.map(|(key, waiting)| (waiting.asked, key))
    }

    /// Drops all that wait.
    pub(crate) fn clear(&mut self) -> Vec<J> {
        self.waiting
            .drain()
            .map(|(_, waiting)| waiting.job)
            .collect()
    }

    fn oldest_asked_once(&self) -> Option<Arc<str>> {
        self.waiting
            .iter()
            .filter(|(_, waiting)| waiting.asked == 1)
            .min_by_key(|(_, waiting)| waiting.arrival)
            .map(|(key, _)| key.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(queue: &mut Queue<u32>, key: &str, job: u32) -> (Offered, Option<u32>) {
        queue.offer(&key.into(), 1, || job)
    }

    fn order(queue: &mut Queue<u32>) -> Vec<u32> {
        std::iter::from_fn(|| queue.take().map(|(_, job)| job)).collect()
    }

    #[test]
    fn what_is_asked_for_most_often_comes_first() {
        let mut queue = Queue::new(9);
        for (key, job) in [("a", 1), ("b", 2), ("c", 3), ("b", 4)] {
            offer(&mut queue, key, job);
        }
        assert_eq!(offer(&mut queue, "b", 5), (Offered::Counted, None));
        assert_eq!(order(&mut queue), [2, 1, 3]);
    }

    #[test]
    fn a_full_queue_gives_up_what_was_asked_for_once_and_long_ago() {
        let mut queue = Queue::new(2);
        offer(&mut queue, "a", 1);
        offer(&mut queue, "b", 2);
        assert_eq!(offer(&mut queue, "c", 3), (Offered::Waits, Some(1)));
        offer(&mut queue, "b", 2);
        offer(&mut queue, "c", 3);
        assert_eq!(offer(&mut queue, "d", 4), (Offered::Refused, None));
        assert_eq!((queue.len(), queue.clear().len(), queue.len()), (2, 2, 0));
    }

    #[test]
    fn no_room_at_all_refuses() {
        assert_eq!(offer(&mut Queue::new(0), "a", 1), (Offered::Refused, None));
    }

    #[test]
    fn what_was_asked_for_often_before_a_restart_still_was() {
        let mut queue = Queue::new(9);
        offer(&mut queue, "a", 1);
        queue.offer(&"b".into(), 7, || 2);
        let mut keys: Vec<_> = queue
            .keys()
            .map(|(asked, key)| (asked, key.to_string()))
            .collect();
        keys.sort();
        assert_eq!(keys, [(1, "a".into()), (7, "b".into())]);
        assert_eq!(order(&mut queue), [2, 1]);
    }
}
