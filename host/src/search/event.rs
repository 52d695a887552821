//! What a search tells those who watch.

use crate::store::Candidate;

#[derive(Debug)]
pub enum Event<'a> {
    /// Where the search takes up its work; `finished` is the state of the store.
    Started {
        total: usize,
        finished: &'a [Candidate],
    },
    /// Students are measured to find the budget.
    FindingBudget {
        launches: usize,
    },
    /// Somebody else measures on the device.
    Waiting {
        who: &'a str,
    },
    /// Others use the device; whether they are waited for.
    Disturbed {
        who: &'a str,
        waits: bool,
    },
    /// The device's usual speed is being found out.
    Characterising,
    /// What people should know of how the budget was found.
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
}

/// Whoever watches.
pub type Observer<'a> = dyn FnMut(Event<'_>) + 'a;
