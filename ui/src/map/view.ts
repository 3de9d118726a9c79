// Where a map looks, as it stands in the address, and rectangles of the earth. Pure.
import type { Box, Spot, View } from "./types.ts";

const zoomMost = 22;
const metresInDegree = 111_320;

const isWithin = (value: number, most: number): boolean => Number.isFinite(value) && Math.abs(value) <= most;

/** "11.42,48.76,15.5": longitude, latitude, zoom. Nothing where it is no place. */
export function readView(text: string | null): View | null {
  const parts = (text ?? "").split(",");
  if (parts.length !== 3 || parts.some((part) => part.trim() === "")) return null;
  const [longitude = Number.NaN, latitude = Number.NaN, zoom = Number.NaN] = parts.map(Number);
  return isWithin(longitude, 180) && isWithin(latitude, 90) && zoom >= 0 && zoom <= zoomMost ? { longitude, latitude, zoom } : null;
}

export function writeView(view: View): string {
  return `${view.longitude.toFixed(5)},${view.latitude.toFixed(5)},${view.zoom.toFixed(1)}`;
}

export interface Near extends Spot { metres: number }

/** "11.42,48.76,200": longitude, latitude, metres. */
export function readNear(text: string | null): Near | null {
  const parts = (text ?? "").split(",");
  if (parts.length !== 3 || parts.some((part) => part.trim() === "")) return null;
  const [longitude = Number.NaN, latitude = Number.NaN, metres = Number.NaN] = parts.map(Number);
  return isWithin(longitude, 180) && isWithin(latitude, 90) && metres > 0 && metres <= 100_000 ? { longitude, latitude, metres } : null;
}

export function writeNear(near: Near): string {
  return `${near.longitude.toFixed(6)},${near.latitude.toFixed(6)},${near.metres}`;
}

/** As the server asks for a rectangle. What reaches over the edge of the world is cut off there. */
export function boxText([west, south, east, north]: Box): string {
  const cut = (value: number, most: number) => Math.min(most, Math.max(-most, value)).toFixed(6);
  return [cut(west, 180), cut(south, 90), cut(east, 180), cut(north, 90)].join(",");
}

type Positions = number[] | Positions[];
interface Shape { geometry: { coordinates: unknown } }

/** The rectangle around shapes; nothing where there are none. */
export function boxOf(shapes: Shape[]): Box | null {
  const box: Box = [Infinity, Infinity, -Infinity, -Infinity];
  const visit = (positions: Positions): void => {
    const [first, second] = positions;
    if (typeof first === "number" && typeof second === "number") {
      box[0] = Math.min(box[0], first);
      box[1] = Math.min(box[1], second);
      box[2] = Math.max(box[2], first);
      box[3] = Math.max(box[3], second);
    } else for (const part of positions) visit(part as Positions);
  };
  for (const { geometry } of shapes) visit(geometry.coordinates as Positions);
  return box[0] <= box[2] ? box : null;
}

/** The rectangle around several; nothing where there are none. */
export function around(boxes: (Box | null)[]): Box | null {
  const known = boxes.filter((box) => box !== null);
  if (known.length === 0) return null;
  return [Math.min(...known.map((box) => box[0])), Math.min(...known.map((box) => box[1])), Math.max(...known.map((box) => box[2])), Math.max(...known.map((box) => box[3]))];
}

/** A ring of so many metres around a point, for drawing: degrees of longitude shrink towards the poles. */
export function ring({ longitude, latitude, metres }: Near, corners = 64): [number, number][] {
  const [tall, wide] = [metres / metresInDegree, metres / (metresInDegree * Math.max(0.01, Math.cos((latitude * Math.PI) / 180)))];
  return Array.from({ length: corners + 1 }, (_, corner) => {
    const angle = (2 * Math.PI * corner) / corners;
    return [longitude + wide * Math.cos(angle), latitude + tall * Math.sin(angle)];
  });
}

type Ring = [number, number][];
const isInRing = (ring: Ring, x: number, y: number): boolean =>
  ring.reduce((isIn, [x2, y2], corner) => {
    const [x1, y1] = ring[(corner + ring.length - 1) % ring.length] ?? [x2, y2];
    return y1 > y !== y2 > y && x < x1 + ((y - y1) / (y2 - y1)) * (x2 - x1) ? !isIn : isIn;
  }, false);

/** Whether a point lies in an area, holes left out; lines and points have no inside. */
export function contains(geometry: { type: string; coordinates: unknown }, { longitude, latitude }: Spot): boolean {
  const areas = (geometry.type === "Polygon" ? [geometry.coordinates] : geometry.type === "MultiPolygon" ? geometry.coordinates : []) as Ring[][];
  return areas.some(([outer = [], ...holes]) => isInRing(outer, longitude, latitude) && !holes.some((hole) => isInRing(hole, longitude, latitude)));
}

export const isInBox = ([west, south, east, north]: Box, { longitude, latitude }: Spot): boolean => longitude >= west && longitude <= east && latitude >= south && latitude <= north;
