// A plausible demo home for looking at the pages: rooms, things with models, and the curve each value follows through a day.

const number = (title, unit, options = {}) => ({ title, type: "number", unit, readable: true, writable: false, role: "normal", decimals: 1, ...options });
const flag = (title, options = {}) => ({ title, type: "boolean", readable: true, writable: false, role: "normal", ...options });
const choice = (title, choices, options = {}) => ({ title, type: "string", choices, readable: true, writable: true, role: "normal", ...options });
const diagnostics = { signal: number("Signal", "dBm", { decimals: 0, role: "diagnostic" }), battery: number("Battery", "%", { decimals: 0, role: "diagnostic" }) };
const model = (id, title, kind, properties, actions = {}, events = {}) => ({ id, title, description: "", kind, version: "1", inferred: false, properties, actions, events });

export const models = {
  climate: model("climate-sensor", "Climate sensor", "sensor", { temperature: number("Temperature", "°C", { role: "primary" }), humidity: number("Humidity", "%", { role: "primary", decimals: 0 }), ...diagnostics }),
  air: model("air-sensor", "Air sensor", "sensor", { carbon_dioxide: number("Carbon dioxide", "ppm", { role: "primary", decimals: 0 }), particles: number("Fine dust", "µg/m³", { role: "primary" }), temperature: number("Temperature", "°C", {}), ...diagnostics }),
  light: model("dimmable-light", "Dimmable light", "light", { on: flag("On", { writable: true, role: "primary" }), brightness: number("Brightness", "%", { writable: true, minimum: 0, maximum: 100, step: 1, decimals: 0, role: "primary" }), colour_temperature: number("Colour temperature", "K", { writable: true, minimum: 2200, maximum: 6500, step: 50, decimals: 0 }), effect: choice("Effect", ["none", "candle", "rainbow", "pulse", "sunrise", "party"]), signal: diagnostics.signal }, { identify: { title: "Identify", hold: false } }),
  plug: model("metering-plug", "Metering plug", "plug", { on: flag("On", { writable: true, role: "primary" }), power: number("Power", "W", { role: "primary" }), energy: number("Energy", "kWh", { decimals: 2 }), voltage: number("Voltage", "V", { role: "diagnostic" }) }),
  thermostat: model("thermostat", "Radiator thermostat", "thermostat", { temperature: number("Temperature", "°C", { role: "primary" }), target_temperature: number("Target", "°C", { writable: true, minimum: 5, maximum: 30, step: 0.5, role: "primary" }), mode: choice("Mode", ["off", "heat", "auto"], { role: "primary" }), valve: number("Valve", "%", { decimals: 0 }), window_open: flag("Window open"), ...diagnostics }),
  contact: model("contact", "Door contact", "contact", { open: flag("Open", { role: "primary" }), battery: diagnostics.battery, signal: diagnostics.signal }, {}, { tamper: { title: "Tampered with", severity: "red" } }),
  motion: model("motion", "Motion sensor", "motion", { occupied: flag("Occupied", { role: "primary" }), illuminance: number("Illuminance", "lx", { role: "primary", decimals: 0 }), battery: diagnostics.battery }),
  lock: model("lock", "Door lock", "lock", { locked: flag("Locked", { role: "primary" }), door: choice("Door", ["open", "closed", "ajar"], { writable: false }), battery: diagnostics.battery }, { unlock: { title: "Unlock", hold: true }, lock: { title: "Lock", hold: false }, add_code: { title: "Add a code", hold: false, input: { name: { title: "Whose", type: "string", readable: true, writable: true, role: "normal" }, code: { title: "Code", type: "integer", minimum: 1000, maximum: 9999, readable: true, writable: true, role: "normal" }, once: flag("Only once") } } }),
  cover: model("cover", "Blind", "cover", { position: number("Position", "%", { writable: true, minimum: 0, maximum: 100, step: 1, decimals: 0, role: "primary" }), moving: choice("Moving", ["stopped", "up", "down"], { writable: false, role: "primary" }) }, { open: { title: "Open", hold: true }, close: { title: "Close", hold: true }, stop: { title: "Stop", hold: false } }),
  meter: model("meter", "Electricity meter", "meter", { power: number("Power", "W", { decimals: 0, role: "primary" }), energy_import: number("Drawn", "kWh", { decimals: 1, role: "primary" }), energy_export: number("Fed in", "kWh", { decimals: 1 }), voltage: number("Voltage", "V") }),
  solar: model("inverter", "Solar inverter", "solar", { power: number("Power", "W", { decimals: 0, role: "primary" }), energy_today: number("Today", "kWh", { role: "primary" }), status: choice("Status", ["producing", "standby", "fault"], { writable: false }) }),
  battery: model("home-battery", "Home battery", "battery", { charge: number("Charge", "%", { decimals: 0, role: "primary" }), power: number("Power", "W", { decimals: 0, role: "primary" }), mode: choice("Mode", ["self_use", "backup", "time_of_use", "hold"], { role: "normal" }) }),
  charger: model("car-charger", "Car charger", "charger", { state: choice("State", ["unplugged", "waiting", "charging", "full"], { writable: false, role: "primary" }), power: number("Power", "kW", { role: "primary" }), limit: number("Current limit", "A", { writable: true, minimum: 6, maximum: 32, step: 1, decimals: 0 }) }, { start: { title: "Start charging", hold: true }, stop: { title: "Stop charging", hold: false } }),
  leak: model("leak", "Leak sensor", "water", { wet: flag("Water", { role: "primary" }), battery: diagnostics.battery }),
  gateway: model("gateway", "Zigbee gateway", "gateway", { devices: number("Devices", null, { decimals: 0, role: "primary" }), permit_join: flag("Lets new ones join", { writable: true }) }),
};

