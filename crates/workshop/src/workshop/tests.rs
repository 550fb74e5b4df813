use std::sync::mpsc;

use super::*;

/// A deadline that no test reaches: with the clock paused it would pass at once if it could.
const AMPLE: Duration = Duration::from_secs(3600);

fn workshop(threads: usize, budget: u64, queue: usize) -> Workshop {
    let settings = WorkshopSettings {
        threads,
        budget,
        queue,
        queue_wait: AMPLE,
        ..WorkshopSettings::default()
    };
    Workshop::new(&settings).unwrap()
}

/// A job that says when it has begun and goes on until it is let go.
struct Held {
    begun: oneshot::Receiver<()>,
    let_go: mpsc::Sender<()>,
}

impl Held {
    fn pair() -> (Self, impl FnOnce(&Cancel) -> bool + Send + 'static) {
        let (say_begun, begun) = oneshot::channel();
        let (let_go, released) = mpsc::channel();
        let job = move |cancel: &Cancel| {
            say_begun.send(()).ok();
            released.recv().ok();
            cancel.is_cancelled()
        };
        (Self { begun, let_go }, job)
    }

    async fn begins(&mut self) {
        (&mut self.begun).await.unwrap();
    }

    fn ends(&self) {
        self.let_go.send(()).unwrap();
    }
}

fn spawn<T: Send + 'static>(
    workshop: &Workshop,
    cost: u64,
    deadline: Duration,
    job: impl FnOnce(&Cancel) -> T + Send + 'static,
) -> tokio::task::JoinHandle<Result<T, WorkshopError>> {
    let workshop = workshop.clone();
    tokio::spawn(async move { workshop.run(cost, deadline, job).await })
}

