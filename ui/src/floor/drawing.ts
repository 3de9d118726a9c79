// A floor as the server draws it, and where things are on it. Metres, y to the north. Pure.
import type { FloorDocument } from "./document.ts";

export type Point = [x: number, y: number];
export interface Place { id: string; at: Point }
export interface Station { id: string; kind: string; at: Point[]; queue: Point[] }
export interface Drawing {
  bounds: [west: number, south: number, east: number, north: number]; cell_metres: number; columns: number; rows: string[]; places: number;
  ways: [number, number, number, number][]; stations: Station[]; storages: Place[]; chargers: Place[]; parkings: Place[];
  warnings: { place: string; problem: string; hint: string }[];
  /** The document behind it, for what has no place of its own above: lanes, walls between cells, doors and zones. */
  floor?: FloorDocument;
}

/** What a point of the floor is called: the station, charger or storage there, else its row and column. */
export function placeNames(drawing: Drawing): (x: number, y: number) => string {
  const names = new Map<string, string>();
  const key = (x: number, y: number) => `${x.toFixed(2)} ${y.toFixed(2)}`;
  for (const place of [...drawing.parkings, ...drawing.storages, ...drawing.chargers]) if (place.at) names.set(key(...place.at), place.id);
  for (const station of drawing.stations) for (const point of station.at) names.set(key(...point), station.id);
  const [west, , , north] = drawing.bounds;
  return (x, y) => names.get(key(x, y)) ?? (drawing.rows.length > 0 ? `r${Math.floor((north - y) / drawing.cell_metres)}c${Math.floor((x - west) / drawing.cell_metres)}` : `${x.toFixed(1)}, ${y.toFixed(1)}`);
}

/** Runs of closed cells in each row, so that a large floor is drawn with few rectangles. */
export function closedRuns(rows: string[]): { row: number; from: number; to: number }[] {
  const runs: { row: number; from: number; to: number }[] = [];
  for (const [row, text] of rows.entries()) {
    let from = -1;
    for (let column = 0; column <= text.length; column += 1) {
      const closed = column < text.length && (text[column] === "@" || text[column] === "T");
      if (closed && from < 0) from = column;
      if (!closed && from >= 0) { runs.push({ row, from, to: column }); from = -1; }
    }
  }
  return runs;
}

/** What part of the floor is seen: its middle in metres, and pixels for a metre. */
export interface View { x: number; y: number; scale: number }

export function fit(drawing: Drawing, width: number, height: number, margin = 12): View {
  const [west, south, east, north] = drawing.bounds;
  const scale = Math.min((width - 2 * margin) / Math.max(east - west, 0.1), (height - 2 * margin) / Math.max(north - south, 0.1));
  return { x: (west + east) / 2, y: (south + north) / 2, scale: Math.max(scale, 0.05) };
}

/** Zooms so that what is under a pixel stays there. */
export function zoomAt(view: View, factor: number, px: number, py: number, width: number, height: number): View {
  const scale = Math.min(400, Math.max(0.05, view.scale * factor));
  const [x, y] = toFloor(view, px, py, width, height);
  return { x: x - (px - width / 2) / scale, y: y + (py - height / 2) / scale, scale };
}

export function toFloor(view: View, px: number, py: number, width: number, height: number): Point {
  return [view.x + (px - width / 2) / view.scale, view.y - (py - height / 2) / view.scale];
}
