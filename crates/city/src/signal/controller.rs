//! The safety layer of a junction, which no policy can pass.
//!
//! It stands between whoever decides and the lamps, and steps once a second. A request is a wish for a phase; what may be
//! shown is decided here alone.

use super::Layout;
use crate::network::Aspect;

/// Why a request is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such phase.
    #[error("the junction has no phase {phase}")]
    Unknown {
        /// What was asked for.
        phase: usize,
    },
    /// A change is on its way.
    #[error("the signals are changing")]
    Changing,
    /// The green is too young.
    #[error("the phase has had green for {seconds} s, less than its least")]
    Short {
        /// For how long.
        seconds: u32,
    },
    /// Somebody has waited for so long that their phase comes first.
    #[error("phase {phase} comes first: somebody there has had red for too long")]
    Overdue {
        /// The phase that comes first.
        phase: usize,
    },
}

/// What the signals do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Showing {
    /// A phase has green, for so many seconds.
    Green {
        /// Which phase.
        phase: usize,
        /// For how long it has been shown, with the second that is shown now.
        seconds: u32,
    },
    /// One phase has ended and another has not begun.
    Changing {
        /// The phase that ended.
        from: usize,
        /// The phase that begins.
        to: usize,
        /// For how long, with the second that is shown now.
        seconds: u32,
    },
}

/// The signals of a junction.
#[derive(Debug, Clone, PartialEq)]
pub struct Controller {
    layout: Layout,
    showing: Showing,
    /// For how many seconds each place has had no green.
    red_seconds: Vec<u32>,
    /// For how long nobody decided.
    silent_seconds: u32,
    refused: u64,
}

impl Controller {
    /// With the phase that the fixed programme wants at a second of the day.
    pub fn new(layout: Layout, second: f64) -> Self {
        let phase = layout.fixed_phase_at(second);
        let red_seconds = vec![0; layout.phases[phase].aspects.len()];
        Self { layout, showing: Showing::Green { phase, seconds: 0 }, red_seconds, silent_seconds: 0, refused: 0 }
    }

    /// The junction.
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What is shown.
    pub const fn showing(&self) -> Showing {
        self.showing
    }

    /// How many requests were refused.
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// Whether the fixed programme has taken over.
    pub const fn is_on_its_own(&self) -> bool {
        self.silent_seconds > self.layout.limits.silence_seconds_max
    }

    /// For how many seconds a place of the signal has had no green.
    pub fn red_seconds(&self, place: usize) -> u32 {
        self.red_seconds[place]
    }

    /// Takes over what the lamps show, told by who has them.
    pub fn observe(&mut self, showing: Showing) {
        self.showing = showing;
    }

    /// What each place shows.
    pub fn aspects(&self) -> Vec<Aspect> {
        match self.showing {
            Showing::Green { phase, .. } => self.layout.phases[phase].aspects.clone(),
            Showing::Changing { from, to, seconds } => {
                let (from, to) = (&self.layout.phases[from].aspects, &self.layout.phases[to].aspects);
                let ending = if seconds <= self.layout.limits.yellow_seconds { Aspect::Yellow } else { Aspect::Red };
                let shown = |(before, after): (&Aspect, &Aspect)| match (before.is_green(), after.is_green()) {
                    // Whoever has green before and after keeps it, and yields as long as either phase asks for it.
                    (true, true) if *before == Aspect::Green && *after == Aspect::Green => Aspect::Green,
                    (true, true) => Aspect::Yielding,
                    (true, false) => ending,
                    (false, false) if before == after => *before,
                    (false, _) => Aspect::Red,
                };
                from.iter().zip(to).map(shown).collect()
            }
        }
    }

