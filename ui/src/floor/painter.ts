// What paints a floor. Canvas 2D today; a painter with other means has the same interface.
import { closedRuns, type Drawing, type View } from "./drawing.ts";
import { doings, type Doing, type Heat, type Moment } from "./frames.ts";
import { paintLayers, type Projection } from "./layers.ts";

/** What a page paints above everything else. */
export type Overlay = (pen: CanvasRenderingContext2D, at: Projection) => void;
/** What a page does with the pointer and the keys instead of moving the floor; it says whether it took them. */
export interface Hand { down: (x: number, y: number, event: PointerEvent) => boolean; move: (x: number, y: number, event: PointerEvent) => void; up: () => void; press: (event: KeyboardEvent) => boolean }
export interface Scene { view: View; moment: Moment | null; heat: Heat | null; selected: number | null; overlay?: Overlay | null }

export interface Painter {
  resize(width: number, height: number, ratio: number): void;
  /** Takes a floor and the colours of the theme; what was painted of another is forgotten. */
  prepare(drawing: Drawing, colour: (token: string) => string): void;
  paint(scene: Scene): void;
}

type Pen = CanvasRenderingContext2D;

/** The token of what each robot is painted with. */
export const doingTokens: Record<Doing, string> = {
  free: "--ink-faint", going: "--series-1", served: "--series-2", to_charger: "--series-6", charging: "--series-6", stuck: "--red-mark",
};

