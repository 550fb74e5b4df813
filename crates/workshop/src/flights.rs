//! One flight per result: of all who want the same, one makes it and the others wait.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

type Board<K, T> = Arc<Mutex<HashMap<K, watch::Receiver<Option<T>>>>>;

/// The flights that are up, by key. Holds nothing of a flight that has landed: what lands is kept
/// by those who waited, or by a cache.
pub struct Flights<K, T> {
    board: Board<K, T>,
}

/// One's part in a flight.
pub enum Joined<T> {
    /// Nobody makes it yet: make it, then [`Lead::land`].
    Lead(Lead<T>),
    /// Somebody does: wait.
    Follow(Follow<T>),
}

/// The one who makes the result. Dropping it without landing wakes the followers with nothing, and
/// the next who joins leads.
#[must_use = "dropping it sends the followers away with nothing"]
pub struct Lead<T> {
    sender: watch::Sender<Option<T>>,
    /// Takes the flight off the board.
    sign_off: Option<Box<dyn FnOnce() + Send>>,
}

/// One who waits for the result.
pub struct Follow<T> {
    receiver: watch::Receiver<Option<T>>,
}

impl<K, T> Default for Flights<K, T> {
    fn default() -> Self {
        Self {
            board: Board::default(),
        }
    }
}

impl<K, T> Flights<K, T>
where
    K: Eq + Hash + Clone + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// No flights.
    pub fn new() -> Self {
        Self::default()
    }

    /// Joins the flight of `key`, or opens it.
    pub fn join(&self, key: K) -> Joined<T> {
        let mut board = self.board.lock();
        if let Some(receiver) = board.get(&key) {
            let receiver = receiver.clone();
            return Joined::Follow(Follow { receiver });
        }
        let (sender, receiver) = watch::channel(None);
        board.insert(key.clone(), receiver);
        let home = Arc::clone(&self.board);
        Joined::Lead(Lead {
            sender,
            sign_off: Some(Box::new(move || drop(home.lock().remove(&key)))),
        })
    }

    /// Flights that are up.
    pub fn len(&self) -> usize {
        self.board.lock().len()
    }

    /// Whether no flight is up.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Lead<T> {
    /// Hands the result to all followers. Who joins from now on opens a new flight, so whatever
    /// keeps the result must have it before.
    pub fn land(mut self, result: T) {
        self.sign_off();
        self.sender.send_replace(Some(result));
    }

    /// Those who wait.
    pub fn followers(&self) -> usize {
        // One receiver is the board's.
        self.sender.receiver_count().saturating_sub(1)
    }

    fn sign_off(&mut self) {
        if let Some(sign_off) = self.sign_off.take() {
            sign_off();
        }
    }
}

impl<T> Drop for Lead<T> {
    fn drop(&mut self) {
        // Before the sender goes: who is woken must be able to lead.
        self.sign_off();
    }
}

impl<T: Clone> Follow<T> {
    /// Waits for the result; `None` if the lead gave up: join again.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the flight; nobody else notices.
    pub async fn wait(mut self) -> Option<T> {
        let landed = self.receiver.wait_for(Option::is_some).await.ok()?;
        landed.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Poll;

    use super::*;

    fn lead(flights: &Flights<&'static str, u32>, key: &'static str) -> Lead<u32> {
        match flights.join(key) {
            Joined::Lead(lead) => lead,
            Joined::Follow(_) => panic!("somebody else leads"),
        }
    }

    fn follow(flights: &Flights<&'static str, u32>, key: &'static str) -> Follow<u32> {
        match flights.join(key) {
            Joined::Follow(follow) => follow,
            Joined::Lead(_) => panic!("nobody leads"),
        }
    }

    #[tokio::test]
    async fn all_followers_get_what_lands() {
        let flights = Flights::new();
        let first = lead(&flights, "a");
        let other = lead(&flights, "b");
        let followers: Vec<_> = (0..3).map(|_| follow(&flights, "a")).collect();
        assert_eq!(
            (first.followers(), other.followers(), flights.len()),
            (3, 0, 2)
        );
        first.land(7);
        for follower in followers {
            assert_eq!(follower.wait().await, Some(7));
        }
        assert_eq!(flights.len(), 1);
        drop(lead(&flights, "a"));
    }

    #[tokio::test]
    async fn a_lead_that_gives_up_wakes_the_followers_and_one_of_them_leads() {
        let flights = Flights::new();
        let first = lead(&flights, "a");
        let (one, two) = (follow(&flights, "a"), follow(&flights, "a"));
        let mut waiting = std::pin::pin!(one.wait());
        poll_fn(|context| {
            assert!(waiting.as_mut().poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
        drop(first);
        assert_eq!(waiting.await, None);
        assert_eq!(two.wait().await, None);
        let second = lead(&flights, "a");
        let again = follow(&flights, "a");
        second.land(9);
        assert_eq!(again.wait().await, Some(9));
        assert!(flights.is_empty());
    }

    #[tokio::test]
    async fn a_follower_that_leaves_disturbs_nobody() {
        let flights = Flights::new();
        let first = lead(&flights, "a");
        let (leaving, staying) = (follow(&flights, "a"), follow(&flights, "a"));
        drop(leaving.wait());
        assert_eq!(first.followers(), 1);
        first.land(1);
        assert_eq!(staying.wait().await, Some(1));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn of_many_at_once_one_makes_it_even_if_some_give_up() {
        let flights = Arc::new(Flights::<u8, usize>::new());
        let attempts = Arc::new(AtomicUsize::new(0));
        let gate = Arc::new(tokio::sync::Barrier::new(50));
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                let (flights, attempts) = (Arc::clone(&flights), Arc::clone(&attempts));
                let gate = Arc::clone(&gate);
                tokio::spawn(async move {
                    gate.wait().await;
                    loop {
                        match flights.join(1) {
                            Joined::Follow(follow) => {
                                if let Some(result) = follow.wait().await {
                                    return result;
                                }
                            }
                            Joined::Lead(lead) => {
                                // The first three leads give up.
                                let attempt = attempts.fetch_add(1, Ordering::SeqCst);
                                tokio::task::yield_now().await;
                                if attempt >= 3 {
                                    lead.land(attempt);
                                    return attempt;
                                }
                            }
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            assert!(task.await.unwrap() >= 3);
        }
        assert!(flights.is_empty());
    }
}