    /// The phase that must come next: if another one were followed now, somebody would have red for too long.
    pub fn overdue(&self) -> Option<usize> {
        let limits = &self.layout.limits;
        let turn = limits.intergreen_seconds() + limits.green_seconds_min;
        let until_change = match self.showing {
            Showing::Green { seconds, .. } => limits.green_seconds_min.saturating_sub(seconds),
            Showing::Changing { seconds, .. } => turn.saturating_sub(seconds),
        };
        let mut waiting: Vec<usize> = self.layout.served_places().collect();
        waiting.sort_by_key(|place| std::cmp::Reverse(self.red_seconds[*place]));
        let mut served: Vec<usize> = Vec::new();
        // One other turn first, and then everybody by how long they have waited.
        let mut begin = until_change + turn + 1;
        for place in waiting {
            if served.iter().any(|phase| self.layout.phases[*phase].is_green(place)) {
                continue;
            }
            let phase = self.best_for(place)?;
            served.push(phase);
            begin += limits.intergreen_seconds();
            if self.red_seconds[place] + begin > limits.red_seconds_max {
                return served.first().copied();
            }
            begin += limits.green_seconds_min;
        }
        None
    }

    /// Of the phases that serve a place the one that ends the most waiting.
    fn best_for(&self, place: usize) -> Option<usize> {
        let gain = |phase: &usize| -> u32 {
            let served = self.layout.served_places().filter(|place| self.layout.phases[*phase].is_green(*place));
            served.map(|place| self.red_seconds[place]).sum()
        };
        (0..self.layout.phases.len()).filter(|phase| self.layout.phases[*phase].is_green(place)).max_by_key(gain)
    }

    /// Whether a phase may be changed to now.
    pub fn may(&self, phase: usize) -> Result<(), Refusal> {
        if phase >= self.layout.phases.len() {
            return Err(Refusal::Unknown { phase });
        }
        match self.showing {
            Showing::Green { phase: current, .. } if current == phase => Ok(()),
            Showing::Changing { to, .. } if to == phase => Ok(()),
            Showing::Changing { .. } => Err(Refusal::Changing),
            Showing::Green { seconds, .. } if seconds < self.layout.limits.green_seconds_min => {
                Err(Refusal::Short { seconds })
            }
            Showing::Green { .. } => match self.overdue() {
                Some(first) if first != phase => Err(Refusal::Overdue { phase: first }),
                _ => Ok(()),
            },
        }
    }

    /// One second: `request` is the phase that is wanted, `None` when nobody decided. `second` is the second of the day, for
    /// the fixed programme.
    pub fn step(&mut self, second: f64, request: Option<usize>) -> Result<(), Refusal> {
        self.silent_seconds = if request.is_some() { 0 } else { self.silent_seconds.saturating_add(1) };
        let mut verdict = Ok(());
        let mut wanted = None;
        if let Some(phase) = request {
            verdict = self.may(phase);
            match verdict {
                Ok(()) => wanted = Some(phase),
                Err(_) => self.refused += 1,
            }
        } else if self.is_on_its_own() {
            let phase = self.layout.fixed_phase_at(second);
            wanted = self.may(phase).is_ok().then_some(phase);
        }
        if let Some(phase) = self.overdue().filter(|phase| self.may(*phase).is_ok()) {
            wanted = Some(phase);
        }
        self.advance(wanted);
        verdict
    }

    fn advance(&mut self, wanted: Option<usize>) {
        self.showing = match self.showing {
            Showing::Green { phase, seconds } => match wanted {
                Some(next) if next != phase => {
                    if self.layout.loses_green(phase, next) {
                        Showing::Changing { from: phase, to: next, seconds: 1 }
                    } else {
                        Showing::Green { phase: next, seconds: 1 }
                    }
                }
                _ => Showing::Green { phase, seconds: seconds.saturating_add(1) },
            },
            Showing::Changing { from, to, seconds } => {
                if seconds >= self.layout.limits.intergreen_seconds() {
                    Showing::Green { phase: to, seconds: 1 }
                } else {
                    Showing::Changing { from, to, seconds: seconds + 1 }
                }
            }
        };
        let shown = self.aspects();
        for (red, aspect) in self.red_seconds.iter_mut().zip(shown) {
            *red = if aspect.is_green() { 0 } else { red.saturating_add(1) };
        }
    }
}

#[cfg(test)]
mod tests;
