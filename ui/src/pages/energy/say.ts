// Money, powers and weights of the energy pages in words.
import { preferences } from "../../lib/preferences.svelte.ts";
import { say } from "../../lib/text.svelte.ts";

/** A sum in a currency; whole numbers where its coins are worth little. */
export function money(value: number | null | undefined, currency: string | null, small = false): string {
  if (value === null || value === undefined || !currency) return "—";
  try {
    return new Intl.NumberFormat(preferences.language, { style: "currency", currency, ...(small ? { maximumFractionDigits: 3 } : {}) }).format(value);
  } catch {
    return `${say.number(value, 2)} ${currency}`;
  }
}

export const power = (watts: number | null | undefined): string => (watts === null || watts === undefined ? "—" : Math.abs(watts) >= 1000 ? `${say.number(watts / 1000, 1)} kW` : `${say.number(watts, 0)} W`);
export const energy = (kilowattHours: number): string => `${say.number(kilowattHours, 1)} kWh`;
export const weight = (kilograms: number | null | undefined): string => (kilograms === null || kilograms === undefined ? "—" : `${say.number(kilograms, 1)} kg`);
export const share = (part: number | null | undefined): string => (part === null || part === undefined ? "—" : `${say.number(part * 100, 0)} %`);

/** The clock at a moment. */
export function clockAt(microseconds: number): string {
  return new Intl.DateTimeFormat(preferences.language === "en" ? "en-GB" : "ko", { hour: "2-digit", minute: "2-digit", hour12: false }).format(new Date(microseconds / 1000));
}

/** The colour of what gives or takes, by what it is; the same in every picture of the pages. */
export function colourOf(role: string | null | undefined, id: string): string {
  if (id === "load" || id === "home" || id === "rest") return "var(--series-2)";
  if (id === "solar") return "var(--series-3)";
  const colours: Record<string, string> = { grid: "var(--series-6)", solar: "var(--series-3)", battery: "var(--series-1)", charger: "var(--series-4)", heat_pump: "var(--series-5)", tank: "var(--series-6)" };
  return colours[role ?? ""] ?? "var(--series-2)";
}