/// Waits for a state that threads bring about, without the clock.
async fn until(workshop: &Workshop, wanted: impl Fn(&Snapshot) -> bool) -> Snapshot {
    loop {
        let snapshot = workshop.snapshot();
        if wanted(&snapshot) {
            return snapshot;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_job_gives_its_result() {
    let workshop = workshop(2, 100, 10);
    assert_eq!(workshop.run(10, AMPLE, |_| 6 * 7).await.unwrap(), 42);
    let snapshot = until(&workshop, |now| now.finished == 1).await;
    assert_eq!((snapshot.running, snapshot.pixels_in_flight), (0, 0));
}

#[tokio::test]
async fn a_panic_is_an_error_and_the_thread_goes_on() {
    let workshop = workshop(1, 100, 10);
    for _ in 0..3 {
        let job = |_: &Cancel| -> u32 { panic!("a bug in a codec") };
        let error = workshop.run(10, AMPLE, job).await.unwrap_err();
        assert!(matches!(error, WorkshopError::Panicked(text) if text == "a bug in a codec"));
    }
    assert_eq!(workshop.run(10, AMPLE, |_| 1).await.unwrap(), 1);
    let snapshot = until(&workshop, |now| now.finished == 1).await;
    assert_eq!((snapshot.panicked, snapshot.pixels_in_flight), (3, 0));
}

#[tokio::test]
async fn no_more_run_at_once_than_threads_and_budget_allow() {
    let workshop = workshop(3, 100, 10);
    let (mut first, job) = Held::pair();
    let one = spawn(&workshop, 60, AMPLE, job);
    first.begins().await;
    let (mut second, job) = Held::pair();
    let two = spawn(&workshop, 60, AMPLE, job);
    until(&workshop, |now| now.queued == 1).await;
    let (mut third, job) = Held::pair();
    let three = spawn(&workshop, 40, AMPLE, job);
    third.begins().await;
    let snapshot = workshop.snapshot();
    assert_eq!(
        (snapshot.running, snapshot.queued, snapshot.pixels_in_flight),
        (2, 1, 100)
    );
    first.ends();
    second.begins().await;
    second.ends();
    third.ends();
    for run in [one, two, three] {
        assert!(!run.await.unwrap().unwrap());
    }
}

#[tokio::test]
async fn a_full_line_refuses() {
    let workshop = workshop(1, 100, 1);
    let (mut held, job) = Held::pair();
    let running = spawn(&workshop, 1, AMPLE, job);
    held.begins().await;
    let queued = spawn(&workshop, 1, AMPLE, |_| ());
    until(&workshop, |now| now.queued == 1).await;
    let error = workshop.run(1, AMPLE, |_| ()).await.unwrap_err();
    assert!(matches!(error, WorkshopError::Busy) && base::Failure::retryable(&error));
    assert_eq!(workshop.snapshot().refused, 1);
    held.ends();
    running.await.unwrap().unwrap();
    queued.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_does_not_come_in_time_is_refused() {
    let settings = WorkshopSettings {
        threads: 1,
        queue_wait: Duration::from_secs(2),
        ..WorkshopSettings::default()
    };
    let workshop = Workshop::new(&settings).unwrap();
    let (held, job) = Held::pair();
    let running = spawn(&workshop, 1, AMPLE, job);
    until(&workshop, |now| now.running == 1).await;
    let since = Instant::now();
    let error = workshop.run(1, AMPLE, |_| unreachable!()).await;
    assert!(matches!(error, Err::<(), _>(WorkshopError::Busy)));
    assert_eq!(since.elapsed().as_secs(), 2);
    assert_eq!(workshop.snapshot().queued, 0);
    tokio::time::resume();
    held.ends();
    running.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_late_job_answers_at_once_but_keeps_its_cost_until_it_ends() {
    let workshop = workshop(2, 100, 10);
    let (held, job) = Held::pair();
    let (say_seen, seen) = oneshot::channel();
    let job = move |cancel: &Cancel| say_seen.send(job(cancel)).ok();
    let since = Instant::now();
    let late = spawn(&workshop, 80, Duration::from_secs(3), job);
    until(&workshop, |now| now.running == 1).await;
    let error = late.await.unwrap();
    assert!(matches!(error, Err(WorkshopError::Deadline)));
    assert_eq!(since.elapsed().as_secs(), 3);
    let snapshot = workshop.snapshot();
    assert_eq!(
        (snapshot.running, snapshot.pixels_in_flight, snapshot.late),
        (1, 80, 1)
    );
    tokio::time::resume();
    let waits = spawn(&workshop, 80, AMPLE, |_| ());
    until(&workshop, |now| now.queued == 1).await;
    held.ends();
    assert!(seen.await.unwrap(), "the flag is up");
    waits.await.unwrap().unwrap();
}

#[tokio::test]
async fn dropping_the_future_cancels() {
    let workshop = workshop(1, 100, 10);
    let (mut held, job) = Held::pair();
    let (say_seen, seen) = oneshot::channel();
    let running = spawn(&workshop, 1, AMPLE, move |cancel| {
        say_seen.send(job(cancel)).ok()
    });
    held.begins().await;
    let queued = spawn(&workshop, 1, AMPLE, |_| unreachable!());
    until(&workshop, |now| now.queued == 1).await;
    let queued: tokio::task::JoinHandle<Result<(), _>> = queued;
    queued.abort();
    until(&workshop, |now| now.queued == 0).await;
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    held.ends();
    assert!(seen.await.unwrap(), "the flag is up");
    until(&workshop, |now| now.running == 0 && now.finished == 1).await;
}

#[tokio::test]
async fn a_closed_workshop_drops_its_line_and_ends_its_threads() {
    let workshop = workshop(1, 100, 10);
    let shared = Arc::downgrade(&workshop.owner.0);
    let (mut held, job) = Held::pair();
    let (say_done, done) = oneshot::channel();
    let running = spawn(&workshop, 1, AMPLE, move |cancel| {
        say_done.send(job(cancel)).ok()
    });
    held.begins().await;
    running.abort();
    assert!(running.await.is_err());
    drop(workshop);
    held.ends();
    done.await.unwrap();
    while shared.strong_count() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_the_budget_is_never_exceeded() {
    let workshop = workshop(4, 100, 1000);
    let (in_work, most) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let runs: Vec<_> = (0..200u64)
        .map(|number| {
            let cost = 1 + number * 7 % 60;
            let (in_work, most) = (Arc::clone(&in_work), Arc::clone(&most));
            spawn(&workshop, cost, AMPLE, move |_| {
                let now = in_work.fetch_add(cost, Ordering::SeqCst) + cost;
                most.fetch_max(now, Ordering::SeqCst);
                std::thread::yield_now();
                in_work.fetch_sub(cost, Ordering::SeqCst);
            })
        })
        .collect();
    for run in runs {
        run.await.unwrap().unwrap();
    }
    assert!(most.load(Ordering::SeqCst) <= 100);
    until(&workshop, |now| now.finished == 200).await;
}
