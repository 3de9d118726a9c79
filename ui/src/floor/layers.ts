// What a floor has besides cells and places: zones, lanes, walls between cells, doors.
import { middle, gridOf, isOn, pointsOf, type Direction, type FloorDocument, type GridGround } from "./document.ts";

/** Where metres are on the canvas, which part of it is seen, and what tokens look like. */
export interface Projection { x: (metres: number) => number; y: (metres: number) => number; scale: number; width: number; height: number; colour: (token: string) => string }

type Pen = CanvasRenderingContext2D;
const turns: Record<Direction, number> = { east: 0, south: Math.PI / 2, west: Math.PI, north: -Math.PI / 2 };
/** Smaller cells have no room for signs. */
const signPixels = 9;
const wordPixels = 22;

export function paintLayers(pen: Pen, floor: FloorDocument, at: Projection, font: string): void {
  paintZones(pen, floor, at, font);
  const grid = gridOf(floor);
  if (grid) {
    if (grid.cell_metres * at.scale >= signPixels) paintLanes(pen, grid, at);
    paintWalls(pen, grid, at);
  }
  paintDoors(pen, floor, at);
}

function paintZones(pen: Pen, floor: FloorDocument, at: Projection, font: string): void {
  for (const zone of floor.zones ?? []) {
    const [left, right] = [Math.min(zone.from.x, zone.to.x), Math.max(zone.from.x, zone.to.x)].map(at.x) as [number, number];
    const [top, bottom] = [Math.max(zone.from.y, zone.to.y), Math.min(zone.from.y, zone.to.y)].map(at.y) as [number, number];
    pen.strokeStyle = pen.fillStyle = at.colour("--series-5");
    pen.globalAlpha = 0.13;
    pen.fillRect(left, top, right - left, bottom - top);
    pen.globalAlpha = 1;
    if (zone.rule === "closed") hatch(pen, left, top, right, bottom);
    pen.setLineDash([5, 4]);
    pen.strokeRect(left, top, right - left, bottom - top);
    pen.setLineDash([]);
    const words = zone.rule === "closed" ? zone.id : `${zone.id} · ${zone.rule.speed_limit} m/s`;
    pen.font = font;
    pen.textAlign = "left";
    if (right - left > pen.measureText(words).width + 8 && bottom - top > wordPixels) pen.fillText(words, left + 4, top + 12);
  }
}

function hatch(pen: Pen, left: number, top: number, right: number, bottom: number): void {
  pen.save();
  pen.beginPath();
  pen.rect(left, top, right - left, bottom - top);
  pen.clip();
  pen.globalAlpha = 0.5;
  pen.beginPath();
  for (let x = left - (bottom - top); x < right; x += 8) { pen.moveTo(x, bottom); pen.lineTo(x + bottom - top, top); }
  pen.stroke();
  pen.restore();
}

function paintLanes(pen: Pen, grid: GridGround, at: Projection): void {
  const cell = grid.cell_metres * at.scale;
  const arm = cell * 0.16;
  pen.strokeStyle = at.colour("--ink-faint");
  pen.lineWidth = Math.max(1, cell * 0.05);
  pen.beginPath();
  for (const lane of grid.lanes ?? []) {
    const angle = turns[lane.direction];
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    for (let row = Math.min(lane.from[0], lane.to[0]); row <= Math.max(lane.from[0], lane.to[0]); row += 1)
      for (let column = Math.min(lane.from[1], lane.to[1]); column <= Math.max(lane.from[1], lane.to[1]); column += 1) {
        if (!isOn(grid, [row, column])) continue;
        const [mx, my] = middle(grid, [row, column]);
        const [x, y] = [at.x(mx), at.y(my)];
        if (x < -cell || y < -cell || x > at.width + cell || y > at.height + cell) continue;
        for (const side of [-1, 1]) {
          pen.moveTo(x + arm * cos, y + arm * sin);
          pen.lineTo(x - arm * cos - side * arm * sin, y - arm * sin + side * arm * cos);
        }
      }
  }
  pen.stroke();
  pen.lineWidth = 1;
}

function paintWalls(pen: Pen, grid: GridGround, at: Projection): void {
  if (!grid.walls?.length) return;
  const half = (grid.cell_metres * at.scale) / 2;
  pen.strokeStyle = at.colour("--ink");
  pen.lineWidth = Math.max(1.5, half * 0.16);
  pen.beginPath();
  for (const { a, b } of grid.walls) {
    const [ax, ay] = middle(grid, a);
    const [bx, by] = middle(grid, b);
    const [x, y] = [at.x((ax + bx) / 2), at.y((ay + by) / 2)];
    if (a[0] === b[0]) { pen.moveTo(x, y - half); pen.lineTo(x, y + half); }
    else { pen.moveTo(x - half, y); pen.lineTo(x + half, y); }
  }
  pen.stroke();
  pen.lineWidth = 1;
}

function paintDoors(pen: Pen, floor: FloorDocument, at: Projection): void {
  if (!floor.doors?.length) return;
  const where = pointsOf(floor);
  const half = ((gridOf(floor)?.cell_metres ?? 1) * at.scale) / 2;
  pen.strokeStyle = at.colour("--series-4");
  for (const door of floor.doors) {
    const [a, b] = [where(door.a), where(door.b)];
    if (!a || !b) continue;
    const angle = Math.atan2(at.y(b[1]) - at.y(a[1]), at.x(b[0]) - at.x(a[0]));
    const [x, y] = [(at.x(a[0]) + at.x(b[0])) / 2, (at.y(a[1]) + at.y(b[1])) / 2];
    const [ox, oy] = [-Math.sin(angle) * half * 0.9, Math.cos(angle) * half * 0.9];
    const [px, py] = [Math.cos(angle) * Math.max(1.5, half * 0.14), Math.sin(angle) * Math.max(1.5, half * 0.14)];
    pen.lineWidth = Math.max(1.5, half * 0.12);
    pen.beginPath();
    for (const side of [-1, 1]) { pen.moveTo(x - ox + side * px, y - oy + side * py); pen.lineTo(x + ox + side * px, y + oy + side * py); }
    pen.stroke();
  }
  pen.lineWidth = 1;
}
