//! Instruments: how the things of one plant measure it and act on it. One declaration of a thing gives its model, what
//! it tells, and what a write or an action does to the plant.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::{
    ActionModel, DataType, EventModel, Name, PropertyModel, PropertyRole, Severity, ThingId, ThingModel, Timestamp,
    Unit, Value,
};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::body::{Body, Happening, Progress};
use crate::plant::Plant;
use crate::random::Random;
use crate::reporting::{Reporting, Scale};
use crate::thing::VirtualThing;

/// Something that happened in a plant, for one of its things to tell.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    thing: &'static str,
    event: &'static str,
}

impl Told {
    /// The thing of this id tells the event of this name.
    pub fn new(thing: &'static str, event: &'static str) -> Self {
        Self { thing, event }
    }
}

type Read<P> = Box<dyn Fn(&P) -> Value + Send>;
type Write<P> = Box<dyn Fn(&mut P, &Value) + Send>;
type Start<P> = Box<dyn Fn(&mut P, &Value) -> Result<(), String> + Send>;
type Follow<P> = Box<dyn Fn(&P) -> Progress + Send>;

/// One property of a thing on a plant.
struct Instrument<P> {
    read: Read<P>,
    write: Option<Write<P>>,
}

/// One action of a thing on a plant.
struct Handle<P> {
    start: Start<P>,
    follow: Follow<P>,
}

/// The declaration of a thing on a plant. Words that describe a property, an action or an event follow the one that
/// they describe.
pub struct Declared<P> {
    id: ThingId,
    title: String,
    space: &'static str,
    model: ThingModel,
    instruments: BTreeMap<Name, Instrument<P>>,
    handles: BTreeMap<Name, Handle<P>>,
    rules: BTreeMap<Name, Reporting>,
    is_reachable: Option<fn(&P) -> bool>,
    property: Option<Name>,
    action: Option<Name>,
}

fn name(text: &str) -> Name {
    Name::new(text).expect("names in declarations are valid")
}

