//! What the words of both languages stand for.

/// What a word of the grammar stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Word {
    /// Nothing: it may be left out.
    Filler,
    /// Make it be on.
    TurnOn,
    /// Make it be off.
    TurnOff,
    /// On, as a state or a wish.
    On,
    /// Off, as a state or a wish.
    Off,
    /// Open, as a wish or a state.
    Open,
    /// Make it be closed.
    Close,
    /// Closed, as a state.
    Closed,
    /// Make it be locked.
    Lock,
    /// Make it be unlocked.
    Unlock,
    /// Locked, as a state.
    Locked,
    /// Unlocked, as a state.
    Unlocked,
    /// Let it begin.
    Start,
    /// Let it end.
    Stop,
    /// Let it rest.
    Pause,
    /// Let it go home.
    Dock,
    /// Make it be the other.
    Toggle,
    /// Give a property a value.
    Set,
    /// Let a scene come.
    Activate,
    /// More of it, or up.
    Raise,
    /// Less of it, or down.
    Lower,
    /// Darker.
    Dim,
    /// Brighter.
    Brighten,
    /// More degrees.
    Warmer,
    /// Fewer degrees.
    Cooler,
    /// Every one.
    All,
    /// What comes next is left out.
    Except,
    /// What came last is left out.
    Without,
    /// Not.
    Not,
    /// And.
    And,
    /// Where, or which part.
    In,
    /// To a value.
    To,
    /// By a difference.
    By,
    /// So long.
    Lasting,
    /// So long, said after it.
    During,
    /// At once.
    Now,
    /// It is asked whether.
    Is,
    /// It is asked what.
    What,
    /// It is asked which.
    Which,
    /// The wish of a property, as opposed to what it is.
    Target,
    /// The floor below.
    Downstairs,
    /// The floor above.
    Upstairs,
    /// Things of a sort.
    Kind(Kind),
    /// Something that is measured.
    Quantity(Quantity),
    /// A unit of an amount.
    Unit(UnitWord),
    /// As much as it takes.
    Maximum,
    /// As little as it takes.
    Minimum,
    /// Half of it.
    Half,
    /// The state a machine is in.
    State(StateWord),
}

/// The state of a machine, as people say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum StateWord {
    /// It works.
    Running,
    /// It is done.
    Finished,
}

impl StateWord {
    /// How models write it.
    pub(crate) fn spellings(self) -> &'static [&'static str] {
        match self {
            Self::Running => &["running", "cleaning", "heating", "cooling", "charging", "washing", "on"],
            Self::Finished => &["finished", "done", "complete", "completed"],
        }
    }
}

/// A unit, as people say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum UnitWord {
    /// Percent.
    Percent,
    /// Degrees of whatever the thing has.
    Degrees,
    /// Degrees Celsius.
    Celsius,
    /// Degrees Fahrenheit.
    Fahrenheit,
    /// Kelvin of colour.
    Kelvin,
}

/// Something that is measured or set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Quantity {
    /// How warm.
    Temperature,
    /// How humid.
    Humidity,
    /// How bright a lamp is.
    Brightness,
    /// How warm white.
    ColourTemperature,
    /// How far open.
    Position,
    /// How much power is drawn.
    Power,
    /// How much energy was used.
    Energy,
    /// How full a battery is.
    Battery,
    /// Carbon dioxide.
    CarbonDioxide,
    /// Fine dust.
    Dust,
    /// How bright it is around.
    Illuminance,
    /// The pressure of the air.
    Pressure,
    /// How fast the wind is.
    Wind,
    /// How much it rains.
    Rain,
    /// How much flows.
    Flow,
    /// How loud.
    Volume,
    /// Whether somebody is there or moves.
    Presence,
}

