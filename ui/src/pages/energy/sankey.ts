// Where the ribbons of a picture of flows lie: what gives on the left, the home in the middle, what takes on the right.
import type { HomeFlow } from "../../api/home.ts";

export interface Bar { id: string; side: "left" | "right"; y: number; height: number; watts: number }
export interface Ribbon { id: string; side: "left" | "right"; path: string; watts: number }
export interface Picture { bars: Bar[]; ribbons: Ribbon[]; home: { y: number; height: number }; height: number }

interface Size { width: number; bar: number; label: number; row: number; gap: number; most: number }

/** The thinnest ribbon that is still seen. */
const thin = 2;

/** Lays flows out; `size` is in pixels, and `most` what the largest side may be high without its gaps. */
export function layOut(flows: HomeFlow[], size: Size): Picture {
  const sides = { left: flows.filter((flow) => flow.to === "home").map((flow) => ({ id: flow.from, watts: flow.watts })), right: flows.filter((flow) => flow.from === "home").map((flow) => ({ id: flow.to, watts: flow.watts })) };
  const total = Math.max(1, ...Object.values(sides).map((side) => side.reduce((sum, one) => sum + one.watts, 0)));
  const high = (watts: number) => Math.max(thin, (watts / total) * size.most);
  // A bar takes at least the room of its words.
  const room = (watts: number) => Math.max(size.row, high(watts));
  const tall = (side: { watts: number }[]) => side.reduce((sum, one) => sum + room(one.watts), 0) + size.gap * Math.max(0, side.length - 1);
  const height = Math.max(size.row, tall(sides.left), tall(sides.right));
  const inHome = (side: { watts: number }[]) => side.reduce((sum, one) => sum + high(one.watts), 0);
  const homeHeight = Math.max(size.row, inHome(sides.left), inHome(sides.right));
  const home = { y: (height - homeHeight) / 2, height: homeHeight };
  const bars: Bar[] = [];
  const ribbons: Ribbon[] = [];
  const middle = size.width / 2;
  for (const side of ["left", "right"] as const) {
    let y = (height - tall(sides[side])) / 2;
    let at = home.y + (homeHeight - inHome(sides[side])) / 2;
    for (const { id, watts } of sides[side]) {
      const thickness = high(watts);
      const own = y + (room(watts) - thickness) / 2;
      bars.push({ id, side, y: own, height: thickness, watts });
      const [x1, y1, x2, y2] = side === "left" ? [size.label + size.bar, own, middle - size.bar, at] : [middle + size.bar, at, size.width - size.label - size.bar, own];
      const bend = (x1 + x2) / 2;
      ribbons.push({ id, side, watts, path: `M${x1} ${y1}C${bend} ${y1} ${bend} ${y2} ${x2} ${y2}V${y2 + thickness}C${bend} ${y2 + thickness} ${bend} ${y1 + thickness} ${x1} ${y1 + thickness}Z` });
      y += room(watts) + size.gap;
      at += thickness;
    }
  }
  return { bars, ribbons, home, height };
}
