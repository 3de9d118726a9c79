// What is drawn on a plot besides its lines: the future behind "now", the part that a finding marks, and what was expected there. Pure but for the canvas.
import type uPlot from "uplot";

/** A stretch that a finding speaks of, in microseconds, and the band that was expected in it. */
export interface Evidence { from: number; to: number; low: number | null; high: number | null; tone: "plain" | "amber" | "red" }

export interface OverlayColours { future: string; ink: string; mark: string; band: string; edge: string; font: string }

/** Narrower than this, a mark would not be seen. */
const narrowest = 6;

function clipped(chart: uPlot, draw: (pen: CanvasRenderingContext2D) => void): void {
  const { left, top, width, height } = chart.bbox;
  const pen = chart.ctx;
  pen.save();
  pen.beginPath();
  pen.rect(left, top, width, height);
  pen.clip();
  draw(pen);
  pen.restore();
}

/** The ground of what has not happened yet is another one, so that no forecast passes for a measurement. */
export function drawFuture(chart: uPlot, nowSeconds: number, colours: OverlayColours): void {
  clipped(chart, (pen) => {
    const edge = chart.valToPos(nowSeconds, "x", true);
    pen.fillStyle = colours.future;
    pen.fillRect(edge, chart.bbox.top, chart.bbox.left + chart.bbox.width - edge, chart.bbox.height);
  });
}

export function drawNow(chart: uPlot, nowSeconds: number, word: string, ratio: number, colours: OverlayColours): void {
  clipped(chart, (pen) => {
    const edge = Math.round(chart.valToPos(nowSeconds, "x", true));
    pen.fillStyle = colours.ink;
    pen.fillRect(edge, chart.bbox.top, ratio, chart.bbox.height);
    pen.font = colours.font;
    pen.textBaseline = "top";
    pen.textAlign = "left";
    pen.fillText(word, edge + 4 * ratio, chart.bbox.top + 2 * ratio);
  });
}

function span(chart: uPlot, evidence: Evidence, ratio: number): { start: number; width: number } {
  const start = chart.valToPos(evidence.from / 1e6, "x", true);
  const end = chart.valToPos(evidence.to / 1e6, "x", true);
  const width = Math.max(end - start, narrowest * ratio);
  return { start: start - (width - Math.max(0, end - start)) / 2, width };
}

/** Moments at which something would have been done: a thin line, and a pointer above it that is there without colour too. */
export function drawMoments(chart: uPlot, moments: readonly number[], ratio: number, colour: string): void {
  clipped(chart, (pen) => {
    const { left, top, width, height } = chart.bbox;
    let last = -Infinity;
    for (const moment of moments) {
      const x = Math.round(chart.valToPos(moment / 1e6, "x", true));
      // What falls on the same pixels is drawn once.
      if (x < left - 5 * ratio || x > left + width + 5 * ratio || Math.abs(x - last) < 2 * ratio) continue;
      last = x;
      pen.fillStyle = colour;
      pen.globalAlpha = 0.35;
      pen.fillRect(x, top, ratio, height);
      pen.globalAlpha = 1;
      pen.beginPath();
      pen.moveTo(x - 4 * ratio, top);
      pen.lineTo(x + 4 * ratio, top);
      pen.lineTo(x, top + 6 * ratio);
      pen.fill();
    }
  });
}

/** The marked stretch: a tint, and a strip above it that is there without colour too. */
export function drawMark(chart: uPlot, evidence: Evidence, ratio: number, colours: OverlayColours): void {
  clipped(chart, (pen) => {
    const { start, width } = span(chart, evidence, ratio);
    pen.fillStyle = colours.mark;
    pen.globalAlpha = 0.14;
    pen.fillRect(start, chart.bbox.top, width, chart.bbox.height);
    pen.globalAlpha = 1;
    pen.fillRect(start, chart.bbox.top, width, 3 * ratio);
  });
}

export function drawExpected(chart: uPlot, evidence: Evidence, ratio: number, colours: OverlayColours): void {
  const { low, high } = evidence;
  if (low === null || high === null) return;
  clipped(chart, (pen) => {
    const { start, width } = span(chart, evidence, ratio);
    const [top, bottom] = [chart.valToPos(high, "y", true), chart.valToPos(low, "y", true)];
    pen.fillStyle = colours.band;
    pen.fillRect(start, top, width, Math.max(bottom - top, ratio));
    pen.strokeStyle = colours.edge;
    pen.lineWidth = ratio;
    pen.setLineDash([5 * ratio, 3 * ratio]);
    pen.beginPath();
    for (const edge of [top, bottom]) { pen.moveTo(start, edge); pen.lineTo(start + width, edge); }
    pen.stroke();
  });
}
