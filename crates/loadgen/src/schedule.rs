//! When the requests of an open loop are due.
//!
//! Request `i` of a thread is due at `start + i / rate` whatever the server does, and goes to connection `i mod
//! connections`. Latency is counted from that instant, not from the write: if the server stalls for a second, the
//! requests that could not leave in that second each carry their share of the wait, instead of being left out
//! together ("coordinated omission"). Since both rules are arithmetic, no queue of due times is needed.

/// The plan of one thread. Times are nanoseconds on the run's clock.
#[derive(Clone, Debug)]
pub struct Schedule {
    start_ns: f64,
    period_ns: f64,
    connections: u64,
}

impl Schedule {
    /// `rate` requests per second (> 0) over `connections` (> 0), the first due at `start_ns`.
    pub fn new(start_ns: u64, rate: f64, connections: u64) -> Schedule {
        Schedule { start_ns: start_ns as f64, period_ns: 1e9 / rate, connections }
    }

    /// When request `i` of this thread is due.
    #[inline]
    pub fn due_ns(&self, i: u64) -> u64 {
        (self.start_ns + i as f64 * self.period_ns) as u64
    }

    /// Which connection request `i` belongs to.
    #[inline]
    pub fn connection_of(&self, i: u64) -> u64 {
        i % self.connections
    }

    /// When the `nth` request of `connection` is due.
    #[inline]
    pub fn due_on_connection_ns(&self, connection: u64, nth: u64) -> u64 {
        self.due_ns(nth * self.connections + connection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_due_at_the_rate_and_dealt_in_turn() {
        let plan = Schedule::new(1_000, 1_000_000.0, 3);
        assert_eq!((plan.due_ns(0), plan.due_ns(1), plan.due_ns(999)), (1_000, 2_000, 1_000_000));
        for i in 0..30 {
            let connection = plan.connection_of(i);
            assert_eq!(plan.due_on_connection_ns(connection, i / 3), plan.due_ns(i));
        }
    }

    #[test]
    fn a_long_run_does_not_drift() {
        let plan = Schedule::new(0, 300_000.0, 50);
        let an_hour = 300_000 * 3600;
        assert!(plan.due_ns(an_hour).abs_diff(3_600_000_000_000) < 1_000);
    }

    /// A server that stops for one second in a run of 1,000 requests/s: a closed loop would record one slow request;
    /// the plan charges about a thousand, evenly from 1 s down to 0.
    #[test]
    fn a_stall_is_charged_to_every_request_that_fell_into_it() {
        let plan = Schedule::new(0, 1_000.0, 1);
        let (stall_begin_ns, stall_end_ns) = (2_000_000_000u64, 3_000_000_000u64);
        let answered_at =
            |due: u64| if (stall_begin_ns..stall_end_ns).contains(&due) { stall_end_ns } else { due };
        let latencies: Vec<u64> = (0..5_000)
            .map(|nth| answered_at(plan.due_on_connection_ns(0, nth)) - plan.due_on_connection_ns(0, nth))
            .collect();
        let slow = latencies.iter().filter(|&&ns| ns > 0).count();
        assert_eq!(slow, 1_000);
        assert_eq!(latencies.iter().max(), Some(&1_000_000_000));
        let mean_ns = latencies.iter().sum::<u64>() / 1_000;
        assert!(mean_ns.abs_diff(500_000_000) < 1_000_000, "{mean_ns}");
    }
}
