// Values, units, times and sizes in words. Pure: the language and the clock are arguments.

export type Language = "en" | "ko";

const digits = new Map<string, Intl.NumberFormat>();

function numberFormat(language: Language, decimals: number): Intl.NumberFormat {
  const key = `${language}${decimals}`;
  let format = digits.get(key);
  if (format === undefined) digits.set(key, (format = new Intl.NumberFormat(language, { minimumFractionDigits: decimals, maximumFractionDigits: decimals })));
  return format;
}

/** Decimals for a number whose model names none: about three significant figures, never noise. */
export function fittingDecimals(value: number): number {
  if (Number.isInteger(value)) return 0;
  const size = Math.abs(value);
  if (size >= 100) return 0;
  if (size >= 10) return 1;
  return size >= 0.1 || size === 0 ? 2 : 3;
}

export function formatNumber(value: number, language: Language, decimals?: number | null): string {
  return numberFormat(language, decimals ?? fittingDecimals(value)).format(value);
}

/** The signs of units that models spell out. */
export const unitSigns: Record<string, string> = {
  celsius: "°C", degree_celsius: "°C", fahrenheit: "°F", kelvin: "K", percent: "%", watt: "W", kilowatt: "kW", kilowatt_hour: "kWh", watt_hour: "Wh", volt: "V", ampere: "A",
  lux: "lx", pascal: "Pa", hectopascal: "hPa", parts_per_million: "ppm", meter: "m", metre: "m", centimeter: "cm", millimeter: "mm", second: "s", minute: "min", hour: "h",
  liter: "L", litre: "L", cubic_meter: "m³", liter_per_minute: "L/min", decibel: "dB", decibel_milliwatt: "dBm", hertz: "Hz", meter_per_second: "m/s", degree: "°", currency: "", none: "",
};

/** The sign people read for a unit, whatever spelling the model uses. */
export function unitSign(unit: string | null | undefined): string {
  if (!unit) return "";
  return unitSigns[unit.toLowerCase().replaceAll("-", "_").replaceAll(" ", "_")] ?? unit;
}

const acronyms = new Set(["ac", "agv", "amr", "api", "cpu", "dc", "ev", "gps", "hvac", "id", "ip", "led", "mac", "mqtt", "pv", "ram", "rssi", "tv", "ups", "usb", "uv", "voc", "vda"]);

/** A machine name made readable: "target_temperature" and "targetTemperature" become "Target temperature". */
export function humanName(name: string): string {
  const words = name.replace(/([a-z\d])([A-Z])/g, "$1 $2").replace(/[_-]+/g, " ").trim().toLowerCase().split(" ").map((word) => (acronyms.has(word) ? word.toUpperCase() : word)).join(" ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** A word that a thing says as its state is made readable; names, numbers and sentences stay as they were said. */
export function humanValue(text: string): string {
  if (text === "") return "—";
  return /^[a-z]+(?:[_-][a-z]+|[A-Z][a-z]+)*$/.test(text) || /^[A-Z]+(?:_[A-Z]+)*$/.test(text) ? humanName(text) : text;
}

export type BooleanSort = "switch" | "opening" | "lock" | "occupancy" | "wetness" | "fault";
const sorts: [RegExp, BooleanSort][] = [
  [/unlocked/, "switch"], [/lock/, "lock"], [/open|contact|window|door/, "opening"], [/occup|motion|presence|vibration/, "occupancy"], [/wet|leak|water|moist/, "wetness"],
  [/home|low|fault|problem|tamper|smoke|alarm|update|charging|connected|once/, "fault"],
];

/** What a boolean of this name speaks of, so that it can be said in fitting words. */
export function booleanSort(name: string): BooleanSort {
  const lower = name.toLowerCase();
  return sorts.find(([pattern]) => pattern.test(lower))?.[1] ?? "switch";
}

export interface ValueWords { on: string; off: string }

export function formatValue(value: unknown, language: Language, words: ValueWords, decimals?: number | null): string {
  if (value === null || value === undefined) return "—";
  if (typeof value === "boolean") return value ? words.on : words.off;
  if (typeof value === "number") return Number.isFinite(value) ? formatNumber(value, language, decimals) : "—";
  if (typeof value === "string") return value === "" ? "—" : value;
  return JSON.stringify(value);
}

type Unit = "second" | "minute" | "hour" | "day" | "month" | "year";
const steps: [Unit, number][] = [["year", 31_557_600], ["month", 2_629_800], ["day", 86_400], ["hour", 3600], ["minute", 60], ["second", 1]];
const ages = new Map<string, Intl.NumberFormat>();

/** How long ago, short enough to stand beside a value: "12 sec", "4 min", "3 hr". */
export function formatAge(microseconds: number, language: Language): string {
  const seconds = Math.max(0, Math.floor(microseconds / 1_000_000));
  const [unit, size] = steps.find(([, size]) => seconds >= size) ?? ["second", 1];
  const key = `${language}${unit}`;
  let format = ages.get(key);
  if (format === undefined) ages.set(key, (format = new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "short" })));
  return format.format(Math.floor(seconds / size));
}

export function formatDuration(seconds: number, language: Language): string {
  const parts: string[] = [];
  let rest = Math.floor(seconds);
  for (const [unit, size] of steps) {
    if (unit === "month" || unit === "year" || rest < size) continue;
    parts.push(new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "short" }).format(Math.floor(rest / size)));
    rest %= size;
    if (parts.length === 2) break;
  }
  return parts.join(" ") || new Intl.NumberFormat(language, { style: "unit", unit: "second", unitDisplay: "short" }).format(0);
}

export function formatBytes(bytes: number, language: Language): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  let index = 0;
  let size = bytes;
  while (size >= 1000 && index < units.length - 1) { size /= 1000; index += 1; }
  return new Intl.NumberFormat(language, { style: "unit", unit: units[index] ?? "byte", unitDisplay: "short", maximumFractionDigits: size < 10 && index > 0 ? 1 : 0 }).format(size);
}

const clocks = new Map<string, Intl.DateTimeFormat>();

function clock(language: Language, name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = language + name;
  let format = clocks.get(key);
  if (format === undefined) clocks.set(key, (format = new Intl.DateTimeFormat(language === "en" ? "en-GB" : language, options)));
  return format;
}

/** A moment, as short as it can be and still be understood: today only the clock, else the day with it. */
export function formatMoment(microseconds: number, language: Language, nowMicroseconds: number): string {
  const date = new Date(microseconds / 1000);
  const today = new Date(nowMicroseconds / 1000);
  const time = clock(language, "time", { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false }).format(date);
  if (date.toDateString() === today.toDateString()) return time;
  const sameYear = date.getFullYear() === today.getFullYear();
  const day = clock(language, sameYear ? "day" : "year", sameYear ? { day: "numeric", month: "short" } : { day: "numeric", month: "short", year: "numeric" }).format(date);
  return `${day} ${time}`;
}

export function formatExact(microseconds: number, language: Language): string {
  return clock(language, "exact", { dateStyle: "full", timeStyle: "long" }).format(new Date(microseconds / 1000));
}

export function formatDate(microseconds: number, language: Language): string {
  return clock(language, "date", { day: "numeric", month: "short", year: "numeric" }).format(new Date(microseconds / 1000));
}
