// The pictures on a map, drawn when they are first needed, from the icons and the tokens: nothing is fetched.
import { icons, iconOfKind, type IconName } from "../components/icons.ts";
import type { Colours } from "./types.ts";

/** Pixels of a picture for each pixel of the page. */
export const density = 2;
const clusterSizes = [32, 38, 48];
/** In how many steps the ring of a group says how many are offline. */
export const ringSteps = 12;

type Pen = CanvasRenderingContext2D;
type Draw = (pen: Pen, middle: number, colours: Colours) => void;

const of = (colours: Colours, token: string): string => colours[token] ?? "transparent";

function disc(pen: Pen, middle: number, radius: number, fill: string, stroke: string, width: number, dashes: number[] = []): void {
  pen.beginPath();
  pen.arc(middle, middle, radius, 0, 2 * Math.PI);
  pen.fillStyle = fill;
  pen.fill();
  pen.setLineDash(dashes);
  pen.lineWidth = width;
  pen.strokeStyle = stroke;
  pen.stroke();
  pen.setLineDash([]);
}

function glyph(pen: Pen, name: IconName, x: number, y: number, size: number, colour: string): void {
  pen.save();
  pen.translate(x - size / 2, y - size / 2);
  pen.scale(size / 20, size / 20);
  pen.lineWidth = 1.7;
  pen.lineCap = "round";
  pen.lineJoin = "round";
  pen.strokeStyle = colour;
  pen.stroke(new Path2D(icons[name]));
  pen.restore();
}

/** A triangle for what wants attention, an octagon for a fault: told apart without colour. */
function sign(pen: Pen, tone: string, x: number, y: number, radius: number, colours: Colours, marked: boolean): void {
  const corners = tone === "red" ? 8 : 3;
  const turn = tone === "red" ? Math.PI / 8 : -Math.PI / 2;
  const reach = tone === "red" ? radius : radius * 1.18;
  const middle = tone === "red" ? y : y + radius * 0.16;
  pen.beginPath();
  for (let corner = 0; corner < corners; corner += 1) pen.lineTo(x + reach * Math.cos(turn + (2 * Math.PI * corner) / corners), middle + reach * Math.sin(turn + (2 * Math.PI * corner) / corners));
  pen.closePath();
  pen.lineJoin = "round";
  pen.lineWidth = Math.max(2.5, radius * 0.35);
  pen.strokeStyle = of(colours, "--surface-raised");
  pen.stroke();
  pen.fillStyle = of(colours, `--${tone}-mark`);
  pen.fill();
  pen.lineWidth = Math.max(1, radius * 0.12);
  pen.strokeStyle = of(colours, `--${tone}-mark`);
  pen.stroke();
  if (!marked) return;
  pen.strokeStyle = of(colours, tone === "red" ? "--red-ink" : "--map-amber-ink");
  pen.lineWidth = Math.max(1.4, radius * 0.2);
  pen.lineCap = "round";
  pen.beginPath();
  pen.moveTo(x, middle - radius * 0.42);
  pen.lineTo(x, middle + radius * 0.12);
  pen.moveTo(x, middle + radius * 0.46);
  pen.lineTo(x, middle + radius * 0.47);
  pen.stroke();
}

const thing = (state: string, kind: string): Draw => (pen, middle, colours) => {
  const icon = iconOfKind(kind);
  const radius = 13;
  if (state === "offline") disc(pen, middle, radius, of(colours, "--map-land"), of(colours, "--amber-mark"), 1.75);
  else if (state === "unknown") disc(pen, middle, radius, of(colours, "--map-land"), of(colours, "--line-strong"), 1.5, [3, 3]);
  else disc(pen, middle, radius, of(colours, state === "online" ? "--surface-raised" : `--${state}-tint`), of(colours, state === "online" ? "--line-strong" : `--${state}-mark`), state === "online" ? 1.25 : 2.25);
  glyph(pen, icon, middle, middle, 16, of(colours, state === "offline" || state === "unknown" ? "--ink-faint" : "--ink"));
  if (state === "offline") {
    pen.beginPath();
    pen.moveTo(middle - 9.2, middle + 9.2);
    pen.lineTo(middle + 9.2, middle - 9.2);
    pen.lineWidth = 1.75;
    pen.strokeStyle = of(colours, "--amber-mark");
    pen.stroke();
  }
  if (state === "red" || state === "amber") sign(pen, state, middle + 10, middle - 10, 6, colours, true);
};

const dot = (state: string): Draw => (pen, middle, colours) => {
  if (state === "red" || state === "amber") return sign(pen, state, middle, middle, 6.5, colours, false);
  if (state === "online") return disc(pen, middle, 4.25, of(colours, "--ink-faint"), of(colours, "--surface-raised"), 1.5);
  return disc(pen, middle, 4, of(colours, "--map-land"), of(colours, state === "offline" ? "--amber-mark" : "--line-strong"), 2);
};

const cluster = (size: number, step: number): Draw => (pen, middle, colours) => {
  const radius = size / 2 - 4;
  disc(pen, middle, radius, of(colours, "--surface-raised"), of(colours, "--line-strong"), step === 0 ? 1.5 : 4);
  if (step === 0) return;
  pen.beginPath();
  pen.arc(middle, middle, radius, -Math.PI / 2, -Math.PI / 2 + (2 * Math.PI * step) / ringSteps);
  pen.strokeStyle = of(colours, "--amber-mark");
  pen.lineWidth = 4;
  pen.stroke();
};

const pin: Draw = (pen, middle, colours) => {
  pen.beginPath();
  pen.moveTo(middle, middle);
  pen.bezierCurveTo(middle - 4, middle - 8, middle - 10, middle - 11, middle - 10, middle - 18);
  pen.arc(middle, middle - 18, 10, Math.PI, 0);
  pen.bezierCurveTo(middle + 10, middle - 11, middle + 4, middle - 8, middle, middle);
  pen.fillStyle = of(colours, "--accent");
  pen.fill();
  pen.lineWidth = 2;
  pen.strokeStyle = of(colours, "--surface-raised");
  pen.stroke();
  pen.beginPath();
  pen.arc(middle, middle - 18, 3.5, 0, 2 * Math.PI);
  pen.fillStyle = of(colours, "--accent-ink");
  pen.fill();
};

/** What is behind the name of a picture: its size in pixels of the page, and how it is drawn. */
function plan(name: string): { size: number; draw: Draw } | null {
  const [sort, first = "", ...rest] = name.split("/");
  if (sort === "thing") return { size: 44, draw: thing(first, rest.join("/")) };
  if (sort === "dot") return { size: 22, draw: dot(first) };
  if (sort === "alarm") return { size: 32, draw: (pen, middle, colours) => sign(pen, first, middle, middle, 11, colours, true) };
  if (sort === "pin") return { size: 64, draw: pin };
  const size = clusterSizes[Number(first)];
  if (sort === "cluster" && size !== undefined) return { size, draw: cluster(size, Number(rest[0])) };
  return null;
}

/** Nothing for a name that is no picture of this map. */
export function picture(name: string, colours: Colours): ImageData | null {
  const planned = plan(name);
  if (planned === null) return null;
  const pixels = planned.size * density;
  const canvas = new OffscreenCanvas(pixels, pixels);
  const pen = canvas.getContext("2d") as unknown as Pen | null;
  if (pen === null) return null;
  pen.scale(density, density);
  planned.draw(pen, planned.size / 2, colours);
  return pen.getImageData(0, 0, pixels, pixels);
}
