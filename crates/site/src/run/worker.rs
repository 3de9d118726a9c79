//! Doing many independent simulations on a few threads.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::domain::{Failed, Outcome};

/// Does all jobs and returns what each came to, in their order. `goes_on` is told the part that is done after each; when
/// it says no, nothing more is begun and the whole is cancelled.
pub(super) fn all<J: Sync>(
    threads: usize,
    jobs: &[J],
    run: &(dyn Fn(&J) -> Result<Outcome, Failed> + Sync),
    goes_on: &(dyn Fn(f64) -> bool + Sync),
) -> Result<Vec<Result<Outcome, String>>, Failed> {
    let (next, done, stop) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    let outcomes: Mutex<Vec<Option<Result<Outcome, String>>>> = Mutex::new(vec![None; jobs.len()]);
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = jobs.get(at) else { return };
            match run(job) {
                Ok(outcome) => outcomes.lock()[at] = Some(Ok(outcome)),
                Err(Failed::Broken(problem)) => outcomes.lock()[at] = Some(Err(problem)),
                Err(Failed::Cancelled) => return stop.store(true, Ordering::Relaxed),
            }
            let part = (done.fetch_add(1, Ordering::Relaxed) + 1) as f64 / jobs.len() as f64;
            if !goes_on(part) {
                stop.store(true, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, jobs.len().max(1)) {
            scope.spawn(work);
        }
    });
    outcomes.into_inner().into_iter().collect::<Option<Vec<_>>>().ok_or(Failed::Cancelled)
}
