// What a map shows and says, in words of the site: nothing here knows how it is drawn.

export interface Spot { longitude: number; latitude: number }
export interface View extends Spot { zoom: number }
/** West, south, east, north in degrees. */
export type Box = [west: number, south: number, east: number, north: number];

export type Tone = "amber" | "red";
export interface AlarmPoint extends Spot { id: string; thing: string; title: string; tone: Tone }
/** A value at another moment; `share` is where it lies between the least and the most in view, nothing where it has no number. */
export interface PastPoint extends Spot { id: string; title: string; share: number | null; text: string }

export type Picked =
  | { what: "thing"; id: string }
  | { what: "alarm"; id: string; thing: string }
  | { what: "cluster" }
  | { what: "space"; id: string }
  | { what: "nothing" };

/** What the pointer rests on, and where on the map's own pixels. */
export interface Hovered { title: string; value: string | null; unit: string | null; name: string | null; x: number; y: number }

export interface Marks { chosen: Spot | null; near: (Spot & { metres: number }) | null; placing: Spot | null; space: string | null }

export type Colours = Record<string, string>;

export interface MapListener {
  /** Asked anew after each move, and once at the start. */
  view(view: View, box: Box): void;
  pick(picked: Picked, at: Spot): void;
  hover(hovered: Hovered | null): void;
  /** Tiles or shapes cannot be drawn; nothing when they can again. */
  problem(message: string | null): void;
}

export interface SiteMap {
  spaces(features: unknown): void;
  kind(kind: string | null): void;
  alarms(points: AlarmPoint[]): void;
  /** Points of another moment in place of the things of now; nothing brings those back. */
  past(points: PastPoint[] | null): void;
  marks(marks: Marks): void;
  aiming(isAiming: boolean): void;
  colours(colours: Colours): void;
  /** Asks for tiles again; what has not changed is not drawn anew. */
  refresh(): void;
  go(view: Partial<View> & Spot): void;
  fit(box: Box): void;
  zoom(steps: number): void;
  remove(): void;
}
