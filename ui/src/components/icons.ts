// The icons, as paths on a 20 by 20 grid drawn with one stroke.

export const icons = {
  overview: "M3 9.5 10 3.5l7 6M5 8.5V16.5h10V8.5M8.5 16.5v-4.5h3v4.5",
  things: "M3.5 3.5h5v5h-5zM11.5 3.5h5v5h-5zM3.5 11.5h5v5h-5zM14 11.5v5M11.5 14h5",
  history: "M3 3.5V16.5H17M5.5 13l3-4 2.5 2.5 5-6",
  inbox: "M3.5 11 5.5 4.5h9L16.5 11v5.5h-13zM3.5 11H7.5a2.5 2.5 0 0 0 5 0h4",
  settings: "M3.5 6h7M14.5 6h2M3.5 14h2M9.5 14h7M12.5 4a2 2 0 1 1 0 4 2 2 0 0 1 0-4M7.5 12a2 2 0 1 1 0 4 2 2 0 0 1 0-4",
  search: "M9 3.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11M13 13l4 4",
  plus: "M10 4v12M4 10h12",
  minus: "M4 10h12",
  check: "M4 10.5 8 14.5 16 5.5",
  close: "M5 5l10 10M15 5 5 15",
  down: "M5 7.5l5 5 5-5",
  right: "M7.5 5l5 5-5 5",
  left: "M12.5 5l-5 5 5 5",
  up: "M5 12.5l5-5 5 5",
  copy: "M7 7V3.5h9.5V13H13M3.5 7H13v9.5H3.5z",
  code: "M7 6 3 10l4 4M13 6l4 4-4 4",
  warning: "M10 3.5 17.5 16.5h-15zM10 8.5v3.5M10 14.2v.3",
  fault: "M6.8 2.5h6.4l4.3 4.3v6.4l-4.3 4.3H6.8l-4.3-4.3V6.8zM10 6.5v4.5M10 13.3v.3",
  info: "M10 2.5a7.5 7.5 0 1 1 0 15 7.5 7.5 0 0 1 0-15M10 9v5M10 6.4v.3",
  clock: "M10 2.5a7.5 7.5 0 1 1 0 15 7.5 7.5 0 0 1 0-15M10 5.5V10l3 2",
  person: "M10 3a3.2 3.2 0 1 1 0 6.4A3.2 3.2 0 0 1 10 3M3.5 17c.6-3.4 3-5 6.5-5s5.900 1.600 6.500 5",
  key: "M6.500 8.500a3.500 3.500 0 1 1 0 7 3.500 3.500 0 0 1 0-7M9 10l7-7M13 6l2.500 2.500",
  rule: "M4 4.500h5v4H4zM11 11.500h5v4h-5zM6.500 8.500v5H11",
  system: "M3.500 4h13v5h-13zM3.500 11h13v5h-13zM6.500 6.500v.1M6.500 13.500v.1",
  download: "M10 3v9.500M6 9l4 4 4-4M3.500 16.500h13",
  trash: "M4 5.500h12M8 5.500V3.500h4v2M5.500 5.500l.700 11h7.600l.700-11",
  edit: "M4 16l.700-3.500L13 4.200l2.800 2.800-8.300 8.300z",
  command: "M7 7h6v6H7zM7 7V5.200A1.800 1.800 0 1 0 5.200 7zM13 7h1.800A1.800 1.800 0 1 0 13 5.200zM13 13v1.800a1.800 1.800 0 1 0 1.800-1.800zM7 13H5.200A1.800 1.800 0 1 0 7 14.800z",
  bolt: "M11 2.500 4.500 11.500H9.500L9 17.500l6.500-9h-5z",
  table: "M3 4h14v12H3zM3 8h14M3 12h14M8 4v12",
  theme: "M10 3a7 7 0 1 0 7 7 5 5 0 0 1-7-7",
  sun: "M10 6.500a3.500 3.500 0 1 1 0 7 3.500 3.500 0 0 1 0-7M10 2v1.500M10 16.500V18M2 10h1.500M16.500 10H18M4.300 4.300l1.100 1.100M14.600 14.600l1.100 1.100M4.300 15.700l1.100-1.100M14.600 5.400l1.100-1.100",
  more: "M5 10h.1M10 10h.1M15 10h.1",
  room: "M3.500 16.500V4l7-1.500v15zM10.500 5h5v11.500h-5M8 10.200v.1",
  link: "M8.500 11.500a3 3 0 0 0 4.300 0l2.800-2.800a3 3 0 0 0-4.300-4.300l-1 1M11.500 8.500a3 3 0 0 0-4.300 0l-2.800 2.800a3 3 0 0 0 4.300 4.300l1-1",
  refresh: "M16 6.500A7 7 0 1 0 17 10.500M16.500 3v4h-4",
  light: "M7.500 14.500h5M8 17h4M10 3a5 5 0 0 1 2.700 9.200v2.300H7.300v-2.300A5 5 0 0 1 10 3",
  plug: "M7.500 3v4M12.500 3v4M5.500 7h9v2.500a4.500 4.500 0 0 1-9 0zM10 14v3.500",
  thermometer: "M8 11.500V4.500a2 2 0 1 1 4 0v7a3.500 3.500 0 1 1-4 0M10 8v6",
  thermostat: "M10 2.500a7.500 7.500 0 1 1 0 15 7.500 7.500 0 0 1 0-15M10 10l3-3.500M5.500 10.500a4.500 4.500 0 0 1 3-4.700",
  motion: "M10 4a1.800 1.800 0 1 1 0 .1M6 17l2-4.500-1-4 4-1.500 2 3h3M8.500 12.500l3 1.500 1 3.500",
  door: "M5 17V3h10v14M3 17h14M12.300 10v.3",
  lock: "M5 9h10v8H5zM7 9V6.500a3 3 0 0 1 6 0V9M10 12.300v1.700",
  cover: "M3 3.500h14M4.500 3.500v8h11v-8M4.500 6.200h11M4.500 8.800h11M10 11.500v4M10 16.500v.1",
  meter: "M4 3h12v14H4zM7 6h6v3H7zM8 13h.1M12 13h.1",
  battery: "M3 6.500h12.500v7H3zM17.500 9v2M5.500 9v2M8 9v2",
  solar: "M10 3.500v13M3 16.500 5 3.500h10l2 13zM4 10h12",
  car: "M3.500 12.500 5 7.500h10l1.500 5v3h-13zM5.500 15.500V17M14.500 15.500V17M6.500 12.500h.1M13.500 12.500h.1M3.500 12.500",
  camera: "M3 6h8.500v8H3zM11.500 9 17 6.500v7L11.500 11",
  speaker: "M5.500 2.500h9v15h-9zM10 9.500a2.500 2.500 0 1 1 0 5 2.500 2.500 0 0 1 0-5M10 5.500v.1",
  water: "M10 2.500c3 3.800 5 6.300 5 9a5 5 0 0 1-10 0c0-2.700 2-5.200 5-9",
  smoke: "M3 4h14l-1.500 4h-11zM7 11c0 2 2 2 2 4M11 11c0 2 2 2 2 4",
  gateway: "M3.500 11h13v5.500h-13zM6.500 13.700v.1M10 11V8M7 6a4.200 4.200 0 0 1 6 0M4.700 3.800a7.500 7.500 0 0 1 10.600 0",
  vacuum: "M10 2.500a7.500 7.500 0 1 1 0 15 7.500 7.500 0 0 1 0-15M10 6.500a2 2 0 1 1 0 4 2 2 0 0 1 0-4M4 13h12",
  fan: "M10 8.500a1.500 1.500 0 1 1 0 3 1.500 1.500 0 0 1 0-3M10 8.500C7 7 7.500 3 10 3s3 3 0 5.500M11.500 10c1.500-3 5.500-2.500 5.500 0s-3 3-5.500 0M10 11.500c3 1.500 2.500 5.500 0 5.500s-3-3 0-5.500M8.500 10C7 13 3 12.500 3 10s3-3 5.500 0",
  fit: "M3.500 7.500v-4h4M12.500 3.500h4v4M16.500 12.500v4h-4M7.500 16.500h-4v-4",
  runs: "M3.500 16.500V9h4v7.500M7.500 16.500v-13h4.500v13M12 16.500V6.500h4.500v10M2.500 16.500h15",
  play: "M6 4v12l10-6z",
  pause: "M7 4v12M13 4v12",
  stop: "M5 5h10v10H5z",
  compare: "M10 3v14M3.500 6H8v8H3.500zM12 6h4.500v8H12z",
  repeat: "M4 8.500A6 6 0 0 1 15 6.500M16 3.500v3.500h-3.500M16 11.500A6 6 0 0 1 5 13.500M4 16.500V13h3.500",
  robot: "M4.500 6.500h11v8h-11zM10 3.500v3M8 10v1M12 10v1M6.500 14.500v2M13.500 14.500v2",
  thing: "M10 2.800 16.500 6.400v7.200L10 17.200 3.500 13.600V6.400zM3.500 6.400 10 10l6.500-3.600M10 10v7.200",
} as const;