impl Quantity {
    /// Parts of the names of properties that measure it.
    pub(crate) fn names(self) -> &'static [&'static str] {
        match self {
            Self::Temperature => &["temperature", "temp", "target", "setpoint", "온도"],
            Self::Humidity => &["humidity", "습도"],
            Self::Brightness => &["brightness", "level", "dimmer", "dim", "밝기"],
            Self::ColourTemperature => {
                &["colour_temperature", "color_temperature", "color_temp", "colour_temp", "색온도"]
            }
            Self::Position => &["position", "opening", "level", "tilt", "위치"],
            Self::Power => &["power", "전력", "consumption"],
            Self::Energy => &["energy", "전력량"],
            Self::Battery => &["battery", "charge", "배터리"],
            Self::CarbonDioxide => &["co2", "carbon_dioxide", "이산화탄소"],
            Self::Dust => &["pm25", "pm2_5", "pm10", "dust", "미세먼지"],
            Self::Illuminance => &["illuminance", "lux", "조도"],
            Self::Pressure => &["pressure", "기압"],
            Self::Wind => &["wind", "wind_speed", "풍속"],
            Self::Rain => &["rain", "강수"],
            Self::Flow => &["flow", "유량"],
            Self::Volume => &["volume", "loudness", "음량"],
            Self::Presence => &["presence", "occupancy", "occupied", "motion", "재실", "움직임"],
        }
    }

    /// The units in which it is told; none when the name alone says it.
    pub(crate) fn units(self) -> &'static [&'static str] {
        match self {
            Self::Temperature => &["°C", "°F"],
            Self::Humidity | Self::Brightness | Self::Position | Self::Battery | Self::Volume => &["%"],
            Self::ColourTemperature => &["K", "mired"],
            Self::Power => &["W", "kW", "VA"],
            Self::Energy => &["Wh", "kWh", "MWh"],
            Self::CarbonDioxide => &["ppm"],
            Self::Dust => &["µg/m³"],
            Self::Illuminance => &["lx"],
            Self::Pressure => &["hPa", "Pa", "kPa", "bar"],
            Self::Wind => &["m/s", "km/h", "mph", "kn"],
            Self::Rain => &["mm", "mm/h"],
            Self::Flow => &["L/min", "L/h", "m³/h"],
            Self::Presence => &[],
        }
    }
}

/// A sort of things, as people name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Lamps.
    Light,
    /// Plugs and sockets.
    Plug,
    /// What heats rooms.
    Heating,
    /// What cools rooms.
    AirConditioner,
    /// What moves air.
    Fan,
    /// Blinds, shutters and curtains.
    Blind,
    /// Doors and gates.
    Door,
    /// Windows.
    Window,
    /// Locks.
    Lock,
    /// Robots that clean.
    Vacuum,
    /// What shows and plays.
    Media,
    /// Valves.
    Valve,
    /// Whatever is there.
    Thing,
}

impl Kind {
    /// Words in a model's kind by which it is known.
    pub(crate) fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::Light => &["light", "lamp", "bulb", "dimmer", "lights"],
            Self::Plug => &["plug", "socket", "outlet"],
            Self::Heating => &["thermostat", "heating", "radiator", "heater", "climate", "trv"],
            Self::AirConditioner => &["aircon", "ac", "cooler", "conditioner"],
            Self::Fan => &["fan", "ventilator", "ventilation"],
            Self::Blind => &["blind", "shutter", "curtain", "cover", "shade", "awning"],
            Self::Door => &["door", "gate"],
            Self::Window => &["window", "skylight"],
            Self::Lock => &["lock"],
            Self::Vacuum => &["vacuum"],
            Self::Media => &["television", "tv", "media", "speaker", "player", "radio"],
            Self::Valve => &["valve"],
            Self::Thing => &[],
        }
    }

    /// Words in a title by which it is known, where the kind of the model says nothing of the sort.
    pub(crate) fn titles(self) -> &'static [&'static str] {
        match self {
            Self::Light => &["light", "lights", "lamp", "bulb", "등", "불", "조명", "전등", "램프", "스탠드"],
            Self::Plug => &["plug", "socket", "outlet", "플러그", "콘센트"],
            Self::Heating => &["thermostat", "heating", "radiator", "heater", "난방", "보일러", "온도조절기"],
            Self::AirConditioner => &["aircon", "ac", "에어컨", "냉방"],
            Self::Fan => &["fan", "선풍기", "환풍기", "팬"],
            Self::Blind => &["blind", "shutter", "curtain", "shade", "awning", "블라인드", "커튼", "셔터"],
            Self::Door => &["door", "gate", "문", "현관문", "대문"],
            Self::Window => &["window", "skylight", "창문", "창"],
            Self::Lock => &["lock", "자물쇠", "도어락", "잠금"],
            Self::Vacuum => &["vacuum", "청소기", "로봇청소기"],
            Self::Media => &["television", "tv", "speaker", "radio", "텔레비전", "티비", "스피커"],
            Self::Valve => &["valve", "밸브"],
            Self::Thing => &[],
        }
    }
}

/// Kinds of models that say nothing of what the thing is for: there the title is asked, too.
pub(crate) const GENERIC_KINDS: &[&str] =
    &["", "contact", "switch", "relay", "opening", "sensor", "binary", "plug", "socket", "outlet", "device", "generic"];