impl<P: 'static> Declared<P> {
    /// A thing of some kind in a space.
    pub fn new(id: &str, title: &str, space: &'static str, kind: &str) -> Self {
        let model = ThingModel {
            id: format!("demo.{kind}"),
            title: title.to_owned(),
            kind: kind.to_owned(),
            version: "1".to_owned(),
            ..ThingModel::default()
        };
        Self {
            id: ThingId::new(id).expect("ids in declarations are valid"),
            title: title.to_owned(),
            space,
            model,
            instruments: BTreeMap::new(),
            handles: BTreeMap::new(),
            rules: BTreeMap::new(),
            is_reachable: None,
            property: None,
            action: None,
        }
    }

    /// One sentence on what it is.
    pub fn about(mut self, description: &str) -> Self {
        description.clone_into(&mut self.model.description);
        self
    }

    /// Its connection comes and goes.
    pub fn reachable(mut self, is_reachable: fn(&P) -> bool) -> Self {
        self.is_reachable = Some(is_reachable);
        self
    }

    fn property(mut self, text: &str, title: &str, data_type: DataType, read: Read<P>) -> Self {
        let name = name(text);
        let model = PropertyModel { title: title.to_owned(), data_type, ..PropertyModel::default() };
        self.model.properties.insert(name.clone(), model);
        self.instruments.insert(name.clone(), Instrument { read, write: None });
        self.property = Some(name);
        self
    }

    /// A property that is true or false.
    pub fn boolean(self, name: &str, title: &str, read: impl Fn(&P) -> bool + Send + 'static) -> Self {
        self.property(name, title, DataType::Boolean, Box::new(move |plant| Value::Boolean(read(plant))))
    }

    /// A property that is a number with a unit, a range and digits after the point.
    pub fn number(
        self,
        name: &str,
        title: &str,
        (unit, low, high, decimals): (&str, f64, f64, u8),
        read: impl Fn(&P) -> f64 + Send + 'static,
    ) -> Self {
        self.property(name, title, DataType::Number, Box::new(move |plant| Value::Float(read(plant)))).describe(
            |model| {
                model.unit = (!unit.is_empty()).then(|| Unit::new(unit));
                model.minimum = Some(low);
                model.maximum = Some(high);
                model.decimals = Some(decimals);
            },
        )
    }

    /// A property that counts.
    pub fn counter(self, name: &str, title: &str, read: impl Fn(&P) -> i64 + Send + 'static) -> Self {
        self.property(name, title, DataType::Integer, Box::new(move |plant| Value::Integer(read(plant))))
            .describe(|model| model.minimum = Some(0.0))
    }

    /// A property that is one of a few words.
    pub fn choice(
        self,
        name: &str,
        title: &str,
        choices: &[&str],
        read: impl Fn(&P) -> &'static str + Send + 'static,
    ) -> Self {
        self.property(name, title, DataType::String, Box::new(move |plant| Value::text(read(plant))))
            .describe(|model| model.choices = choices.iter().map(Value::text).collect())
    }

    /// A property that is an object or a list.
    pub fn document(self, name: &str, title: &str, read: impl Fn(&P) -> Value + Send + 'static) -> Self {
        self.property(name, title, DataType::Json, Box::new(read))
    }

    fn describe(mut self, change: impl FnOnce(&mut PropertyModel)) -> Self {
        let name = self.property.as_ref().expect("a property was declared before it is described");
        change(self.model.properties.get_mut(name).expect("it was declared"));
        self
    }

    /// The property is shown in lists and overviews.
    pub fn primary(self) -> Self {
        self.describe(|model| model.role = PropertyRole::Primary)
    }

    /// The property is for whoever looks after the thing.
    pub fn diagnostic(self) -> Self {
        self.describe(|model| model.role = PropertyRole::Diagnostic)
    }

    /// The step of the property's control.
    pub fn step(self, step: f64) -> Self {
        self.describe(|model| model.step = Some(step))
    }

    /// The property is told when it changed by so much, at most every so many seconds.
    pub fn told(mut self, deadband: f64, every_seconds: u64) -> Self {
        let name = self.property.clone().expect("a property was declared before its rule");
        let rule = Reporting::of(&self.model.properties[&name]);
        self.rules.insert(name, Reporting { deadband, interval: Duration::from_secs(every_seconds), ..rule });
        self
    }

    /// The property is told every so many seconds, changed or not, as meters do.
    pub fn every(mut self, seconds: u64) -> Self {
        let name = self.property.clone().expect("a property was declared before its rule");
        let pace = Duration::from_secs(seconds);
        self.rules.insert(name, Reporting { deadband: 0.0, interval: pace, refresh: pace });
        self
    }

    fn written(mut self, write: Write<P>) -> Self {
        let name = self.property.as_ref().expect("a property was declared before it is written");
        self.instruments.get_mut(name).expect("it was declared").write = Some(write);
        self.describe(|model| model.writable = true)
    }

    /// What a write of the boolean does.
    pub fn sets_boolean(self, write: impl Fn(&mut P, bool) + Send + 'static) -> Self {
        self.written(Box::new(move |plant, value| write(plant, *value == Value::Boolean(true))))
    }

    /// What a write of the number does.
    pub fn sets_number(self, write: impl Fn(&mut P, f64) + Send + 'static) -> Self {
        self.written(Box::new(move |plant, value| {
            if let Some(number) = value.as_f64() {
                write(plant, number);
            }
        }))
    }

    /// What a write of the choice does.
    pub fn sets_choice(self, write: impl Fn(&mut P, &str) + Send + 'static) -> Self {
        self.written(Box::new(move |plant, value| {
            if let Value::Text(choice) = value {
                write(plant, choice);
            }
        }))
    }

    /// An action: what starts it, and how far it has come.
    pub fn action(
        mut self,
        text: &str,
        title: &str,
        start: impl Fn(&mut P, &Value) -> Result<(), String> + Send + 'static,
        follow: impl Fn(&P) -> Progress + Send + 'static,
    ) -> Self {
        let name = name(text);
        self.model.actions.insert(name.clone(), ActionModel { title: title.to_owned(), ..ActionModel::default() });
        self.handles.insert(name.clone(), Handle { start: Box::new(start), follow: Box::new(follow) });
        self.action = Some(name);
        self
    }

    fn last_action(&mut self) -> &mut ActionModel {
        let name = self.action.as_ref().expect("an action was declared before it is described");
        self.model.actions.get_mut(name).expect("it was declared")
    }

    /// The action moves, heats or opens something.
    pub fn hold(mut self) -> Self {
        self.last_action().hold = true;
        self
    }

    /// The action takes a number.
    pub fn takes(mut self, field: &str, title: &str, (unit, low, high): (&str, f64, f64)) -> Self {
        let model = PropertyModel {
            title: title.to_owned(),
            unit: Some(Unit::new(unit)),
            minimum: Some(low),
            maximum: Some(high),
            step: Some(1.0),
            decimals: Some(0),
            writable: true,
            ..PropertyModel::default()
        };
        self.last_action().input.insert(name(field), model);
        self
    }

    /// An event.
    pub fn event(mut self, text: &str, title: &str, severity: Severity) -> Self {
        let event = EventModel { title: title.to_owned(), description: String::new(), severity };
        self.model.events.insert(name(text), event);
        self
    }

    /// Its id.
    pub fn id(&self) -> &ThingId {
        &self.id
    }

    /// What people call it.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The space that it stands in.
    pub fn space(&self) -> &'static str {
        self.space
    }

    /// What it can tell and do.
    pub fn model(&self) -> &ThingModel {
        &self.model
    }
}

