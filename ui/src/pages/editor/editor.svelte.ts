// The floor that is being drawn: what it is now, the steps back, the tool in hand, what is selected, and where the keyboard is.
import { cellAt, cellId, cellOf, drawingOf, graphOf, gridOf, isFree, isOn, middle, type Cell, type Direction, type FloorDocument, type Zone } from "../../floor/document.ts";
import type { Point } from "../../floor/drawing.ts";
import type { Hand } from "../../floor/painter.ts";
import { clear, copy, move, paste, type Clip } from "./clip.ts";
import * as edits from "./edits.ts";
import { Steps } from "./history.ts";

export const gridTools = ["select", "aisle", "shelf", "lane", "wall", "storage", "station", "charger", "parking", "door", "zone", "erase"] as const;
export const graphTools = ["select", "node", "edge", "storage", "station", "charger", "parking", "door", "zone", "erase"] as const;
export type Tool = (typeof gridTools)[number] | (typeof graphTools)[number];
export const toolKeys: Record<Tool, string> = { select: "v", aisle: "a", shelf: "b", lane: "l", wall: "w", storage: "s", station: "t", charger: "c", parking: "p", door: "d", zone: "z", erase: "e", node: "n", edge: "m" };
/** Tools that are drawn over cells one by one, or over a whole rectangle of them. */
const brushes: readonly Tool[] = ["aisle", "shelf", "storage", "charger", "parking", "erase"];
/** Tools that are drawn from one place to another. */
const spans: readonly Tool[] = ["select", "lane", "zone", "edge", "door", "wall"];

const quickest = 0.01;

export class Editor {
  floor = $state.raw<FloorDocument>(edits.newGrid("", 16, 28));
  tool = $state<Tool>("select");
  /** Brushes fill a rectangle instead of following the hand. */
  rectangle = $state(true);
  direction = $state<Direction>("east");
  bothWays = $state(true);
  rule = $state.raw<Zone["rule"]>({ speed_limit: 0.5 });
  /** Metres between the points that nodes are put on. */
  step = $state(0.5);
  area = $state.raw<edits.Area | null>(null);
  active = $state.raw<edits.Item | null>(null);
  /** Cells that are pressed join this list of the active station. */
  picking = $state<"nodes" | "queue" | null>(null);
  cursor = $state.raw<Point>([0.5, 0.5]);
  /** Where a rectangle, lane, edge, door or zone that is being drawn began. */
  anchor = $state.raw<Point | null>(null);
  clip = $state.raw<Clip | null>(null);
  canUndo = $state(false);
  canRedo = $state(false);
  /** What was just done, for those who hear the page. */
  said = $state("");
  #steps = new Steps<FloorDocument>();
  #stroke: FloorDocument | null = null;
  #last: Point | null = null;
  #moving: { from: Point; area: edits.Area; floor: FloorDocument } | null = null;

  readonly drawing = $derived(drawingOf(this.floor));
  readonly grid = $derived(gridOf(this.floor));
  readonly items = $derived(this.area === null ? [] : edits.itemsIn(this.floor, this.area));
  readonly tools = $derived<readonly Tool[]>(this.grid ? gridTools : graphTools);
  readonly isBrush = $derived(this.grid !== null && brushes.includes(this.tool));

  /** Another floor altogether. */
  open(floor: FloorDocument): void {
    this.floor = floor;
    this.#steps.clear();
    this.#counted();
    this.area = null;
    this.active = null;
    this.anchor = null;
    this.picking = null;
    if (!this.tools.includes(this.tool)) this.tool = "select";
    const grid = gridOf(floor);
    const first = graphOf(floor)?.nodes[0];
    this.cursor = grid ? middle(grid, [0, 0]) : first ? [first.x, first.y] : [0, 0];
  }

  /** Takes a changed floor as one step. */
  set(next: FloorDocument): void {
    if (next === this.floor) return;
    this.#steps.add(this.floor);
    this.floor = next;
    this.#counted();
  }

  undo(): void {
    const before = this.#steps.undo(this.floor);
    if (before) this.#travel(before);
  }

  redo(): void {
    const after = this.#steps.redo(this.floor);
    if (after) this.#travel(after);
  }

  #travel(floor: FloorDocument): void {
    this.floor = floor;
    this.anchor = null;
    this.#counted();
    if (this.active && !this.#exists(this.active)) this.active = null;
    if (!this.tools.includes(this.tool)) this.tool = "select";
  }

