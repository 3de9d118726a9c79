//! A body for any model: every property gets a behaviour that suits its type, unit, range and name, so that a page, a
//! rule or a test needs no hardware.

use std::sync::Arc;

use model::{DataType, PropertyModel, Severity, ThingId, ThingModel, Timestamp, Value};

use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::body::{Body, Happening, Progress};
use crate::random::{Random, hash_text, mix, smooth};
use crate::reporting::Scale;
use crate::thing::VirtualThing;

/// How long a written property takes to follow.
const FOLLOW_SECONDS: f64 = 0.5;
/// How long an action takes.
const ACTION_SECONDS: f64 = 2.0;
/// How long an action takes that moves, heats or opens something.
const HOLD_ACTION_SECONDS: f64 = 6.0;

/// What a property does when nobody writes it.
#[derive(Debug, Clone, PartialEq)]
enum Habit {
    /// A number that wanders around a middle, with a daily rhythm of its own.
    Wander { middle: f64, spread: f64, hours: f64 },
    /// A counter that only grows, at a rate that itself varies.
    Grow { per_hour: f64 },
    /// A battery that slowly empties and is replaced.
    Empty { per_hour: f64 },
    /// One of some values, changed so many times an hour.
    Change { choices: Vec<Value>, per_hour: f64 },
    /// A boolean: how often it becomes true, and how long it stays so.
    Pulse { per_hour: f64, seconds: f64 },
    /// Nothing changes unless it is written.
    Stay,
}

/// One property of a generic body.
#[derive(Debug, Clone)]
struct Channel {
    model: PropertyModel,
    scale: Scale,
    habit: Habit,
    seed: u64,
    number: f64,
    value: Value,
    /// A value that was written and takes hold after so many seconds.
    pending: Option<(f64, Value)>,
}

/// The body of one thing that does what things of its model plausibly do.
#[derive(Debug)]
struct Generic {
    model: Arc<ThingModel>,
    seed: u64,
    channels: Vec<Channel>,
    /// By action: how many seconds are left, and the writes that its input stands for.
    running: Vec<f64>,
    happenings: Vec<Happening>,
}

impl VirtualThing {
    /// Starts any model as a virtual thing: the thing and the body behind it, to be added to a [`crate::World`]. The
    /// same id and seed behave the same.
    pub fn from_model(model: ThingModel, id: ThingId, title: &str, seed: u64) -> (Self, Box<dyn Body>) {
        let model = Arc::new(model);
        let seed = mix(seed ^ hash_text(id.as_str()), 0);
        let mut body = Generic {
            seed,
            channels: Vec::new(),
            running: vec![0.0; model.actions.len()],
            model: Arc::clone(&model),
            happenings: Vec::new(),
        };
        body.reset(0, Timestamp::EPOCH);
        let title = if !title.is_empty() { title } else { &model.title };
        (Self::new(id, title, Arc::clone(&model)), Box::new(body))
    }
}

impl Body for Generic {
    fn reset(&mut self, seed: u64, _start: Timestamp) {
        let channel = |(name, model): (&model::Name, &PropertyModel)| {
            Channel::new(name.as_str(), model, mix(self.seed ^ seed, hash_text(name.as_str()) as i64))
        };
        self.channels = self.model.properties.iter().map(channel).collect();
        self.running.fill(0.0);
        self.happenings.clear();
    }

    fn save(&self) -> Json {
        let channels: Vec<Json> =
            self.channels.iter().map(|channel| json!([channel.number, channel.value, channel.pending])).collect();
        json!(channels)
    }

    fn restore(&mut self, saved: &Json) -> Result<(), serde_json::Error> {
        let saved = Vec::<(f64, Value, Option<(f64, Value)>)>::deserialize(saved)?;
        for (channel, (number, value, pending)) in self.channels.iter_mut().zip(saved) {
            channel.number = number;
            // The type of a number does not survive JSON; the model knows it.
            channel.value = channel.model.check(value).unwrap_or_default();
            channel.pending = pending;
        }
        Ok(())
    }

    fn step(&mut self, now: Timestamp, dt_seconds: f64, random: &mut Random) {
        for channel in &mut self.channels {
            channel.step(now, dt_seconds, random);
        }
        for left in &mut self.running {
            *left = (*left - dt_seconds).max(0.0);
        }
        for (event, model) in self.model.events.values().enumerate() {
            let per_hour = match model.severity {
                Severity::Information => 1.0 / 6.0,
                Severity::Warning => 1.0 / 72.0,
                Severity::Fault => 1.0 / 720.0,
            };
            if random.happens(per_hour, dt_seconds) {
                self.happenings.push(Happening { thing: 0, event, value: Value::Null });
            }
        }
    }

    fn take_happenings(&mut self) -> Vec<Happening> {
        std::mem::take(&mut self.happenings)
    }

    fn is_reachable(&self, _thing: usize) -> bool {
        true
    }

