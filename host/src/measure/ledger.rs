//! How the time was used for which a device was leased.
//!
//! **Invariant:** the parts add up to the whole; time that no part accounts for is `other`.

use std::ops::AddAssign;
use std::time::Duration;

use pearl_agent::protocol::messages::LaunchReport;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    pub leased_ns: u64,
    /// Time in the loops that take samples.
    pub timed_ns: u64,
    pub warm_up_ns: u64,
    /// Loading and optimising networks.
    pub load_ns: u64,
    pub upload_ns: u64,
    /// Waiting until the device is cool or quiet.
    pub cooldown_ns: u64,
    /// Starting processes, reading the device's state, the sentinel, and the transfer of requests.
    pub other_ns: u64,
}

impl Ledger {
    /// Returns how long the launch's own work took.
    pub(super) fn launched(&mut self, report: &LaunchReport) -> Duration {
        let warm_up_ns: u64 = report.warm_up_ns.iter().sum();
        let load_ns = report.load_ns + report.optimise_ns;
        self.timed_ns += report.wall_ns;
        self.warm_up_ns += warm_up_ns;
        self.load_ns += load_ns;
        Duration::from_nanos(report.wall_ns + warm_up_ns + load_ns)
    }

    pub(super) fn close(&mut self, leased: Duration) {
        self.leased_ns += leased.as_nanos() as u64;
        let told =
            self.timed_ns + self.warm_up_ns + self.load_ns + self.upload_ns + self.cooldown_ns;
        self.other_ns = self.leased_ns.saturating_sub(told);
    }

    /// The share of the leased time in timed inference or the warm-up that it needs; `None` if no time
    /// was leased.
    pub fn utilisation(&self) -> Option<f64> {
        let useful = self.timed_ns + self.warm_up_ns;
        (self.leased_ns > 0).then(|| useful as f64 / self.leased_ns as f64)
    }
}

impl AddAssign for Ledger {
    fn add_assign(&mut self, other: Self) {
        self.leased_ns += other.leased_ns;
        self.timed_ns += other.timed_ns;
        self.warm_up_ns += other.warm_up_ns;
        self.load_ns += other.load_ns;
        self.upload_ns += other.upload_ns;
        self.cooldown_ns += other.cooldown_ns;
        self.other_ns += other.other_ns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_accounts_for_is_other() {
        let mut ledger =
            Ledger { timed_ns: 700, warm_up_ns: 100, load_ns: 50, ..Ledger::default() };
        ledger.close(Duration::from_nanos(1000));
        assert_eq!((ledger.other_ns, ledger.utilisation()), (150, Some(0.8)));
        assert_eq!(Ledger::default().utilisation(), None);
    }
}
