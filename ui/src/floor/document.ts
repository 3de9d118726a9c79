// A floor as it is kept, imported and exported, and the small questions everybody has about one. Pure.
import type { Drawing, Point as At } from "./drawing.ts";

export interface Point { x: number; y: number }
/** A row and a column, from the top left. */
export type Cell = readonly [row: number, column: number];
export const directions = ["east", "south", "west", "north"] as const;
export type Direction = (typeof directions)[number];
export interface Lane { from: Cell; to: Cell; direction: Direction }
export interface Wall { a: Cell; b: Cell }
export interface GridGround { cell_metres: number; lower_left?: Point; rows: string[]; speed_limit?: number | null; lanes?: Lane[]; walls?: Wall[] }
export interface GraphNode { id: string; x: number; y: number; theta?: number | null }
export interface GraphEdge { id: string; from: string; to: string; speed_limit?: number | null; width?: number | null; orientation?: number | null }
export interface GraphGround { nodes: GraphNode[]; edges: GraphEdge[] }
export const stationKinds = ["picking", "production", "induction", "delivery"] as const;
export type StationKind = (typeof stationKinds)[number];
export interface Station { id: string; name?: string; kind?: StationKind; nodes: string[]; service_seconds?: number; service_deviation_seconds?: number; buffer?: number; queue?: string[] }
export interface Storage { id: string; node: string; capacity?: number }
export interface Charger { id: string; node: string; percent_per_hour?: number }
export interface Parking { id: string; node: string }
export interface Door { id: string; a: string; b: string; opening_seconds?: number }
export type ZoneRule = { speed_limit: number } | "closed";
export interface Zone { id: string; from: Point; to: Point; rule: ZoneRule }
export interface RobotStart { id: string; node: string; theta?: number }
export interface FloorDocument {
  version: number; name: string; map?: string; map_version?: string; ground: { grid: GridGround } | { graph: GraphGround };
  stations?: Station[]; storages?: Storage[]; chargers?: Charger[]; parkings?: Parking[]; doors?: Door[]; zones?: Zone[]; robots?: RobotStart[];
}
export type FloorSource = { drawn: FloorDocument } | Record<string, unknown>;

export const isFree = (character: string | undefined): boolean => character === "." || character === "E" || character === "S" || character === "G";
export const gridOf = (floor: FloorDocument): GridGround | null => ("grid" in floor.ground ? floor.ground.grid : null);
export const graphOf = (floor: FloorDocument): GraphGround | null => ("graph" in floor.ground ? floor.ground.graph : null);
export const columnsOf = (grid: GridGround): number => grid.rows[0]?.length ?? 0;
export const cellId = (row: number, column: number): string => `r${row}c${column}`;

export function cellOf(id: string): Cell | null {
  const found = /^r(\d+)c(\d+)$/.exec(id);
  return found ? [Number(found[1]), Number(found[2])] : null;
}

export const isOn = (grid: GridGround, [row, column]: Cell): boolean => row >= 0 && column >= 0 && row < grid.rows.length && column < columnsOf(grid);

/** The middle of a cell in metres. */
export function middle(grid: GridGround, [row, column]: Cell): At {
  return [(grid.lower_left?.x ?? 0) + (column + 0.5) * grid.cell_metres, (grid.lower_left?.y ?? 0) + (grid.rows.length - row - 0.5) * grid.cell_metres];
}

/** The cell at a point; it may lie outside the floor. */
export function cellAt(grid: GridGround, x: number, y: number): Cell {
  return [grid.rows.length - 1 - Math.floor((y - (grid.lower_left?.y ?? 0)) / grid.cell_metres), Math.floor((x - (grid.lower_left?.x ?? 0)) / grid.cell_metres)];
}

/** Where a node of the floor lies. */
export function pointsOf(floor: FloorDocument): (node: string) => At | null {
  const grid = gridOf(floor);
  if (grid) return (node) => { const cell = cellOf(node); return cell && isOn(grid, cell) ? middle(grid, cell) : null; };
  const nodes = new Map((graphOf(floor)?.nodes ?? []).map((node) => [node.id, [node.x, node.y] as At]));
  return (node) => nodes.get(node) ?? null;
}

/** The same picture that the server draws of a floor, without its warnings; what is misplaced is left out. */
export function drawingOf(floor: FloorDocument): Drawing {
  const at = pointsOf(floor);
  const all = (nodes: string[] | undefined) => (nodes ?? []).flatMap((node) => { const point = at(node); return point ? [point] : []; });
  const places = (list: { id: string; node: string }[] | undefined) => (list ?? []).flatMap((one) => { const point = at(one.node); return point ? [{ id: one.id, at: point }] : []; });
  const stations = (floor.stations ?? []).map((station) => ({ id: station.id, kind: station.kind ?? "picking", at: all(station.nodes), queue: all(station.queue) }));
  const common = { stations, storages: places(floor.storages), chargers: places(floor.chargers), parkings: places(floor.parkings), warnings: [], floor };
  const grid = gridOf(floor);
  if (grid) {
    const [west, south, side] = [grid.lower_left?.x ?? 0, grid.lower_left?.y ?? 0, grid.cell_metres];
    let free = 0;
    for (const row of grid.rows) for (let column = 0; column < row.length; column += 1) if (isFree(row[column])) free += 1;
    return { ...common, bounds: [west, south, west + columnsOf(grid) * side, south + grid.rows.length * side], cell_metres: side, columns: columnsOf(grid), rows: grid.rows, places: free, ways: [] };
  }
  const graph = graphOf(floor) ?? { nodes: [], edges: [] };
  const bounds = graph.nodes.reduce(([w, s, e, n], node) => [Math.min(w, node.x - 1), Math.min(s, node.y - 1), Math.max(e, node.x + 1), Math.max(n, node.y + 1)] as Drawing["bounds"], [Infinity, Infinity, -Infinity, -Infinity] as Drawing["bounds"]);
  const ways = graph.edges.flatMap((edge) => { const [a, b] = [at(edge.from), at(edge.to)]; return a && b ? [[a[0], a[1], b[0], b[1]] as [number, number, number, number]] : []; });
  return { ...common, bounds: Number.isFinite(bounds[0]) ? bounds : [0, 0, 20, 12], cell_metres: 1, columns: 0, rows: [], places: graph.nodes.length, ways };
}