    fn read(&self, _thing: usize, property: usize) -> Value {
        self.channels.get(property).map(|channel| channel.value.clone()).unwrap_or_default()
    }

    fn write(&mut self, _thing: usize, property: usize, value: &Value) {
        if let Some(channel) = self.channels.get_mut(property) {
            channel.pending = Some((FOLLOW_SECONDS, value.clone()));
        }
    }

    fn start(&mut self, _thing: usize, action: usize, input: &Value) -> Result<(), String> {
        let Some(model) = self.model.actions.values().nth(action) else { return Ok(()) };
        self.running[action] = if model.hold { HOLD_ACTION_SECONDS } else { ACTION_SECONDS };
        // An input field that is named like a writable property most likely means it.
        let Value::Json(input) = input else { return Ok(()) };
        for (name, value) in input.as_object().into_iter().flatten() {
            let channel = self.model.properties.keys().position(|known| known.as_str() == name);
            if let Some(channel) = channel.and_then(|index| self.channels.get_mut(index))
                && channel.model.writable
                && let Ok(value) = channel.model.check(Value::from_json(value.clone()))
            {
                channel.pending = Some((FOLLOW_SECONDS, value));
            }
        }
        Ok(())
    }

    fn progress(&self, _thing: usize, action: usize) -> Progress {
        let left = self.running.get(action).copied().unwrap_or(0.0);
        if left <= 0.0 {
            return Progress::Finished(Value::Null);
        }
        let hold = self.model.actions.values().nth(action).is_some_and(|model| model.hold);
        Progress::Running(1.0 - left / if hold { HOLD_ACTION_SECONDS } else { ACTION_SECONDS })
    }
}

impl Channel {
    fn new(name: &str, model: &PropertyModel, seed: u64) -> Self {
        let habit = if model.writable { Habit::Stay } else { Habit::of(name, model) };
        let mut random = Random::new(seed, name);
        let mut channel = Self {
            model: model.clone(),
            scale: Scale::of(model),
            seed,
            number: 0.0,
            value: Value::Null,
            pending: None,
            habit,
        };
        channel.number = match &channel.habit {
            Habit::Wander { middle, .. } => *middle,
            Habit::Grow { per_hour } => model.minimum.unwrap_or(0.0) + per_hour * random.between(100.0, 5_000.0),
            Habit::Empty { .. } => random.between(40.0, 100.0),
            _ => resting(name, model),
        };
        channel.value = channel.first(&mut random);
        channel
    }

    fn first(&self, random: &mut Random) -> Value {
        let valid = valid_choices(&self.model);
        if !self.model.choices.is_empty() {
            return valid.get(random.index(valid.len())).cloned().unwrap_or_default();
        }
        match self.model.data_type {
            DataType::Boolean => Value::Boolean(false),
            DataType::Integer | DataType::Number => self.scale.fit(self.number),
            DataType::String => Value::text("normal"),
            DataType::Json => Value::from_json(serde_json::json!({})),
        }
    }

    fn step(&mut self, now: Timestamp, dt_seconds: f64, random: &mut Random) {
        if let Some((left, value)) = self.pending.take() {
            if left > dt_seconds {
                self.pending = Some((left - dt_seconds, value));
            } else {
                self.value = value;
            }
        }
        match &self.habit {
            Habit::Wander { middle, spread, hours } => {
                let x = now.seconds() / 3_600.0 / hours;
                self.number = middle + spread * (0.75 * smooth(self.seed, x) + 0.25 * smooth(self.seed ^ 1, x * 9.0));
                self.value = self.scale.fit(self.number);
            }
            Habit::Grow { per_hour } => {
                let rate = 1.0 + smooth(self.seed, now.seconds() / 7_200.0);
                self.number += per_hour * rate * dt_seconds / 3_600.0;
                self.value = self.scale.fit(self.number);
            }
            Habit::Empty { per_hour } => {
                self.number -= per_hour * dt_seconds / 3_600.0;
                if self.number < 5.0 {
                    self.number = 100.0;
                }
                self.value = self.scale.fit(self.number);
            }
            Habit::Change { choices, per_hour } => {
                if random.happens(*per_hour, dt_seconds) {
                    self.value = choices[random.index(choices.len())].clone();
                }
            }
            Habit::Pulse { per_hour, seconds } => {
                let on = self.value == Value::Boolean(true);
                let rate = if on { 3_600.0 / seconds } else { *per_hour };
                if random.happens(rate, dt_seconds) {
                    self.value = Value::Boolean(!on);
                }
            }
            Habit::Stay => {}
        }
    }
}

fn valid_choices(model: &PropertyModel) -> Vec<Value> {
    model.choices.iter().filter_map(|choice| model.check(choice.clone()).ok()).filter(|v| *v != Value::Null).collect()
}

fn says(name: &str, words: &[&str]) -> bool {
    let name = name.to_lowercase();
    words.iter().any(|word| name.contains(word))
}