/// The inside of one declared thing, in the order of its model.
struct Panel<P> {
    id: ThingId,
    model: Arc<ThingModel>,
    properties: Vec<(Scale, Instrument<P>)>,
    handles: Vec<Handle<P>>,
    is_reachable: Option<fn(&P) -> bool>,
}

/// A plant with the instruments of its things: a [`Body`].
pub struct Instrumented<P> {
    make: Box<dyn Fn(u64, Timestamp) -> P + Send>,
    plant: P,
    panels: Vec<Panel<P>>,
    happenings: Vec<Happening>,
}

impl<P> Instrumented<P>
where
    P: Plant<Inputs = Timestamp, Outputs = Vec<Told>> + Serialize + DeserializeOwned + Send + 'static,
{
    /// A plant, made anew for every seed and start, and the things that are declared on it.
    pub fn new(
        make: impl Fn(u64, Timestamp) -> P + Send + 'static,
        declared: Vec<Declared<P>>,
    ) -> (Self, Vec<VirtualThing>) {
        let mut panels = Vec::with_capacity(declared.len());
        let mut things = Vec::with_capacity(declared.len());
        for thing in declared {
            let model = Arc::new(thing.model);
            things.push(VirtualThing::with_reporting(thing.id.clone(), thing.title, Arc::clone(&model), &thing.rules));
            let properties = thing.instruments.into_iter().map(|(name, instrument)| {
                (Scale::of(model.properties.get(&name).expect("every instrument has its property")), instrument)
            });
            panels.push(Panel {
                id: thing.id,
                properties: properties.collect(),
                handles: thing.handles.into_values().collect(),
                is_reachable: thing.is_reachable,
                model,
            });
        }
        let plant = make(0, Timestamp::EPOCH);
        (Self { make: Box::new(make), plant, panels, happenings: Vec::new() }, things)
    }

    /// The plant itself.
    pub fn plant(&self) -> &P {
        &self.plant
    }
}

impl<P> Body for Instrumented<P>
where
    P: Plant<Inputs = Timestamp, Outputs = Vec<Told>> + Serialize + DeserializeOwned + Send + 'static,
{
    fn reset(&mut self, seed: u64, start: Timestamp) {
        self.plant = (self.make)(seed, start);
        self.happenings.clear();
    }

    fn save(&self) -> Json {
        serde_json::to_value(&self.plant).expect("a plant has text keys and finite numbers")
    }

    fn restore(&mut self, saved: &Json) -> Result<(), serde_json::Error> {
        self.plant = P::deserialize(saved)?;
        self.happenings.clear();
        Ok(())
    }

    fn step(&mut self, now: Timestamp, dt_seconds: f64, random: &mut Random) {
        for told in self.plant.step(dt_seconds, &now, random) {
            let Some(thing) = self.panels.iter().position(|panel| panel.id.as_str() == told.thing) else { continue };
            let events = &self.panels[thing].model.events;
            if let Some(event) = events.keys().position(|name| name.as_str() == told.event) {
                self.happenings.push(Happening { thing, event, value: Value::Null });
            }
        }
    }

    fn take_happenings(&mut self) -> Vec<Happening> {
        std::mem::take(&mut self.happenings)
    }

    fn is_reachable(&self, thing: usize) -> bool {
        self.panels[thing].is_reachable.is_none_or(|is_reachable| is_reachable(&self.plant))
    }

    fn read(&self, thing: usize, property: usize) -> Value {
        let (scale, instrument) = &self.panels[thing].properties[property];
        match (instrument.read)(&self.plant) {
            Value::Float(number) => scale.fit(number),
            value => value,
        }
    }

    fn write(&mut self, thing: usize, property: usize, value: &Value) {
        if let Some(write) = &self.panels[thing].properties[property].1.write {
            write(&mut self.plant, value);
        }
    }

    fn start(&mut self, thing: usize, action: usize, input: &Value) -> Result<(), String> {
        (self.panels[thing].handles[action].start)(&mut self.plant, input)
    }

    fn progress(&self, thing: usize, action: usize) -> Progress {
        (self.panels[thing].handles[action].follow)(&self.plant)
    }
}
