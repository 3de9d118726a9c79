// The floor that was drawn and is not in use yet, kept on this device so that leaving the page loses nothing.
import type { FloorDocument } from "../../floor/document.ts";

const name = "manmul.floor.draft";
/** Browsers keep about five million letters for a site; a larger floor is only in this tab. */
const lettersMost = 3_000_000;
let here: FloorDocument | null = null;

export function keepDraft(floor: FloorDocument): void {
  here = floor;
  const text = JSON.stringify(floor);
  try {
    if (text.length <= lettersMost) localStorage.setItem(name, text);
    else localStorage.removeItem(name);
  } catch {
    localStorage.removeItem(name);
  }
}

export function readDraft(): FloorDocument | null {
  if (here) return here;
  try {
    const floor = JSON.parse(localStorage.getItem(name) ?? "null") as FloorDocument | null;
    return floor && typeof floor === "object" && "ground" in floor ? floor : null;
  } catch {
    return null;
  }
}

export function dropDraft(): void {
  here = null;
  localStorage.removeItem(name);
}
