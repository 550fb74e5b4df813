//! The waiting line (pure): who works next.
//!
//! Small jobs may overtake large ones, but only so far: a job lets pass as much work as stood
//! before it when it came, itself included. So no job waits for more than twice the work of a
//! plain queue, and a small job does not wait behind a row of large ones.

use std::collections::VecDeque;

/// Names a job in the line.
pub(crate) type Ticket = u64;

/// What may be in work at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Capacity {
    /// Jobs.
    pub(crate) threads: usize,
    /// Pixels of all of them; one job alone may be larger.
    pub(crate) budget: u64,
    /// Jobs that may wait.
    pub(crate) queue: usize,
}

struct Waiting<J> {
    ticket: Ticket,
    cost: u64,
    /// Work that may still overtake this job.
    patience: u64,
    job: J,
}

pub(crate) struct Line<J> {
    capacity: Capacity,
    waiting: VecDeque<Waiting<J>>,
    running: usize,
    in_flight: u64,
    next: Ticket,
}

impl<J> Line<J> {
    pub(crate) fn new(capacity: Capacity) -> Self {
        Self {
            capacity,
            waiting: VecDeque::new(),
            running: 0,
            in_flight: 0,
            next: 0,
        }
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn running(&self) -> usize {
        self.running
    }

    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// Puts a job at the end; gives it back if the line is full. A job that can start at once
    /// does not count as waiting.
    pub(crate) fn join(&mut self, cost: u64, job: J) -> Result<Ticket, J> {
        let cost = cost.max(1);
        let starts_now = self.waiting.is_empty() && self.fits(cost);
        if self.waiting.len() >= self.capacity.queue && !starts_now {
            return Err(job);
        }
        let ahead = self.waiting.iter().map(|other| other.cost);
        let patience = ahead.fold(cost, u64::saturating_add);
        let ticket = self.next;
        self.next += 1;
        self.waiting.push_back(Waiting {
            ticket,
            cost,
            patience,
            job,
        });
        Ok(ticket)
    }

    /// Takes a job out of the line; `None` if it started already.
    pub(crate) fn leave(&mut self, ticket: Ticket) -> Option<J> {
        let place = self.waiting.iter().position(|job| job.ticket == ticket)?;
        self.waiting.remove(place).map(|waiting| waiting.job)
    }

    /// Starts the job whose turn it is, if it fits now. The caller says [`Line::end`] with the
    /// cost when it is over.
    pub(crate) fn start(&mut self) -> Option<(u64, J)> {
        let place = self.turn()?;
        let cost = self.waiting[place].cost;
        if !self.fits(cost) {
            return None;
        }
        for overtaken in self.waiting.range_mut(..place) {
            overtaken.patience -= cost;
        }
        let chosen = self.waiting.remove(place)?;
        self.running += 1;
        self.in_flight = self.in_flight.saturating_add(cost);
        Some((cost, chosen.job))
    }

    /// A job of this cost is over.
    pub(crate) fn end(&mut self, cost: u64) {
        self.running -= 1;
        self.in_flight = self.in_flight.saturating_sub(cost);
    }

    /// Drops everyone who waits.
    pub(crate) fn clear(&mut self) -> Vec<J> {
        self.waiting.drain(..).map(|waiting| waiting.job).collect()
    }

    fn fits(&self, cost: u64) -> bool {
        let room = self.capacity.budget.saturating_sub(self.in_flight);
        self.running < self.capacity.threads && (cost <= room || self.running == 0)
    }

    /// The smallest job that everyone before it lets pass; the first needs nobody's leave.
    fn turn(&self) -> Option<usize> {
        let mut least_patience = u64::MAX;
        let mut chosen: Option<(usize, u64)> = None;
        for (place, job) in self.waiting.iter().enumerate() {
            let smaller = chosen.is_none_or(|(_, cost)| job.cost < cost);
            if smaller && job.cost <= least_patience {
                chosen = Some((place, job.cost));
            }
            least_patience = least_patience.min(job.patience);
            if least_patience == 0 {
                break;
            }
        }
        chosen.map(|(place, _)| place)
    }
}

#[cfg(test)]
mod tests;