/// Where a number that is only written begins.
fn resting(name: &str, model: &PropertyModel) -> f64 {
    match (model.minimum, model.maximum) {
        (Some(low), Some(high)) if says(name, &["target", "setpoint"]) => low + (high - low) * 0.6,
        (Some(low), _) => low,
        (None, Some(high)) => high.min(0.0),
        (None, None) => 0.0,
    }
}

impl Habit {
    fn of(name: &str, model: &PropertyModel) -> Self {
        let choices = valid_choices(model);
        if !model.choices.is_empty() {
            return if choices.len() > 1 { Self::Change { choices, per_hour: 0.5 } } else { Self::Stay };
        }
        match model.data_type {
            DataType::Boolean if says(name, &["alarm", "smoke", "leak", "tamper", "fault", "error", "problem"]) => {
                Self::Pulse { per_hour: 0.002, seconds: 120.0 }
            }
            DataType::Boolean if says(name, &["motion", "presence", "occup", "moving"]) => {
                Self::Pulse { per_hour: 4.0, seconds: 90.0 }
            }
            DataType::Boolean => Self::Pulse { per_hour: 0.4, seconds: 1_800.0 },
            DataType::String | DataType::Json => Self::Stay,
            DataType::Integer | DataType::Number => Self::of_number(name, model),
        }
    }

    fn of_number(name: &str, model: &PropertyModel) -> Self {
        let unit = model.unit.as_ref().map_or("", |unit| unit.as_str());
        let (counter, per_hour) = match unit {
            "kWh" | "m³" => (true, 0.4),
            "Wh" | "L" | "l" => (true, 40.0),
            "MWh" => (true, 0.01),
            "h" | "min" | "s" if says(name, &["uptime", "runtime", "operating"]) => (
                true,
                if unit == "h" {
                    1.0
                } else if unit == "min" {
                    60.0
                } else {
                    3_600.0
                },
            ),
            _ => (says(name, &["total", "count", "odometer"]), 2.0),
        };
        if counter {
            return Self::Grow { per_hour };
        }
        if unit == "%" && says(name, &["battery", "charge"]) {
            return Self::Empty { per_hour: 0.05 };
        }
        let (middle, spread, hours) = match unit {
            "°C" if says(name, &["outdoor", "outside"]) => (11.0, 8.0, 9.0),
            "°C" => (21.0, 2.0, 6.0),
            "°F" => (70.0, 4.0, 6.0),
            "%" => (50.0, 15.0, 5.0),
            "ppm" => (700.0, 280.0, 3.0),
            "µg/m³" => (9.0, 7.0, 3.0),
            "hPa" => (1_013.0, 14.0, 60.0),
            "lx" => (300.0, 290.0, 4.0),
            "W" => (220.0, 210.0, 1.5),
            "kW" => (1.2, 1.1, 1.5),
            "V" if model.maximum.is_some_and(|high| high < 60.0) => (3.0, 0.2, 24.0),
            "V" => (230.0, 3.0, 0.7),
            "A" => (2.0, 1.9, 1.5),
            "Hz" => (50.0, 0.04, 0.1),
            "m/s" => (3.5, 3.0, 4.0),
            "dBm" => (-64.0, 6.0, 2.0),
            _ => (50.0, 20.0, 4.0),
        };
        Self::within(model, middle, spread, hours)
    }

    /// Brings a wander into the range of the model; a unit's own numbers are kept where they fit.
    fn within(model: &PropertyModel, middle: f64, spread: f64, hours: f64) -> Self {
        let (low, high) = (model.minimum.unwrap_or(f64::NEG_INFINITY), model.maximum.unwrap_or(f64::INFINITY));
        if middle - spread >= low && middle + spread <= high {
            return Self::Wander { middle, spread, hours };
        }
        if low.is_finite() && high.is_finite() {
            return Self::Wander { middle: low / 2.0 + high / 2.0, spread: (high / 2.0 - low / 2.0) * 0.6, hours };
        }
        let middle = if low.is_finite() { low + spread * 1.2 } else { high - spread * 1.2 };
        Self::Wander { middle, spread, hours }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn habit(name: &str, json: serde_json::Value) -> Habit {
        Habit::of(name, &serde_json::from_value(json).unwrap())
    }

    #[test]
    fn habits_follow_unit_name_and_range() {
        use serde_json::json;
        assert!(matches!(habit("energy", json!({"type": "number", "unit": "kWh"})), Habit::Grow { .. }));
        assert!(matches!(habit("battery", json!({"type": "number", "unit": "%"})), Habit::Empty { .. }));
        assert!(matches!(habit("smoke", json!({"type": "boolean"})), Habit::Pulse { per_hour, .. } if per_hour < 0.01));
        let cold = json!({"type": "number", "unit": "celsius", "minimum": -30, "maximum": -10});
        assert_eq!(habit("temperature", cold), Habit::Wander { middle: -20.0, spread: 6.0, hours: 6.0 });
    }
}