export const spaces = [
  { id: "home", parent: null, kind: "site", title: "Home" },
  { id: "ground", parent: "home", kind: "floor", title: "Ground floor" }, { id: "upper", parent: "home", kind: "floor", title: "Upper floor" },
  { id: "living", parent: "ground", kind: "room", title: "Living room" }, { id: "kitchen", parent: "ground", kind: "room", title: "Kitchen" }, { id: "hall", parent: "ground", kind: "room", title: "Hall" },
  { id: "bedroom", parent: "upper", kind: "room", title: "Bedroom" }, { id: "children", parent: "upper", kind: "room", title: "Children's room" }, { id: "bath", parent: "upper", kind: "room", title: "Bathroom" }, { id: "study", parent: "upper", kind: "room", title: "Study" },
  { id: "cellar", parent: "home", kind: "floor", title: "Cellar" }, { id: "garden", parent: "home", kind: "zone", title: "Garden" },
].map((space) => ({ rev: 1, ...space }));

const list = [];
const thing = (id, title, kind, space, tags = [], more = {}) => list.push({ id, title, kind, space, tags, via: "zigbee-gateway", adapter: "home-assistant", ...more });
for (const [room, name] of [["living", "Living room"], ["kitchen", "Kitchen"], ["bedroom", "Bedroom"], ["children", "Children's room"], ["bath", "Bathroom"], ["study", "Study"]]) {
  thing(`${room}-climate`, `${name} climate`, "climate", room);
  thing(`${room}-light`, `${name} ceiling light`, "light", room, ["lighting"]);
  thing(`${room}-radiator`, `${name} radiator`, "thermostat", room, ["heating"]);
  thing(`${room}-window`, `${name} window`, "contact", room, ["openings"]);
}
thing("living-lamp", "Reading lamp", "light", "living", ["lighting"]);
thing("living-air", "Living room air", "air", "living");
thing("living-blind", "Terrace blind", "cover", "living", ["openings"]);
thing("kitchen-dishwasher", "Dishwasher", "plug", "kitchen", ["energy"], { via: null, adapter: "native" });
thing("kitchen-leak", "Sink leak sensor", "leak", "kitchen", ["safety"]);
thing("hall-motion", "Hall motion", "motion", "hall");
thing("hall-light", "Hall light", "light", "hall", ["lighting"]);
thing("front-door", "Front door", "lock", "hall", ["openings", "safety"]);
thing("cellar-meter", "Electricity meter", "meter", "cellar", ["energy"], { via: null, adapter: "native" });
thing("cellar-inverter", "Solar inverter", "solar", "cellar", ["energy"], { via: null, adapter: "native" });
thing("cellar-battery", "Home battery", "battery", "cellar", ["energy"], { via: null, adapter: "native" });
thing("cellar-climate", "Cellar climate", "climate", "cellar");
thing("garden-charger", "Car charger", "charger", "garden", ["energy"], { via: null, adapter: "native" });
thing("garden-climate", "Garden weather", "climate", "garden", [], { offline: true });
thing("bath-leak", "Washing machine leak sensor", "leak", "bath", ["safety"]);
thing("zigbee-gateway", "Zigbee gateway", "gateway", "study", [], { via: null });
thing("guest-climate", "Aqara climate 0x54ef", "climate", null, [], { status: "inbox" });
thing("unknown-plug", "Shelly plug 7A21", "plug", null, [], { status: "inbox", adapter: "native", via: null });
thing("attic-motion", "Motion 0x00158d", "motion", null, [], { status: "inbox" });
export const things = list;