  #counted(): void {
    this.canUndo = this.#steps.canUndo;
    this.canRedo = this.#steps.canRedo;
  }

  #exists(item: edits.Item): boolean {
    const floor = this.floor;
    const grid = gridOf(floor);
    if (item.kind === "lane") return Number(item.id) < (grid?.lanes?.length ?? 0);
    if (item.kind === "wall") return Number(item.id) < (grid?.walls?.length ?? 0);
    const lists = { station: floor.stations, storage: floor.storages, charger: floor.chargers, parking: floor.parkings, door: floor.doors, zone: floor.zones, robot: floor.robots, node: graphOf(floor)?.nodes, edge: graphOf(floor)?.edges };
    return (lists[item.kind] ?? []).some((one) => one.id === item.id);
  }

  choose(tool: Tool): void {
    if (!this.tools.includes(tool)) return;
    this.tool = tool;
    this.anchor = null;
    this.picking = null;
  }

  /** Where a point snaps to: the middle of its cell, a node nearby, or the raster. */
  snap([x, y]: Point): Point {
    const grid = this.grid;
    if (grid) return middle(grid, cellAt(grid, x, y));
    const node = edits.nodeNear(this.floor, x, y, Math.max(this.step * 0.75, 0.3));
    return node ? [node.x, node.y] : [Math.round(x / this.step) * this.step, Math.round(y / this.step) * this.step];
  }

  cellOf([x, y]: Point): Cell | null {
    const cell = this.grid ? cellAt(this.grid, x, y) : null;
    return cell && this.grid && isOn(this.grid, cell) ? cell : null;
  }

  /** The node at a point: a cell's, or a graph's. */
  nodeAt(point: Point): string | null {
    const cell = this.cellOf(point);
    if (cell) return cellId(...cell);
    return this.grid ? null : (edits.nodeNear(this.floor, ...point, Math.max(this.step * 0.75, 0.3))?.id ?? null);
  }

  /** The area from one point to another, whole cells of a grid. */
  span(a: Point, b: Point): edits.Area {
    const half = this.grid ? this.grid.cell_metres / 2 : 0.01;
    const [from, to] = [this.snap(a), this.snap(b)];
    const area = edits.areaOf(...from, ...to);
    if (!this.grid && this.tool === "zone") return edits.areaOf(...a, ...b);
    return { west: area.west - half, south: area.south - half, east: area.east + half, north: area.north + half };
  }

  /** What the tool would do to one place, or from the anchor to it. */
  apply(from: Point, to: Point, floor = this.floor): FloorDocument {
    const grid = gridOf(floor);
    const [a, b] = [this.cellOf(from), this.cellOf(to)];
    const node = this.nodeAt(to);
    switch (this.tool) {
      case "aisle": case "shelf": return grid && a && b ? edits.paint(floor, this.#cells(a, b), this.tool === "aisle") : floor;
      case "lane": return a && b ? edits.addLane(floor, a, b, edits.directionOf(a, b, this.direction)) : floor;
      case "wall": return a && b ? this.#between(floor, from, to, (one, two) => edits.toggleWall(floor, one, two)) : floor;
      case "storage": case "charger": case "parking":
        return grid && a && b ? edits.addPlaces(floor, this.tool, this.#cells(a, b).map((cell) => cellId(...cell))) : node ? edits.addPlaces(floor, this.tool, [node]) : floor;
      case "station": return node ? edits.addPlaces(floor, "station", [node]) : floor;
      case "door": {
        if (grid) return a && b ? this.#between(floor, from, to, (one, two) => edits.addDoor(floor, cellId(...one), cellId(...two))) : floor;
        const begin = this.nodeAt(from);
        return begin && node ? edits.addDoor(floor, begin, node) : floor;
      }
      case "zone": return edits.addZone(floor, this.span(from, to), this.rule);
      case "node": return edits.addNode(floor, ...this.snap(to)).floor;
      case "edge": {
        const begin = edits.addNode(floor, ...this.snap(from));
        const end = edits.addNode(begin.floor, ...this.snap(to));
        return begin.id === end.id ? floor : edits.addEdges(end.floor, begin.id, end.id, this.bothWays);
      }
      case "erase": return grid && a && b ? edits.clearNodes(floor, new Set(this.#cells(a, b).map((cell) => cellId(...cell)))) : node && !grid ? edits.removeNodes(floor, new Set([node])) : floor;
      default: return floor;
    }
  }

  #cells(a: Cell, b: Cell): Cell[] {
    return this.rectangle && this.grid ? edits.cellsBetween(this.grid, a, b) : edits.cellsAlong(a, b);
  }

  /** The two neighbours that are meant: two that were drawn between, or those whose common side is nearest. */
  #between(floor: FloorDocument, from: Point, to: Point, act: (a: Cell, b: Cell) => FloorDocument): FloorDocument {
    const grid = gridOf(floor);
    const [a, b] = [this.cellOf(from), this.cellOf(to)];
    if (!grid || !a || !b) return floor;
    if (Math.abs(a[0] - b[0]) + Math.abs(a[1] - b[1]) === 1) return act(a, b);
    if (a[0] !== b[0] || a[1] !== b[1]) return floor;
    const [mx, my] = middle(grid, a);
    const [dx, dy] = [to[0] - mx, to[1] - my];
    if (Math.hypot(dx, dy) < grid.cell_metres * 0.2) return floor;
    const other: Cell = Math.abs(dx) > Math.abs(dy) ? [a[0], a[1] + Math.sign(dx)] : [a[0] - Math.sign(dy), a[1]];
    return isOn(grid, other) ? act(a, other) : floor;
  }

  readonly hand: Hand = {
    down: (x, y) => {
      const point: Point = [x, y];
      this.cursor = this.snap(point);
      if (this.picking) { this.#pick(point); return true; }
      if (this.tool === "select" && this.area && edits.isIn(this.area, point) && (this.area.east - this.area.west > quickest || this.items.length > 0) && this.#isWide()) { this.#moving = { from: point, area: this.area, floor: this.floor }; return true; }
      this.anchor = point;
      this.#last = point;
      this.#stroke = this.floor;
      if (this.isBrush && !this.rectangle) this.floor = this.apply(point, point);
      return true;
    },
    move: (x, y) => {
      const point: Point = [x, y];
      this.cursor = this.snap(point);
      if (this.#moving) {
        const { from, area, floor } = this.#moving;
        const [dx, dy] = this.#whole(x - from[0], y - from[1]);
        this.floor = dx === 0 && dy === 0 ? floor : move(floor, area, dx, dy);
        this.area = { west: area.west + dx, south: area.south + dy, east: area.east + dx, north: area.north + dy };
      } else if (this.anchor && this.isBrush && !this.rectangle && this.#last) {
        this.floor = this.apply(this.#last, point);
        this.#last = point;
      } else if (this.anchor) this.#last = point;
    },
    up: () => {
      if (this.#moving) {
        const { floor, from } = this.#moving;
        this.#moving = null;
        const next = this.floor;
        this.floor = floor;
        // A press without a move selects what is there.
        if (next === floor) this.#select(from, from);
        else this.set(next);
        return;
      }
      const [anchor, last, before] = [this.anchor, this.#last, this.#stroke];
      this.anchor = null;
      this.#last = null;
      this.#stroke = null;
      if (!anchor || !last || !before) return;
      if (this.tool === "select") { this.#select(anchor, last); return; }
      const next = this.isBrush && !this.rectangle ? this.floor : this.apply(anchor, last);
      this.floor = before;
      this.#done(next, anchor, last);
    },
    press: (event) => this.#press(event),
  };

  #isWide(): boolean {
    const side = this.grid?.cell_metres ?? 0;
    return this.area !== null && (this.area.east - this.area.west > side * 1.5 || this.area.north - this.area.south > side * 1.5 || this.items.some((item) => item.kind !== "lane" && item.kind !== "zone"));
  }

  #whole(dx: number, dy: number): Point {
    const unit = this.grid?.cell_metres ?? this.step;
    return [Math.round(dx / unit) * unit, Math.round(dy / unit) * unit];
  }

  /** Takes what a tool did and selects what it made. */
  #done(next: FloorDocument, from: Point, to: Point): void {
    if (next === this.floor) {
      if (this.tool !== "erase") this.#select(to, to);
      return;
    }
    this.set(next);
    this.area = this.span(from, to);
    const kind: edits.ItemKind | null = this.tool === "aisle" || this.tool === "shelf" || this.tool === "erase" || this.tool === "select" ? null : this.tool;
    this.active = kind === null ? null : (this.items.filter((item) => item.kind === kind).at(-1) ?? null);
  }

  #select(from: Point, to: Point): void {
    this.area = this.span(from, to);
    const single = this.snap(from).join() === this.snap(to).join();
    if (!this.grid && single) { const [x, y] = this.snap(to); this.area = { west: x - 0.05, south: y - 0.05, east: x + 0.05, north: y + 0.05 }; }
    this.active = single ? (this.items[0] ?? null) : null;
  }

  /** Shows one thing of the floor. */
  show(item: edits.Item, at: Point): void {
    this.tool = "select";
    this.#select(at, at);
    this.cursor = this.snap(at);
    if (this.#exists(item)) this.active = item;
  }

  #pick(point: Point): void {
    const node = this.nodeAt(point);
    const station = this.floor.stations?.find((one) => this.active?.kind === "station" && one.id === this.active.id);
    if (!node || !station || !this.picking) return;
    const list = station[this.picking] ?? [];
    const next = list.includes(node) ? list.filter((one) => one !== node) : [...list, node];
    if (this.picking === "nodes" && next.length === 0) return;
    this.set(edits.change(this.floor, { kind: "station", id: station.id }, { [this.picking]: next }));
  }

  change(item: edits.Item, fields: Record<string, unknown>): void {
    const next = edits.change(this.floor, item, fields);
    if (next === this.floor) return;
    this.set(next);
    const id = fields["id"];
    if (this.active && item.id === this.active.id && typeof id === "string") this.active = { kind: item.kind, id };
  }

  remove(item: edits.Item): void {
    this.set(edits.remove(this.floor, item));
    this.active = null;
  }

  /** Empties what is selected. */
  clear(): void {
    if (this.area) this.set(clear(this.floor, this.area));
    this.active = null;
  }

  copy(): boolean {
    if (this.area) this.clip = copy(this.floor, this.area);
    return this.area !== null;
  }

  cut(): boolean {
    if (!this.copy()) return false;
    this.clear();
    return true;
  }

  /** Pastes with the top left corner at the cursor. */
  paste(): boolean {
    const clip = this.clip;
    if (!clip) return false;
    const half = this.grid ? this.grid.cell_metres / 2 : 0;
    const [west, south] = [this.cursor[0] - half, this.cursor[1] + half - clip.height];
    this.set(paste(this.floor, clip, west, south));
    this.area = { west, south, east: west + clip.width, north: south + clip.height };
    this.active = null;
    return true;
  }

  #press(event: KeyboardEvent): boolean {
    const by = ({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] } as Record<string, [number, number]>)[event.key];
    if (by && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const unit = this.grid?.cell_metres ?? this.step;
      const before = this.cursor;
      const moved: Point = [before[0] + by[0] * unit, before[1] + by[1] * unit];
      if (this.grid && !this.cellOf(moved)) return true;
      this.cursor = moved;
      if (event.shiftKey && this.tool === "select") {
        this.#last ??= before;
        this.area = this.span(this.#last, moved);
        this.active = null;
      } else this.#last = null;
      return true;
    }
    if (event.key === " " || event.key === "Enter") {
      this.#act();
      return true;
    }
    if (event.key === "Escape" && (this.anchor || this.area || this.picking)) {
      this.anchor = null;
      this.area = null;
      this.active = null;
      this.picking = null;
      return true;
    }
    if (event.key === "Delete" || event.key === "Backspace") {
      if (this.area) this.clear();
      return true;
    }
    return false;
  }

  /** The tool at the cursor, by keyboard: what goes from one place to another needs two presses. */
  #act(): void {
    if (this.picking) { this.#pick(this.cursor); return; }
    const isSpan = spans.includes(this.tool) || (this.isBrush && this.rectangle);
    if (this.tool === "select") { this.#select(this.cursor, this.cursor); return; }
    if (isSpan && this.anchor === null) { this.anchor = this.cursor; this.said = "anchor"; return; }
    const from = this.anchor ?? this.cursor;
    this.anchor = null;
    this.#done(this.apply(from, this.cursor), from, this.cursor);
  }

  /** What is under the cursor. */
  here(): { row: number; column: number; free: boolean; x: number; y: number; items: edits.Item[] } {
    const cell = this.cellOf(this.cursor);
    const half = this.grid ? this.grid.cell_metres * 0.49 : 0.05;
    const [x, y] = this.cursor;
    const items = edits.itemsIn(this.floor, { west: x - half, south: y - half, east: x + half, north: y + half }, 8);
    return { row: cell?.[0] ?? -1, column: cell?.[1] ?? -1, free: cell !== null && this.grid !== null && isFree(this.grid.rows[cell[0]]?.[cell[1]]), x, y, items };
  }

  /** The node that a cell's id means, for those who only know its name. */
  pointOf(node: string): Point | null {
    const cell = this.grid ? cellOf(node) : null;
    if (cell && this.grid) return isOn(this.grid, cell) ? middle(this.grid, cell) : null;
    const found = graphOf(this.floor)?.nodes.find((one) => one.id === node);
    return found ? [found.x, found.y] : null;
  }
}