export type IconName = keyof typeof icons;

const kinds: Record<string, IconName> = {
  light: "light", lamp: "light", dimmer: "light", switch: "plug", plug: "plug", socket: "plug", outlet: "plug", sensor: "thermometer", climate_sensor: "thermometer", temperature: "thermometer",
  thermostat: "thermostat", climate: "thermostat", heat_pump: "thermostat", heater: "thermostat", motion: "motion", occupancy: "motion", presence: "motion", contact: "door", door: "door", window: "door",
  lock: "lock", cover: "cover", blind: "cover", shutter: "cover", meter: "meter", energy_meter: "meter", power_meter: "meter", electricity_meter: "meter", battery: "battery", home_battery: "battery",
  solar: "solar", inverter: "solar", photovoltaic: "solar", charger: "car", car_charger: "car", ev_charger: "car", camera: "camera", speaker: "speaker", media_player: "speaker", water: "water",
  leak: "water", water_meter: "water", valve: "water", water_heater: "water", smoke: "smoke", smoke_alarm: "smoke", alarm: "smoke", gateway: "gateway", bridge: "gateway", hub: "gateway",
  vacuum: "vacuum", fan: "fan", ventilation: "fan", ventilator: "fan",
};

/** Kinds are free words; a part of one usually says enough. */
const hints: [string, IconName][] = [
  ["charger", "car"], ["car", "car"], ["light", "light"], ["lock", "lock"], ["smoke", "smoke"], ["leak", "water"], ["water", "water"], ["washing", "water"], ["dishwasher", "water"], ["motion", "motion"], ["presence", "motion"], ["occup", "motion"],
  ["window", "door"], ["door", "door"], ["contact", "door"], ["thermostat", "thermostat"], ["heat", "thermostat"], ["meter", "meter"], ["solar", "solar"], ["battery", "battery"], ["plug", "plug"], ["blind", "cover"], ["fan", "fan"], ["vent", "fan"],
  ["camera", "camera"], ["speaker", "speaker"], ["climate", "thermometer"], ["temperature", "thermometer"], ["air", "thermometer"], ["weather", "thermometer"], ["fridge", "thermometer"], ["freezer", "thermometer"], ["gateway", "gateway"], ["bridge", "gateway"],
];

/** The icon of a kind of thing; an unknown kind is a plain thing. */
export function iconOfKind(kind: string): IconName {
  const name = kind.toLowerCase().replace(/[\s-]+/g, "_");
  return kinds[name] ?? hints.find(([hint]) => name.includes(hint))?.[1] ?? "thing";
}