const hash = (text) => [...text].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) >>> 0, 7);
const noise = (seed, slot) => { const x = Math.sin(seed * 12.9898 + slot * 78.233) * 43758.5453; return x - Math.floor(x); };
const smooth = (seed, time, period) => { const slot = time / period; const base = Math.floor(slot); const part = slot - base; const ease = part * part * (3 - 2 * part); return noise(seed, base) * (1 - ease) + noise(seed, base + 1) * ease; };

/** The value of a property at a moment (seconds): repeatable, so that history and the present agree. */
export function valueAt(id, name, property, time) {
  const seed = hash(id + name) % 1000;
  const hour = ((time / 3600 + 9) % 24 + 24) % 24;
  const day = Math.sin(((hour - 9) / 24) * 2 * Math.PI);
  const sun = Math.max(0, Math.sin(((hour - 6) / 12) * Math.PI)) * (0.55 + 0.45 * smooth(seed, time, 2400));
  const season = Math.cos(((time / 86400 - 200) / 365.25) * 2 * Math.PI);
  const outside = id.startsWith("garden");
  const awake = hour > 6.5 && hour < 23;
  switch (name) {
    case "temperature": return outside ? 9 + season * 9 + day * 4 + smooth(seed, time, 7200) * 2 : 20.4 + (seed % 3) * 0.4 + day * 0.7 + season * 0.6 + smooth(seed, time, 3600) * 0.9 + noise(seed, Math.floor(time / 20)) * 0.08;
    case "humidity": return 46 + (seed % 9) - day * 4 + smooth(seed, time, 5400) * 6;
    case "carbon_dioxide": return 520 + (awake ? 380 * smooth(seed, time, 4000) : 120) + noise(seed, Math.floor(time / 15)) * 9;
    case "particles": return 4 + 9 * smooth(seed, time, 9000) ** 3;
    case "brightness": return Math.round(35 + 55 * smooth(seed, Math.floor(time / 7200) * 7200, 7200));
    case "colour_temperature": return 2700 + 100 * (seed % 12);
    case "target_temperature": return hour > 6 && hour < 22 ? 21 : 18;
    case "valve": return Math.round(60 * Math.max(0, 0.6 - day) * smooth(seed, time, 3000));
    case "voltage": return 229 + 4 * smooth(seed, time, 900);
    case "energy": case "energy_import": return (time - 1.7e9) / 3600 * 0.21 % 9000;
    case "energy_export": return (time - 1.7e9) / 3600 * 0.11 % 9000;
    case "energy_today": return hour < 6 ? 0 : 11.4 * (1 - Math.cos(Math.min(1, (hour - 6) / 12) * Math.PI)) / 2;
    case "charge": return 20 + 70 * Math.max(0, Math.sin(((hour - 8) / 20) * Math.PI));
    case "illuminance": return 4 + sun * 620;
    case "signal": return -48 - (seed % 30) - Math.round(4 * smooth(seed, time, 1800));
    case "battery": return Math.max(4, 100 - (seed % 40) - ((time / 86400) % 50));
    case "position": return hour > 8 && hour < 19 ? 100 : 0;
    case "limit": return 16;
    case "devices": return 31;
    case "power":
      if (id.includes("inverter")) return 4300 * sun;
      if (id.includes("battery")) return 900 * day;
      if (id.includes("charger")) return hour > 22 || hour < 4 ? 7.2 : 0;
      if (id.includes("meter")) return 340 + 900 * smooth(seed, time, 1500) ** 2 + noise(seed, Math.floor(time / 10)) * 40 - 2600 * sun;
      return smooth(seed, Math.floor(time / 5400) * 5400, 5400) > 0.7 ? 1900 + 150 * noise(seed, Math.floor(time / 60)) : 1.2;
  }
  if (property.type === "boolean") {
    if (name === "locked") return !(Math.floor(hour) === 8 || Math.floor(hour) === 17);
    if (name === "wet" || name === "permit_join" || name === "window_open") return false;
    if (name === "on") return hour > 17 || hour < 7 ? smooth(seed, Math.floor(time / 3600) * 3600, 3600) > 0.45 : false;
    return noise(seed, Math.floor(time / 1700)) > 0.72;
  }
  if (property.choices) {
    if (name === "mode" && property.choices.includes("heat")) return "auto";
    if (name === "state") return hour > 22 || hour < 4 ? "charging" : hour < 8 ? "full" : "unplugged";
    if (name === "status") return sun > 0 ? "producing" : "standby";
    return property.choices[0];
  }
  return property.type === "integer" ? 1 : 0;
}