/// Kinds that "everything" does not mean: what guards, locks, heats, cools food or carries the house is named or left alone.
pub(crate) const NOT_EVERYTHING: &[&str] = &[
    "lock",
    "door",
    "garage",
    "gate",
    "valve",
    "alarm",
    "siren",
    "smoke",
    "detector",
    "fridge",
    "freezer",
    "refrigerator",
    "pump",
    "heater",
    "boiler",
    "inverter",
    "battery",
    "meter",
    "charger",
    "camera",
    "gateway",
    "router",
    "host",
    "thermostat",
    "heating",
    "radiator",
    "climate",
];

/// Kinds that measure themselves or what they hold, not the room they stand in.
pub(crate) const NOT_AMBIENT: &[&str] = &[
    "fridge",
    "freezer",
    "refrigerator",
    "oven",
    "heater",
    "boiler",
    "tank",
    "pump",
    "inverter",
    "battery",
    "charger",
    "host",
    "machine",
    "dishwasher",
    "plug",
    "light",
    "kettle",
];

/// Phrases of one language.
pub(crate) type Phrases = &'static [(&'static str, &'static [Word])];

/// Places of a home by what people call them in both languages: whatever a space is called, its other names work too.
pub(crate) const PLACES: &[&[&str]] = &[
    &["living room", "lounge", "sitting room", "family room", "거실"],
    &["kitchen", "부엌", "주방"],
    &["bedroom", "main bedroom", "master bedroom", "침실", "안방"],
    &["bathroom", "bath", "washroom", "욕실", "화장실"],
    &["hall", "hallway", "corridor", "entrance", "현관", "복도"],
    &["study", "office", "home office", "서재", "작업실"],
    &["childrens room", "kids room", "nursery", "아이방", "아이들방", "애들방"],
    &["dining room", "식당"],
    &["utility room", "laundry", "laundry room", "다용도실", "세탁실"],
    &["garage", "차고"],
    &["garden", "yard", "정원", "마당"],
    &["basement", "cellar", "지하실", "지하"],
    &["attic", "loft", "다락", "다락방"],
    &["balcony", "terrace", "베란다", "발코니", "테라스"],
    &["house", "home", "집"],
];

/// Machines of which a model's kind is one name: the others work too.
pub(crate) const MACHINES: &[&[&str]] = &[
    &["fridge", "refrigerator", "냉장고"],
    &["freezer", "냉동고"],
    &["washing machine", "washer", "세탁기"],
    &["dryer", "tumble dryer", "건조기"],
    &["dishwasher", "식기세척기"],
    &["oven", "오븐"],
    &["heat pump", "히트펌프"],
    &["water heater", "온수기"],
    &["doorbell", "초인종"],
    &["weather station", "기상대"],
    &["humidifier", "가습기"],
    &["dehumidifier", "제습기"],
    &["air purifier", "공기청정기"],
];

/// Nouns that mean all of a sort although they are in the singular.
pub(crate) const MASS_NOUNS: &[&str] = &["heating", "lighting", "ventilation", "conditioning"];

/// Words in the title or id of a floor by which it is the lower one.
pub(crate) const LOWER_FLOOR: &[&str] = &["ground", "lower", "downstairs", "basement", "아래층", "지상층", "일층", "1"];

/// Words in the title or id of a floor by which it is the upper one.
pub(crate) const UPPER_FLOOR: &[&str] = &["upper", "upstairs", "top", "위층", "윗층", "이층", "2"];

impl Word {
    /// Whether it says what shall be done, or is part of how sentences are built: a name made of such words alone is no
    /// name, and one with such a word in it is looked for last.
    pub(crate) fn is_grammar(self) -> bool {
        !matches!(self, Self::Kind(_) | Self::Quantity(_) | Self::Downstairs | Self::Upstairs | Self::Filler | Self::In)
    }

    /// Whether it says what shall be done.
    pub(crate) fn is_verb(self) -> bool {
        matches!(
            self,
            Self::TurnOn
                | Self::TurnOff
                | Self::On
                | Self::Off
                | Self::Open
                | Self::Close
                | Self::Closed
                | Self::Lock
                | Self::Unlock
                | Self::Locked
                | Self::Unlocked
                | Self::Start
                | Self::Stop
                | Self::Pause
                | Self::Dock
                | Self::Toggle
                | Self::Set
                | Self::Activate
                | Self::Raise
                | Self::Lower
                | Self::Dim
                | Self::Brighten
                | Self::Warmer
                | Self::Cooler
        )
    }
}
