// A home with solar, a battery and a car whose energy is planned: serves the built pages and just enough of the API, so that the
// energy pages can be tested in every state without waiting for a day.
import { startMindServer } from "./mind-server.mjs";

const quarter = 900 * 1e6;
const steps = 96;
const things = [
  { id: "grid-meter", title: "Grid meter", kind: "grid-meter", space: "cellar", properties: { power: { title: "Power", type: "number", unit: "W", role: "primary", readable: true } } },
  { id: "home-battery", title: "Home battery", kind: "battery", space: "cellar", properties: { charge: { title: "Charge", type: "number", unit: "%", role: "primary", readable: true } } },
];
const hill = (hour, centre, wide) => Math.exp(-(((hour - centre) / wide) ** 2));

function course(start) {
  const hours = Array.from({ length: steps }, (_, step) => (new Date(start / 1000).getHours() + new Date(start / 1000).getMinutes() / 60 + step / 4) % 24);
  const price = hours.map((hour) => 0.27 + 0.12 * hill(hour, 19, 2.5) + 0.06 * hill(hour, 8, 2) - 0.1 * hill(hour, 13, 3));
  const load = hours.map((hour) => 320 + 900 * hill(hour, 19, 2) + 500 * hill(hour, 7.5, 1.5));
  const solar = hours.map((hour) => 5200 * hill(hour, 13, 2.6));
  const car = hours.map((hour) => (hour >= 2 && hour < 5 ? 3700 : 0));
  const battery = hours.map((hour, step) => (solar[step] - load[step] > 400 ? Math.min(2600, solar[step] - load[step]) : hour > 17 && hour < 22 ? -Math.min(1900, load[step]) : 0));
  const grid = hours.map((_, step) => load[step] - solar[step] + car[step] + battery[step]);
  let [stored, full] = [40, 42];
  const rise = (watts, size, state) => Math.max(5, Math.min(100, state + (watts / 1000 / 4 / size) * 100));
  const charge = [stored, ...battery.map((watts) => (stored = rise(watts, 10.2, stored)))];
  const states = [full, ...car.map((watts) => (full = rise(watts, 58, full)))];
  const low = Array(steps + 1).fill(0);
  low[hours.findIndex((hour) => hour === 7.5)] = 65;
  return {
    made: start + 60e6, start, step_seconds: 900, import_price: price, export_price: hours.map(() => 0.08), price_known: hours.map((_, step) => step < 80), carbon_grams: price.map((one) => one * 1200),
    load_watts: load, solar_watts: solar, grid_watts: grid, cost: 1.84, carbon_kilograms: 3.1, cost_unplanned: 3.27,
    devices: [
      { thing: "home-battery", title: "Home battery", role: "battery", space: "cellar", watts: battery, states: charge, unit: "%", low: Array(steps + 1).fill(8), high: [], reasons: [{ from: 0, to: 40, words: "Waits, because the evening pays more than now." }, { from: 40, to: 70, words: "Charges from the sun, which would bring only 0.08 € when fed in." }, { from: 70, to: 96, words: "Gives to the house, because a kilowatt hour from the grid costs 0.38 € then." }] },
      { thing: "ev-charger", title: "Car charger", role: "charger", space: "garage", watts: car, states, unit: "%", low, high: [], reasons: [{ from: 0, to: 96, words: "Charges in the three cheapest hours before 07:30." }] },
    ],
    shortfalls: [{ thing: "ev-charger", words: "65 % by 07:30 is impossible: 3 kWh are missing.", relaxation: "60 % by 07:30, or 65 % by 08:20." }],
  };
}

