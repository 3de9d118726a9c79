// Copying, moving and pasting a part of a floor. Pure.
import {
  cellAt, cellId, cellOf, columnsOf, graphOf, gridOf, isOn, pointsOf, type Cell, type Charger, type Door, type FloorDocument, type GraphEdge, type GraphNode, type Lane, type Parking, type RobotStart, type Station, type Storage, type Wall, type Zone,
} from "../../floor/document.ts";
import { clearNodes, freeId, isIn, removeNodes, type Area } from "./edits.ts";

/** A part of a floor by itself: cells from its top left, or nodes from its south-west. */
export interface Clip {
  width: number; height: number; rows: string[]; nodes: GraphNode[]; edges: GraphEdge[]; lanes: Lane[]; walls: Wall[];
  stations: Station[]; storages: Storage[]; chargers: Charger[]; parkings: Parking[]; robots: RobotStart[]; doors: Door[]; zones: Zone[];
}

/** The cells of an area of a grid: the first and the last. */
export function cornersOf(floor: FloorDocument, area: Area): [Cell, Cell] | null {
  const grid = gridOf(floor);
  if (!grid) return null;
  const nudge = grid.cell_metres * 0.01;
  const [top, left] = cellAt(grid, area.west + nudge, area.north - nudge);
  const [bottom, right] = cellAt(grid, area.east - nudge, area.south + nudge);
  const [lastRow, lastColumn] = [grid.rows.length - 1, columnsOf(grid) - 1];
  if (bottom < 0 || right < 0 || top > lastRow || left > lastColumn) return null;
  return [[Math.max(0, top), Math.max(0, left)], [Math.min(lastRow, bottom), Math.min(lastColumn, right)]];
}

export function copy(floor: FloorDocument, area: Area): Clip {
  const grid = gridOf(floor);
  const at = pointsOf(floor);
  const isHere = (node: string) => { const point = at(node); return point !== null && isIn(area, point); };
  const corners = cornersOf(floor, area);
  const [[top, left], [bottom, right]] = corners ?? [[0, 0], [-1, -1]];
  const to = ([row, column]: Cell): Cell => [row - top, column - left];
  const name = (node: string) => { const cell = grid ? cellOf(node) : null; return cell ? cellId(...to(cell)) : node; };
  const within = ([row, column]: Cell) => row >= top && row <= bottom && column >= left && column <= right;
  const nodes = (graphOf(floor)?.nodes ?? []).filter((node) => isIn(area, [node.x, node.y]));
  const known = new Set(nodes.map((node) => node.id));
  const some = <One extends { node: string }>(list: One[] | undefined): One[] => (list ?? []).filter((one) => isHere(one.node)).map((one) => ({ ...one, node: name(one.node) }));
  const zoneIn = (zone: Zone) => isIn(area, [zone.from.x, zone.from.y]) && isIn(area, [zone.to.x, zone.to.y]);
  const shift = ({ x, y }: { x: number; y: number }) => ({ x: x - area.west, y: y - area.south });
  return {
    width: area.east - area.west, height: area.north - area.south,
    rows: grid && corners ? grid.rows.slice(top, bottom + 1).map((row) => row.slice(left, right + 1)) : [],
    nodes: nodes.map((node) => ({ ...node, ...shift(node) })), edges: (graphOf(floor)?.edges ?? []).filter((edge) => known.has(edge.from) && known.has(edge.to)),
    lanes: (grid?.lanes ?? []).filter((lane) => within(lane.from) && within(lane.to)).map((lane) => ({ ...lane, from: to(lane.from), to: to(lane.to) })),
    walls: (grid?.walls ?? []).filter((wall) => within(wall.a) && within(wall.b)).map((wall) => ({ a: to(wall.a), b: to(wall.b) })),
    stations: (floor.stations ?? []).filter((station) => station.nodes.every(isHere)).map((station) => ({ ...station, nodes: station.nodes.map(name), queue: (station.queue ?? []).filter(isHere).map(name) })),
    storages: some(floor.storages), chargers: some(floor.chargers), parkings: some(floor.parkings), robots: some(floor.robots),
    doors: (floor.doors ?? []).filter((door) => isHere(door.a) && isHere(door.b)).map((door) => ({ ...door, a: name(door.a), b: name(door.b) })),
    zones: (floor.zones ?? []).filter(zoneIn).map((zone) => ({ ...zone, from: shift(zone.from), to: shift(zone.to) })),
  };
}

/** Empties an area: cells become aisles, nodes go, and with them all that stands there. */
export function clear(floor: FloorDocument, area: Area): FloorDocument {
  const zones = (floor.zones ?? []).filter((zone) => !(isIn(area, [zone.from.x, zone.from.y]) && isIn(area, [zone.to.x, zone.to.y])));
  const rest = zones.length === (floor.zones ?? []).length ? floor : { ...floor, zones };
  const graph = graphOf(rest);
  if (graph) return removeNodes(rest, new Set(graph.nodes.filter((node) => isIn(area, [node.x, node.y])).map((node) => node.id)));
  const grid = gridOf(rest);
  const corners = cornersOf(rest, area);
  if (!grid || !corners) return rest;
  const [[top, left], [bottom, right]] = corners;
  const within = ([row, column]: Cell) => row >= top && row <= bottom && column >= left && column <= right;
  const nodes = new Set<string>();
  for (let row = top; row <= bottom; row += 1) for (let column = left; column <= right; column += 1) nodes.add(cellId(row, column));
  const rows = grid.rows.map((row, index) => (index < top || index > bottom ? row : row.slice(0, left) + ".".repeat(right - left + 1) + row.slice(right + 1)));
  const kept = clearNodes(rest, nodes);
  return { ...kept, ground: { grid: { ...grid, rows, lanes: (grid.lanes ?? []).filter((lane) => !(within(lane.from) && within(lane.to))), walls: (grid.walls ?? []).filter((wall) => !(within(wall.a) && within(wall.b))) } } };
}

