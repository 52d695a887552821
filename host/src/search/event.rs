//! The events that a search reports to its observer.

use crate::store::{Best, Candidate, Entered};

#[derive(Debug)]
pub enum Event<'a> {
    /// The search starts or resumes, with the candidates that the store knows.
    Started {
        total: usize,
        known: &'a [Candidate],
    },
    /// The segment that the search goes on in is known.
    Segment {
        entered: &'a Entered,
    },
    /// Students are measured to find the budget.
    FindingBudget {
        launches: usize,
    },
    /// Another host measures on the device.
    Waiting {
        who: &'a str,
    },
    /// Other processes use the device; `waits` says whether the search waits for them to stop.
    Disturbed {
        who: &'a str,
        waits: bool,
    },
    /// The device's usual speed is being measured.
    Characterising,
    /// What is odd about the teacher.
    TeacherRemark {
        remark: &'a str,
    },
    /// A remark on how the budget was found.
    BudgetRemark {
        remark: &'a str,
    },
    /// The budget in use.
    Budget {
        budget_ns: u64,
    },
    Training {
        index: usize,
        step: usize,
        steps: usize,
    },
    Measuring {
        index: usize,
        launches: usize,
    },
    /// A candidate is done, unmeasured or failed.
    Finished {
        candidate: &'a Candidate,
    },
    /// The winner is being trained, exported and measured.
    Winner {
        index: usize,
        step: usize,
        steps: usize,
    },
    /// The winner misses the budget now that it is trained; the next one is taken, if there is one.
    Missed {
        best: &'a Best,
    },
}

/// A function that gets the events.
pub type Observer<'a> = dyn FnMut(Event<'_>) + 'a;