export class CanvasPainter implements Painter {
  #canvas: HTMLCanvasElement;
  #ground = document.createElement("canvas");
  #painted = "";
  #drawing: Drawing | null = null;
  #runs: ReturnType<typeof closedRuns> = [];
  #colours: Record<string, string> = {};
  #size = { width: 0, height: 0, ratio: 1 };

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
  }

  resize(width: number, height: number, ratio: number): void {
    this.#size = { width, height, ratio };
    for (const canvas of [this.#canvas, this.#ground]) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    this.#painted = "";
  }

  prepare(drawing: Drawing, colour: (token: string) => string): void {
    this.#drawing = drawing;
    this.#runs = closedRuns(drawing.rows);
    const tokens = ["--surface", "--surface-sunken", "--surface-hover", "--line", "--line-strong", "--ink", "--ink-soft", "--accent", "--accent-tint", "--amber-mark", "--red-mark", "--focus", "--ink-faint", "--series-4", "--series-5", ...Object.values(doingTokens)];
    this.#colours = Object.fromEntries(tokens.map((token) => [token, colour(token)]));
    this.#painted = "";
  }

  paint(scene: Scene): void {
    const pen = this.#canvas.getContext("2d");
    const drawing = this.#drawing;
    if (!pen || !drawing || this.#size.width === 0) return;
    const { view } = scene;
    const key = `${view.x} ${view.y} ${view.scale}`;
    if (key !== this.#painted) {
      this.#paintGround(drawing, view);
      this.#painted = key;
    }
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    pen.drawImage(this.#ground, 0, 0);
    pen.scale(this.#size.ratio, this.#size.ratio);
    if (scene.heat) this.#paintHeat(pen, drawing, view, scene.heat);
    if (scene.moment) this.#paintRobots(pen, drawing, view, scene.moment, scene.selected);
    scene.overlay?.(pen, this.#projection(view));
  }

  #projection(view: View): Projection {
    const { width, height } = this.#size;
    return { x: (metres) => this.#x(view, metres), y: (metres) => this.#y(view, metres), scale: view.scale, width, height, colour: (token) => this.#colour(token) };
  }

  #x(view: View, x: number): number {
    return (x - view.x) * view.scale + this.#size.width / 2;
  }

  #y(view: View, y: number): number {
    return (view.y - y) * view.scale + this.#size.height / 2;
  }

  #colour(token: string): string {
    return this.#colours[token] ?? "currentColor";
  }

  #paintGround(drawing: Drawing, view: View): void {
    const pen = this.#ground.getContext("2d");
    if (!pen) return;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, this.#ground.width, this.#ground.height);
    pen.scale(this.#size.ratio, this.#size.ratio);
    const [west, south, east, north] = drawing.bounds;
    const side = drawing.cell_metres;
    const cell = side * view.scale;
    const [left, top] = [this.#x(view, west), this.#y(view, north)];
    pen.fillStyle = this.#colour("--surface");
    pen.fillRect(left, top, (east - west) * view.scale, (north - south) * view.scale);
    if (cell >= 9 && drawing.rows.length > 0) this.#paintGrid(pen, drawing, left, top, cell);
    pen.fillStyle = this.#colour("--line-strong");
    pen.globalAlpha = 0.55;
    const inset = cell >= 6 ? 0.5 : 0;
    for (const run of this.#runs) {
      const y = top + run.row * cell;
      if (y > this.#size.height || y + cell < 0) continue;
      pen.fillRect(left + run.from * cell + inset, y + inset, (run.to - run.from) * cell - 2 * inset, cell - 2 * inset);
    }
    pen.globalAlpha = 1;
    this.#paintWays(pen, drawing, view, cell);
    if (drawing.floor) paintLayers(pen, drawing.floor, this.#projection(view), this.#font());
    this.#paintPlaces(pen, drawing, view, cell);
    pen.strokeStyle = this.#colour("--line-strong");
    pen.strokeRect(left, top, (east - west) * view.scale, (north - south) * view.scale);
  }

  #paintGrid(pen: Pen, drawing: Drawing, left: number, top: number, cell: number): void {
    const [wide, high] = [drawing.columns * cell, drawing.rows.length * cell];
    pen.strokeStyle = this.#colour("--line");
    pen.lineWidth = 0.5;
    pen.beginPath();
    for (let column = 0; column <= drawing.columns; column += 1) { pen.moveTo(left + column * cell, top); pen.lineTo(left + column * cell, top + high); }
    for (let row = 0; row <= drawing.rows.length; row += 1) { pen.moveTo(left, top + row * cell); pen.lineTo(left + wide, top + row * cell); }
    pen.stroke();
    pen.lineWidth = 1;
  }

  #font(): string {
    return `10px ${getComputedStyle(this.#canvas).fontFamily}`;
  }

  /** Ways of a graph; where there is room, an arrow at the end of each says which way it is driven, and a ring where robots stand. */
  #paintWays(pen: Pen, drawing: Drawing, view: View, cell: number): void {
    pen.strokeStyle = this.#colour("--line-strong");
    pen.beginPath();
    for (const [ax, ay, bx, by] of drawing.ways) { pen.moveTo(this.#x(view, ax), this.#y(view, ay)); pen.lineTo(this.#x(view, bx), this.#y(view, by)); }
    pen.stroke();
    if (cell < 10) return;
    pen.fillStyle = this.#colour("--ink-faint");
    for (const [ax, ay, bx, by] of drawing.ways) {
      const angle = Math.atan2(this.#y(view, by) - this.#y(view, ay), this.#x(view, bx) - this.#x(view, ax));
      const [x, y] = [this.#x(view, ax + (bx - ax) * 0.66), this.#y(view, ay + (by - ay) * 0.66)];
      pen.beginPath();
      for (const turn of [0, 2.6, -2.6]) pen.lineTo(x + Math.cos(angle + turn) * 5, y + Math.sin(angle + turn) * 5);
      pen.fill();
    }
    for (const node of (drawing.floor && "graph" in drawing.floor.ground ? drawing.floor.ground.graph.nodes : [])) {
      pen.beginPath();
      pen.arc(this.#x(view, node.x), this.#y(view, node.y), 3, 0, 2 * Math.PI);
      pen.fillStyle = this.#colour("--surface");
      pen.fill();
      pen.stroke();
    }
  }

  #paintPlaces(pen: Pen, drawing: Drawing, view: View, cell: number): void {
    const half = Math.max(cell / 2, 1.5);
    const square = (x: number, y: number, part: number) => pen.fillRect(this.#x(view, x) - half * part, this.#y(view, y) - half * part, 2 * half * part, 2 * half * part);
    pen.fillStyle = this.#colour("--surface-hover");
    for (const station of drawing.stations) for (const [x, y] of station.queue) square(x, y, 0.9);
    if (cell >= 6) {
      pen.strokeStyle = this.#colour("--ink-faint");
      for (const { at } of drawing.parkings) { pen.beginPath(); pen.arc(this.#x(view, at[0]), this.#y(view, at[1]), half * 0.55, 0, 2 * Math.PI); pen.stroke(); }
    }
    if (cell >= 12) {
      // In a corner, so that a lane's sign and a robot on it stay readable.
      pen.fillStyle = this.#colour("--series-5");
      const size = Math.max(2, half * 0.28);
      for (const { at } of drawing.storages) pen.fillRect(this.#x(view, at[0]) + half * 0.9 - size, this.#y(view, at[1]) + half * 0.9 - size, size, size);
    }
    pen.strokeStyle = this.#colour("--series-6");
    pen.lineWidth = 1.5;
    for (const charger of drawing.chargers) {
      const [x, y] = [this.#x(view, charger.at[0]), this.#y(view, charger.at[1])];
      pen.strokeRect(x - half * 0.8, y - half * 0.8, 1.6 * half, 1.6 * half);
      if (cell >= 8) { pen.beginPath(); pen.moveTo(x + half * 0.15, y - half * 0.55); pen.lineTo(x - half * 0.25, y + half * 0.1); pen.lineTo(x + half * 0.25, y + half * 0.1); pen.lineTo(x - half * 0.1, y + half * 0.6); pen.stroke(); }
    }
    pen.lineWidth = 1;
    for (const station of drawing.stations) {
      for (const [x, y] of station.at) {
        pen.fillStyle = this.#colour("--accent-tint");
        square(x, y, 0.96);
        pen.strokeStyle = this.#colour("--accent");
        pen.strokeRect(this.#x(view, x) - half * 0.96, this.#y(view, y) - half * 0.96, half * 1.92, half * 1.92);
      }
      const [x, y] = station.at[0] ?? [0, 0];
      if (cell < 26) continue;
      pen.fillStyle = this.#colour("--ink-soft");
      pen.font = this.#font();
      pen.textAlign = "center";
      pen.fillText(station.id, this.#x(view, x), this.#y(view, y) - half - 3);
    }
  }

  #paintHeat(pen: Pen, drawing: Drawing, view: View, heat: Heat): void {
    const size = Math.max(drawing.cell_metres * view.scale, 3);
    pen.fillStyle = this.#colour("--amber-mark");
    for (const spot of heat.spots) {
      pen.globalAlpha = 0.12 + 0.83 * Math.sqrt(spot.seconds / heat.most);
      pen.fillRect(this.#x(view, spot.x) - size / 2, this.#y(view, spot.y) - size / 2, size, size);
    }
    pen.globalAlpha = 1;
  }

  #paintRobots(pen: Pen, drawing: Drawing, view: View, moment: Moment, selected: number | null): void {
    const cell = drawing.cell_metres * view.scale;
    const radius = Math.min(Math.max(cell * 0.36, 1.4), 26);
    // State by state, so that colours are set a few times and not thousands of times.
    for (const [state, doing] of doings.entries()) {
      pen.fillStyle = pen.strokeStyle = this.#colour(doingTokens[doing]);
      for (let index = 0; index < moment.count; index += 1) {
        if (moment.doing[index] !== state) continue;
        const x = this.#x(view, moment.x[index] ?? 0);
        const y = this.#y(view, moment.y[index] ?? 0);
        if (x < -radius || y < -radius || x > this.#size.width + radius || y > this.#size.height + radius) continue;
        if (radius < 3.2) pen.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
        else shape(pen, doing, x, y, radius, (moment.heading[index] ?? 0) * (Math.PI / 2));
      }
    }
    if (selected === null || selected >= moment.count) return;
    pen.strokeStyle = this.#colour("--focus");
    pen.lineWidth = 2;
    pen.beginPath();
    pen.arc(this.#x(view, moment.x[selected] ?? 0), this.#y(view, moment.y[selected] ?? 0), Math.max(radius * 1.7, 7), 0, 2 * Math.PI);
    pen.stroke();
    pen.lineWidth = 1;
  }
}

/** Every state has its shape, so that nobody needs its colour: who drives is an arrow, who is served a square, who stands a cross. */
export function shape(pen: Pen, doing: Doing, x: number, y: number, radius: number, angle: number): void {
  pen.lineWidth = Math.max(1, radius * 0.22);
  pen.beginPath();
  if (doing === "going" || doing === "to_charger") {
    const corner = (turn: number, length: number) => [x + Math.cos(angle + turn) * length, y + Math.sin(angle + turn) * length] as const;
    pen.moveTo(...corner(0, radius * 1.15));
    pen.lineTo(...corner(2.5, radius * 1.1));
    pen.lineTo(...corner(Math.PI, radius * 0.45));
    pen.lineTo(...corner(-2.5, radius * 1.1));
    pen.closePath();
    if (doing === "going") pen.fill();
    else pen.stroke();
  } else if (doing === "stuck") {
    const arm = radius * 0.85;
    pen.lineWidth = Math.max(2, radius * 0.5);
    pen.moveTo(x - arm, y - arm);
    pen.lineTo(x + arm, y + arm);
    pen.moveTo(x + arm, y - arm);
    pen.lineTo(x - arm, y + arm);
    pen.stroke();
  } else if (doing === "free") {
    pen.arc(x, y, radius * 0.8, 0, 2 * Math.PI);
    pen.stroke();
  } else if (doing === "served") {
    pen.rect(x - radius * 0.8, y - radius * 0.8, radius * 1.6, radius * 1.6);
    pen.fill();
  } else {
    pen.arc(x, y, radius * 0.85, 0, 2 * Math.PI);
    pen.fill();
  }
  pen.lineWidth = 1;
}
