// What the editor paints above a floor: what is selected, what is about to be drawn, where the keyboard is, and what is wrong.
import type { Projection } from "../../floor/layers.ts";
import type { Point } from "../../floor/drawing.ts";
import type { Area } from "./edits.ts";
import type { Marked } from "./faults.ts";

export interface Above { cursor: Point; cell: number; area: Area | null; draft: Area | null; line: [Point, Point] | null; faults: Marked[]; stranded: Point[]; active: Point[]; queue: Point[] }

type Pen = CanvasRenderingContext2D;

export function paintAbove(pen: Pen, at: Projection, above: Above): void {
  const cell = Math.max(above.cell * at.scale, 6);
  paintStranded(pen, at, above.stranded, cell);
  paintFaults(pen, at, above.faults, cell);
  const box = (area: Area) => [at.x(area.west), at.y(area.north), (area.east - area.west) * at.scale, (area.north - area.south) * at.scale] as const;
  pen.strokeStyle = pen.fillStyle = at.colour("--accent");
  for (const [x, y] of above.queue) ring(pen, at, x, y, cell * 0.42, [2, 2]);
  pen.lineWidth = 2;
  for (const [x, y] of above.active) ring(pen, at, x, y, cell * 0.5, []);
  if (above.area) {
    pen.setLineDash([5, 3]);
    pen.strokeRect(...box(above.area));
    pen.setLineDash([]);
  }
  if (above.draft) {
    pen.globalAlpha = 0.18;
    pen.fillRect(...box(above.draft));
    pen.globalAlpha = 1;
    pen.strokeRect(...box(above.draft));
  }
  if (above.line) arrow(pen, at, ...above.line);
  pen.strokeStyle = at.colour("--focus");
  pen.lineWidth = 2;
  pen.strokeRect(at.x(above.cursor[0]) - cell / 2, at.y(above.cursor[1]) - cell / 2, cell, cell);
  pen.lineWidth = 1;
}

function ring(pen: Pen, at: Projection, x: number, y: number, radius: number, dash: number[]): void {
  pen.setLineDash(dash);
  pen.beginPath();
  pen.arc(at.x(x), at.y(y), Math.max(radius, 4), 0, 2 * Math.PI);
  pen.stroke();
  pen.setLineDash([]);
}

function arrow(pen: Pen, at: Projection, from: Point, to: Point): void {
  const [ax, ay, bx, by] = [at.x(from[0]), at.y(from[1]), at.x(to[0]), at.y(to[1])];
  const angle = Math.atan2(by - ay, bx - ax);
  pen.beginPath();
  pen.moveTo(ax, ay);
  pen.lineTo(bx, by);
  for (const turn of [2.6, -2.6]) { pen.moveTo(bx, by); pen.lineTo(bx + Math.cos(angle + turn) * 9, by + Math.sin(angle + turn) * 9); }
  pen.stroke();
}

/** Places that nobody gets to and back from are crossed out lightly. */
function paintStranded(pen: Pen, at: Projection, points: Point[], cell: number): void {
  pen.strokeStyle = at.colour("--amber-mark");
  pen.lineWidth = Math.max(1, cell * 0.06);
  pen.beginPath();
  const arm = cell * 0.22;
  for (const [px, py] of points) {
    const [x, y] = [at.x(px), at.y(py)];
    if (x < -cell || y < -cell || x > at.width + cell || y > at.height + cell) continue;
    pen.moveTo(x - arm, y - arm);
    pen.lineTo(x + arm, y + arm);
    pen.moveTo(x + arm, y - arm);
    pen.lineTo(x - arm, y + arm);
  }
  pen.stroke();
  pen.lineWidth = 1;
}

/** A fault is a ring with an exclamation mark beside it: told by shape and not by colour alone. */
function paintFaults(pen: Pen, at: Projection, faults: Marked[], cell: number): void {
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  for (const fault of faults) {
    const colour = at.colour(fault.severity === "error" ? "--red-mark" : "--amber-mark");
    for (const [px, py] of fault.at) {
      const [x, y] = [at.x(px), at.y(py)];
      const radius = Math.max(cell * 0.62, 7);
      pen.strokeStyle = pen.fillStyle = colour;
      pen.lineWidth = 2.5;
      pen.beginPath();
      pen.arc(x, y, radius, 0, 2 * Math.PI);
      pen.stroke();
      pen.beginPath();
      pen.arc(x + radius * 0.8, y - radius * 0.8, 7, 0, 2 * Math.PI);
      pen.fill();
      pen.fillStyle = at.colour("--surface");
      pen.fillRect(x + radius * 0.8 - 1, y - radius * 0.8 - 4, 2, 5);
      pen.fillRect(x + radius * 0.8 - 1, y - radius * 0.8 + 2, 2, 2);
    }
  }
  pen.textBaseline = "alphabetic";
  pen.lineWidth = 1;
}