/** Puts a clip down with its south-west corner at a point. Ids that are taken are made anew; what would lie outside a grid is left out. */
export function paste(floor: FloorDocument, clip: Clip, west: number, south: number): FloorDocument {
  const grid = gridOf(floor);
  let next = floor;
  let name: (node: string) => string | null;
  if (grid) {
    const side = grid.cell_metres;
    const left = Math.round((west - (grid.lower_left?.x ?? 0)) / side);
    const top = grid.rows.length - Math.round((south - (grid.lower_left?.y ?? 0)) / side) - clip.rows.length;
    const to = ([row, column]: Cell): Cell => [row + top, column + left];
    const isThere = (cell: Cell) => isOn(grid, to(cell));
    name = (node) => { const cell = cellOf(node); return cell && isThere(cell) ? cellId(...to(cell)) : null; };
    const covered = new Set<string>();
    const rows = grid.rows.map((row, index) => {
      const given = clip.rows[index - top];
      if (given === undefined) return row;
      const cut = given.slice(Math.max(0, -left), Math.max(0, row.length - left));
      const begin = Math.max(0, left);
      for (let column = begin; column < begin + cut.length; column += 1) covered.add(cellId(index, column));
      return row.slice(0, begin) + cut + row.slice(begin + cut.length);
    });
    const lanes = clip.lanes.filter((lane) => isThere(lane.from) && isThere(lane.to)).map((lane) => ({ ...lane, from: to(lane.from), to: to(lane.to) }));
    const walls = clip.walls.filter((wall) => isThere(wall.a) && isThere(wall.b)).map((wall) => ({ a: to(wall.a), b: to(wall.b) }));
    next = { ...clearNodes(floor, covered), ground: { grid: { ...grid, rows, lanes: [...(grid.lanes ?? []), ...lanes], walls: [...(grid.walls ?? []), ...walls] } } };
  } else {
    const graph = graphOf(floor) ?? { nodes: [], edges: [] };
    const nodeIds = new Set(graph.nodes.map((node) => node.id));
    const names = new Map(clip.nodes.map((node) => { const id = nodeIds.has(node.id) ? freeId(nodeIds, "n") : node.id; nodeIds.add(id); return [node.id, id] as const; }));
    name = (node) => names.get(node) ?? null;
    const edgeIds = new Set(graph.edges.map((edge) => edge.id));
    const edges = clip.edges.map((edge) => { const id = edgeIds.has(edge.id) ? freeId(edgeIds, "e") : edge.id; edgeIds.add(id); return { ...edge, id, from: names.get(edge.from) ?? edge.from, to: names.get(edge.to) ?? edge.to }; });
    next = { ...floor, ground: { graph: { nodes: [...graph.nodes, ...clip.nodes.map((node) => ({ ...node, id: names.get(node.id) ?? node.id, x: node.x + west, y: node.y + south }))], edges: [...graph.edges, ...edges] } } };
  }
  const add = <One extends { id: string }>(there: One[] | undefined, given: One[], kind: string, moved: (one: One) => One | null): One[] => {
    const ids = new Set((there ?? []).map((one) => one.id));
    const made = given.flatMap((one) => { const to = moved(one); if (!to) return []; const id = ids.has(one.id) ? freeId(ids, kind) : one.id; ids.add(id); return [{ ...to, id }]; });
    return made.length === 0 ? (there ?? []) : [...(there ?? []), ...made];
  };
  const onNode = <One extends { node: string }>(one: One): One | null => { const node = name(one.node); return node === null ? null : { ...one, node }; };
  return {
    ...next,
    stations: add(next.stations, clip.stations, "station", (one) => { const nodes = one.nodes.flatMap((node) => name(node) ?? []); return nodes.length === 0 ? null : { ...one, nodes, queue: (one.queue ?? []).flatMap((node) => name(node) ?? []) }; }),
    storages: add(next.storages, clip.storages, "storage", onNode), chargers: add(next.chargers, clip.chargers, "charger", onNode), parkings: add(next.parkings, clip.parkings, "parking", onNode), robots: add(next.robots, clip.robots, "robot", onNode),
    doors: add(next.doors, clip.doors, "door", (one) => { const [a, b] = [name(one.a), name(one.b)]; return a === null || b === null ? null : { ...one, a, b }; }),
    zones: add(next.zones, clip.zones, "zone", (one) => ({ ...one, from: { x: one.from.x + west, y: one.from.y + south }, to: { x: one.to.x + west, y: one.to.y + south } })),
  };
}

/** Takes an area away and puts it down elsewhere; in a graph the ways to the rest come along. */
export function move(floor: FloorDocument, area: Area, dx: number, dy: number): FloorDocument {
  const graph = graphOf(floor);
  if (!graph) return paste(clear(floor, area), copy(floor, area), area.west + dx, area.south + dy);
  const zones = floor.zones?.map((zone) => (isIn(area, [zone.from.x, zone.from.y]) && isIn(area, [zone.to.x, zone.to.y]) ? { ...zone, from: { x: zone.from.x + dx, y: zone.from.y + dy }, to: { x: zone.to.x + dx, y: zone.to.y + dy } } : zone));
  return { ...floor, ...(zones ? { zones } : {}), ground: { graph: { ...graph, nodes: graph.nodes.map((node) => (isIn(area, [node.x, node.y]) ? { ...node, x: node.x + dx, y: node.y + dy } : node)) } } };
}