/** Started on a free port of this machine; `bare` is a home of which nobody has said anything. */
export async function startEnergyServer({ bare = false } = {}) {
  const now = () => Math.round(Date.now() * 1000);
  const start = Math.floor(now() / quarter) * quarter;
  const asked = [];
  let mode = "operate";
  let live = { policy: { name: "optimiser", parameters: null }, mode: "operate", run: null, time: start, by: "demo" };
  let rev = bare ? 0 : 3;
  const found = (thing, title, role, ports = {}) => ({ thing, title, space: "cellar", role, said: false, ports, modes: { by_itself: null, idle: null, fast: null, told: null }, car: null, sign_known: true });
  const all = [found("grid-meter", "Grid meter", "grid"), found("solar-roof", "Solar on the roof", "solar"), found("home-battery", "Home battery", "battery"), found("ev-charger", "Car charger", "charger"), found("car", "Car", "car"), found("spot-prices", "Spot prices", "prices", { price: { property: "price", scale: 1, minimum: null, maximum: null } })];
  const dynamic = { kind: "dynamic", property: "spot-prices/price", factor: 1, plus: 0, otherwise: 0.32 };
  let settings = {
    tariff: bare ? null : { currency: "EUR", import: dynamic, export: { kind: "flat", price: 0.08 }, capacity_price_per_kilowatt_month: 0 }, carbon: bare ? null : { kind: "flat", grams: 350 },
    comfort: bare ? [] : [{ space: "living-room", days: [], from_minute: 360, to_minute: 1320, celsius_min: 20, celsius_max: 24 }], departures: bare ? [] : [{ car: "car", days: [1, 2, 3, 4, 5], minute: 450, percent: 65 }],
    aims: { carbon_price_per_kilogram: 0.05, discomfort_per_kelvin_hour: 1, import_watts_max: 17000, export_watts_max: null }, things: {},
  };
  const question = { kind: "capacity", thing: "car", words: "How many kilowatt hours does Car hold when it is full?", among: [], without: "Car is not planned" };
  const view = () => ({ settings, rev, home: { found: bare ? [] : all, questions: bare ? [{ kind: "no_grid_meter", thing: null, words: "Which thing measures what the home takes from the grid?", among: [], without: "nothing can be planned" }] : settings.things.car ? [] : [question] } });
  const node = (id, title, role, watts, percent = null) => ({ id, thing: role === null ? null : id, title, role, watts, percent });
  const flow = (from, to, watts) => ({ from, to, watts });
  const notes = bare ? [{ about: "settings", thing: null, words: "nobody said what electricity costs: nothing is planned" }] : [{ about: "prices", thing: null, words: "the price of 16 of the next 96 quarters of an hour is not known" }];
  const decided = [
    { time: start + 61e6, thing: "home-battery", name: "mode", value: "self_use", words: "Gives to the house, because a kilowatt hour from the grid costs 0.38 € then.", sent: true, problem: null },
    { time: start - 900e6, thing: "ev-charger", name: "set_power", value: 3700, words: "Charges in the three cheapest hours before 07:30.", sent: true, problem: null },
    { time: start - 1800e6, thing: "ev-charger", name: "set_power", value: 0, words: "Waits for cheaper hours.", sent: false, problem: "rate guard refused set_power of ev-charger: more than 30 commands in a minute" },
  ];
  const days = Array.from({ length: 14 }, (_, index) => {
    const date = new Date(Date.now() - (13 - index) * 86_400_000);
    return { date: date.toISOString().slice(0, 10), start: date.getTime() * 1000, over: index < 13, imported_kilowatt_hours: 8 + (index % 5), exported_kilowatt_hours: 3, solar_kilowatt_hours: 14, consumed_kilowatt_hours: 20, cost: 1.2 + ((index * 7) % 5) * 0.6, carbon_kilograms: 3.2, self_sufficiency: 0.55 + (index % 4) * 0.05, comfort: 0.97, known: 1 };
  });

  function more(method, path, query, body) {
    if (path === "/home/what-if") return { saving_per_year: { mean: 84.2, half_width: 12.5 }, purchase: 3000, pay_back: { years: 35.6, least: 31, most: 41.8 }, words: "5 kWh more of battery save 84 a year and cost 3000: 36 years until it has paid.", findings: [] };
    if (path === "/home/backtest") return { metered_cost: 61.2, days: 28, saving: { low: 3.1, mean: 5.4, high: 7.9 }, words: "28 days cost 61.20 EUR by the meter and the tariff; optimiser would have saved 5.40 (3.10 to 7.90)" };
    if (!path.startsWith("/home/")) return undefined;
    if (path === "/home/scenario") return bare ? { $status: 409, title: "It collides with what is there", detail: "too little of the past of this home is known yet", hint: "whole days of its meter are needed; look again in an hour" } : { title: "This home", domain: "home", policy: { name: "optimiser", parameters: null }, world: { tariff: { currency: "EUR" }, sizes: { battery_kilowatt_hours: 10.24, solar_kilowatts: 8.4, heat_pump_kilowatts: 2.6 } }, start, duration_seconds: 604800, seeds: [1, 2, 3] };
    if (path === "/home/savings") return bare ? { made: null, currency: null, since: null, before: null, learnt: [] } : {
      made: start, currency: "EUR", since: null, before: { start, days: 28, metered_cost: 61.2, saving: { low: 3.1, mean: 5.4, high: 7.9 }, words: "28 days cost 61.20 EUR by the meter and the tariff; on 28 days the fitted home misses a day's cost by 6 %; optimiser would have saved 5.40 (3.10 to 7.90)" },
      learnt: [{ thing: "home-battery", words: "Home battery: holds 10.2 kWh (± 4 %), 91 % of what it takes comes back, from 28 days", known: true, drifted: null }, { thing: "dishwasher", words: "Dishwasher: not known yet, its programme was seen twice", known: false, drifted: null }],
    };
    if (method !== "GET") asked.push({ method, path, body });
    if (path === "/home/now") {
      if (bare) return { time: now(), mode, nodes: [node("home", "", null, null), node("rest", "", null, null)], flows: [], currency: null, import_price: null, export_price: null, carbon_grams: null };
      return {
        time: now(), mode, currency: "EUR", import_price: 0.312, export_price: 0.08, carbon_grams: 371,
        nodes: [node("grid-meter", "Grid meter", "grid", -640), node("solar-roof", "Solar on the roof", "solar", -4210), node("home-battery", "Home battery", "battery", 1480, 61), node("ev-charger", "Car charger", "charger", 1380, 47), node("heat-pump", "Heat pump", "heat_pump", null), node("home", "", null, 4210), node("rest", "", null, 710)],
        flows: [flow("solar-roof", "home", 4210), flow("home", "grid-meter", 640), flow("home", "home-battery", 1480), flow("home", "ev-charger", 1380), flow("home", "rest", 710)],
      };
    }
    if (path === "/home/plan") return { mode, live: mode === "off" ? null : { ...live, mode }, standing: bare ? "hands_off" : "plan", currency: bare ? null : "EUR", course: bare ? null : course(start), notes, decided: bare ? [] : decided };
    if (path === "/home/days") return { currency: bare ? null : "EUR", days: bare ? [] : days };
    if (path === "/home/settings" && method === "GET") return view();
    if (path === "/home/settings") {
      if (body.departures?.some((one) => one.percent > 100)) return { $status: 422, title: "It does not fit", detail: "one thing is wrong", errors: [{ place: "/departures/0/percent", problem: "a car cannot be 120 % full", hint: "0 to 100" }] };
      [settings, rev] = [body, rev + 1];
      return view();
    }
    if (path === "/home/mode") {
      if (body.mode === "operate" && !body.force) return { $status: 409, title: "It collides with what is there", detail: "there is no finished run of this home to show for it", hint: "simulate it first" };
      mode = body.mode;
      live = { ...live, mode, by: "Anna" };
      return { now: mode === "off" ? null : live, earlier: [] };
    }
    return undefined;
  }
  const server = await startMindServer({ things, rooms: [["garage", "home", "room", "Garage"]], more });
  return { ...server, changes: asked };
}
