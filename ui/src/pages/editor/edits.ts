// Changes of a floor: each takes a floor and answers with another, which shares all that stayed the same. Pure.
import {
  cellId, cellOf, columnsOf, graphOf, gridOf, isFree, isOn, pointsOf, type Cell, type Direction, type Door, type FloorDocument, type GraphEdge, type GraphGround, type GraphNode, type GridGround, type Zone,
} from "../../floor/document.ts";

export type PlaceKind = "station" | "storage" | "charger" | "parking";
export type ItemKind = PlaceKind | "door" | "zone" | "lane" | "wall" | "node" | "edge" | "robot";
export interface Area { west: number; south: number; east: number; north: number }
/** Something on a floor: what it is, and its id; lanes and walls have their number instead. */
export interface Item { kind: ItemKind; id: string }

const lists = { station: "stations", storage: "storages", charger: "chargers", parking: "parkings", door: "doors", zone: "zones", robot: "robots" } as const;

export const areaOf = (ax: number, ay: number, bx: number, by: number): Area => ({ west: Math.min(ax, bx), south: Math.min(ay, by), east: Math.max(ax, bx), north: Math.max(ay, by) });
export const isIn = (area: Area, [x, y]: readonly [number, number]): boolean => x >= area.west && x <= area.east && y >= area.south && y <= area.north;

export function newGrid(name: string, rows: number, columns: number, cell_metres = 1): FloorDocument {
  return { version: 1, name, ground: { grid: { cell_metres, rows: Array.from({ length: rows }, () => ".".repeat(columns)) } } };
}

export function newGraph(name: string): FloorDocument {
  return { version: 1, name, ground: { graph: { nodes: [], edges: [] } } };
}

export const withGrid = (floor: FloorDocument, change: Partial<GridGround>): FloorDocument => { const grid = gridOf(floor); return grid ? { ...floor, ground: { grid: { ...grid, ...change } } } : floor; };
const withGraph = (floor: FloorDocument, change: Partial<GraphGround>): FloorDocument => { const graph = graphOf(floor); return graph ? { ...floor, ground: { graph: { ...graph, ...change } } } : floor; };

/** Cells of a rectangle, both corners included, as far as they are on the floor. */
export function cellsBetween(grid: GridGround, a: Cell, b: Cell): Cell[] {
  const cells: Cell[] = [];
  for (let row = Math.max(0, Math.min(a[0], b[0])); row <= Math.min(grid.rows.length - 1, Math.max(a[0], b[0])); row += 1)
    for (let column = Math.max(0, Math.min(a[1], b[1])); column <= Math.min(columnsOf(grid) - 1, Math.max(a[1], b[1])); column += 1) cells.push([row, column]);
  return cells;
}

/** Cells from one to another, so that a fast pointer leaves no gaps. */
export function cellsAlong(a: Cell, b: Cell): Cell[] {
  const steps = Math.max(Math.abs(a[0] - b[0]), Math.abs(a[1] - b[1]));
  return Array.from({ length: steps + 1 }, (_, step) => (steps === 0 ? a : ([Math.round(a[0] + ((b[0] - a[0]) * step) / steps), Math.round(a[1] + ((b[1] - a[1]) * step) / steps)] as const)));
}

function setCells(grid: GridGround, cells: readonly Cell[], character: string): GridGround {
  const rows = [...grid.rows];
  const byRow = new Map<number, Set<number>>();
  for (const cell of cells) if (isOn(grid, cell) && rows[cell[0]]?.[cell[1]] !== character) byRow.set(cell[0], (byRow.get(cell[0]) ?? new Set()).add(cell[1]));
  if (byRow.size === 0) return grid;
  for (const [row, columns] of byRow) rows[row] = [...(rows[row] ?? "")].map((old, column) => (columns.has(column) ? character : old)).join("");
  return { ...grid, rows };
}

/** Makes cells an aisle or closes them; what stood on a closed cell goes with it. */
export function paint(floor: FloorDocument, cells: readonly Cell[], open: boolean): FloorDocument {
  const grid = gridOf(floor);
  if (!grid) return floor;
  // An aisle that already means something to the League keeps its meaning.
  const wanted = open ? cells.filter(([row, column]) => !isFree(grid.rows[row]?.[column])) : cells;
  const next = setCells(grid, wanted, open ? "." : "@");
  const changed = next === grid ? floor : { ...floor, ground: { grid: next } };
  return open ? changed : clearNodes(changed, new Set(cells.map(([row, column]) => cellId(row, column))));
}

const used = (floor: FloorDocument, kind: keyof typeof lists): Set<string> => new Set((floor[lists[kind]] ?? []).map((one) => one.id));

/** The next id of a kind that is not used: "storage-7". */
export function freeId(ids: Set<string>, kind: string): string {
  for (let number = ids.size + 1; ; number += 1) if (!ids.has(`${kind}-${number}`)) return `${kind}-${number}`;
}

/** Puts a place on each of the nodes that has none of its kind; closed cells are opened for it. */
export function addPlaces(floor: FloorDocument, kind: PlaceKind, nodes: readonly string[]): FloorDocument {
  const taken = new Set(kind === "station" ? (floor.stations ?? []).flatMap((station) => station.nodes) : (floor[lists[kind]] as { node: string }[] | undefined ?? []).map((one) => one.node));
  const fresh = nodes.filter((node) => !taken.has(node));
  if (fresh.length === 0) return floor;
  const ids = used(floor, kind);
  const made = fresh.map((node) => {
    const id = freeId(ids, kind);
    ids.add(id);
    return kind === "station" ? { id, nodes: [node], service_seconds: 10 } : { id, node };
  });
  const cells = fresh.map(cellOf).filter((cell) => cell !== null);
  return { ...paint(floor, cells, true), [lists[kind]]: [...(floor[lists[kind]] ?? []), ...made] };
}

/** Takes every place off these nodes. */
export function clearNodes(floor: FloorDocument, nodes: Set<string>): FloorDocument {
  const off = <One extends { node: string }>(list: One[] | undefined) => (list?.some((one) => nodes.has(one.node)) ? list.filter((one) => !nodes.has(one.node)) : list);
  const stations = floor.stations?.some((station) => [...station.nodes, ...(station.queue ?? [])].some((node) => nodes.has(node)))
    ? floor.stations.map((station) => ({ ...station, nodes: station.nodes.filter((node) => !nodes.has(node)), queue: (station.queue ?? []).filter((node) => !nodes.has(node)) })).filter((station) => station.nodes.length > 0)
    : floor.stations;
  const doors = floor.doors?.some((door) => nodes.has(door.a) || nodes.has(door.b)) ? floor.doors.filter((door) => !nodes.has(door.a) && !nodes.has(door.b)) : floor.doors;
  return tidy({ ...floor, stations, doors, storages: off(floor.storages), chargers: off(floor.chargers), parkings: off(floor.parkings), robots: off(floor.robots) } as FloorDocument);
}

/** Without the lists that are absent, so that a floor reads as it was written. */
function tidy(floor: FloorDocument): FloorDocument {
  return Object.fromEntries(Object.entries(floor).filter(([, value]) => value !== undefined)) as unknown as FloorDocument;
}

/** A lane over a rectangle of cells; lanes that it covers wholly are replaced. */
export function addLane(floor: FloorDocument, a: Cell, b: Cell, direction: Direction): FloorDocument {
  const grid = gridOf(floor);
  if (!grid) return floor;
  const [top, bottom, left, right] = [Math.min(a[0], b[0]), Math.max(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[1], b[1])];
  const covered = ({ from, to }: { from: Cell; to: Cell }) => Math.min(from[0], to[0]) >= top && Math.max(from[0], to[0]) <= bottom && Math.min(from[1], to[1]) >= left && Math.max(from[1], to[1]) <= right;
  return withGrid(floor, { lanes: [...(grid.lanes ?? []).filter((lane) => !covered(lane)), { from: [top, left], to: [bottom, right], direction }] });
}

/** The direction that a hand was drawn in. */
export function directionOf(a: Cell, b: Cell, otherwise: Direction): Direction {
  const [down, right] = [b[0] - a[0], b[1] - a[1]];
  if (down === 0 && right === 0) return otherwise;
  return Math.abs(right) >= Math.abs(down) ? (right > 0 ? "east" : "west") : down > 0 ? "south" : "north";
}

const sameSides = (wall: { a: Cell; b: Cell }, a: Cell, b: Cell) => (String(wall.a) === String(a) && String(wall.b) === String(b)) || (String(wall.a) === String(b) && String(wall.b) === String(a));

/** A wall between two neighbours, or none where there was one. */
export function toggleWall(floor: FloorDocument, a: Cell, b: Cell): FloorDocument {
  const grid = gridOf(floor);
  if (!grid || !isOn(grid, a) || !isOn(grid, b)) return floor;
  const rest = (grid.walls ?? []).filter((wall) => !sameSides(wall, a, b));
  return withGrid(floor, { walls: rest.length < (grid.walls ?? []).length ? rest : [...rest, { a, b }] });
}

export function addDoor(floor: FloorDocument, a: string, b: string): FloorDocument {
  const is = (door: Door) => (door.a === a && door.b === b) || (door.a === b && door.b === a);
  if (a === b || floor.doors?.some(is)) return floor;
  return { ...floor, doors: [...(floor.doors ?? []), { id: freeId(used(floor, "door"), "door"), a, b, opening_seconds: 3 }] };
}

export function addZone(floor: FloorDocument, area: Area, rule: Zone["rule"]): FloorDocument {
  return { ...floor, zones: [...(floor.zones ?? []), { id: freeId(used(floor, "zone"), "zone"), from: { x: area.west, y: area.south }, to: { x: area.east, y: area.north }, rule }] };
}

export function addNode(floor: FloorDocument, x: number, y: number): { floor: FloorDocument; id: string } {
  const graph = graphOf(floor);
  if (!graph) return { floor, id: "" };
  const there = graph.nodes.find((node) => Math.hypot(node.x - x, node.y - y) < 0.05);
  if (there) return { floor, id: there.id };
  const id = freeId(new Set(graph.nodes.map((node) => node.id)), "n");
  return { floor: withGraph(floor, { nodes: [...graph.nodes, { id, x, y }] }), id };
}

/** Ways between two nodes that were not there yet. */
export function addEdges(floor: FloorDocument, from: string, to: string, bothWays: boolean): FloorDocument {
  const graph = graphOf(floor);
  if (!graph || from === to) return floor;
  const ids = new Set(graph.edges.map((edge) => edge.id));
  const made: GraphEdge[] = [];
  for (const [a, b] of bothWays ? [[from, to], [to, from]] as const : [[from, to]] as const) {
    if (graph.edges.some((edge) => edge.from === a && edge.to === b)) continue;
    const id = freeId(ids, "e");
    ids.add(id);
    made.push({ id, from: a, to: b });
  }
  return made.length === 0 ? floor : withGraph(floor, { edges: [...graph.edges, ...made] });
}

export function removeNodes(floor: FloorDocument, nodes: Set<string>): FloorDocument {
  const graph = graphOf(floor);
  if (!graph) return floor;
  return withGraph(clearNodes(floor, nodes), { nodes: graph.nodes.filter((node) => !nodes.has(node.id)), edges: graph.edges.filter((edge) => !nodes.has(edge.from) && !nodes.has(edge.to)) });
}

/** Changes one thing; its new id must be free, or the old one stays. */
export function change(floor: FloorDocument, item: Item, fields: Record<string, unknown>): FloorDocument {
  const grid = gridOf(floor);
  const graph = graphOf(floor);
  const merged = <One>(one: One): One => tidy({ ...one, ...fields } as unknown as FloorDocument) as unknown as One;
  if (item.kind === "lane" && grid) return withGrid(floor, { lanes: (grid.lanes ?? []).map((lane, index) => (String(index) === item.id ? merged(lane) : lane)) });
  if (item.kind === "node" && graph) {
    const id = fields["id"] as string | undefined;
    const isTaken = id !== undefined && id !== item.id && graph.nodes.some((node) => node.id === id);
    const next = withGraph(floor, { nodes: graph.nodes.map((node) => (node.id === item.id ? { ...merged(node), ...(isTaken ? { id: item.id } : {}) } : node)) });
    return id === undefined || isTaken || id === item.id ? next : renamed(next, new Map([[item.id, id]]));
  }
  if (item.kind === "edge" && graph) return withGraph(floor, { edges: graph.edges.map((edge) => (edge.id === item.id ? merged(edge) : edge)) });
  if (!(item.kind in lists)) return floor;
  const name = lists[item.kind as keyof typeof lists];
  const list = (floor[name] ?? []) as { id: string }[];
  const id = fields["id"] as string | undefined;
  if (id !== undefined && (id.trim() === "" || (id !== item.id && list.some((one) => one.id === id)))) return floor;
  return { ...floor, [name]: list.map((one) => (one.id === item.id ? merged(one) : one)) };
}

export function remove(floor: FloorDocument, item: Item): FloorDocument {
  const grid = gridOf(floor);
  const graph = graphOf(floor);
  if (item.kind === "lane") return withGrid(floor, { lanes: (grid?.lanes ?? []).filter((_, index) => String(index) !== item.id) });
  if (item.kind === "wall") return withGrid(floor, { walls: (grid?.walls ?? []).filter((_, index) => String(index) !== item.id) });
  if (item.kind === "node") return removeNodes(floor, new Set([item.id]));
  if (item.kind === "edge") return withGraph(floor, { edges: (graph?.edges ?? []).filter((edge) => edge.id !== item.id) });
  const name = lists[item.kind];
  return { ...floor, [name]: ((floor[name] ?? []) as { id: string }[]).filter((one) => one.id !== item.id) };
}

/** The same floor with nodes called otherwise; what stands on a node without a new name keeps its old one. */
function renamed(floor: FloorDocument, names: ReadonlyMap<string, string>): FloorDocument {
  const to = (node: string) => names.get(node) ?? node;
  const moved = <One extends { node: string }>(list: One[] | undefined) => list?.map((one) => ({ ...one, node: to(one.node) }));
  const graph = graphOf(floor);
  return tidy({
    ...floor, ...(graph ? { ground: { graph: { ...graph, edges: graph.edges.map((edge) => ({ ...edge, from: to(edge.from), to: to(edge.to) })) } } } : {}),
    stations: floor.stations?.map((station) => ({ ...station, nodes: station.nodes.map(to), ...(station.queue ? { queue: station.queue.map(to) } : {}) })),
    storages: moved(floor.storages), chargers: moved(floor.chargers), parkings: moved(floor.parkings), robots: moved(floor.robots), doors: floor.doors?.map((door) => ({ ...door, a: to(door.a), b: to(door.b) })),
  } as FloorDocument);
}

/** Rows and columns more on each side, or fewer where a number is negative. What stands on the floor stays where it is in metres. */
export function resize(floor: FloorDocument, top: number, right: number, bottom: number, left: number): FloorDocument {
  const grid = gridOf(floor);
  if (!grid) return floor;
  const [height, width] = [grid.rows.length + top + bottom, columnsOf(grid) + left + right];
  if (height < 1 || width < 1) return floor;
  const to = ([row, column]: Cell): Cell => [row + top, column + left];
  const isInside = (cell: Cell) => cell[0] >= 0 && cell[1] >= 0 && cell[0] < height && cell[1] < width;
  const wide = grid.rows.map((row) => ".".repeat(Math.max(0, left)) + row.slice(Math.max(0, -left), row.length - Math.max(0, -right)) + ".".repeat(Math.max(0, right)));
  const blank = (count: number) => Array.from({ length: Math.max(0, count) }, () => ".".repeat(width));
  const rows = [...blank(top), ...wide.slice(Math.max(0, -top), wide.length - Math.max(0, -bottom)), ...blank(bottom)];
  const names = new Map<string, string>();
  const lost = new Set<string>();
  for (const node of nodesOf(floor)) {
    const cell = cellOf(node);
    if (!cell) continue;
    if (isInside(to(cell))) names.set(node, cellId(...to(cell)));
    else lost.add(node);
  }
  const clip = ([row, column]: Cell): Cell => [Math.min(height - 1, Math.max(0, row)), Math.min(width - 1, Math.max(0, column))];
  const kept = renamed(clearNodes(floor, lost), names);
  const lanes = (grid.lanes ?? []).map((lane) => ({ ...lane, from: to(lane.from), to: to(lane.to) })).filter((lane) => Math.max(lane.from[0], lane.to[0]) >= 0 && Math.max(lane.from[1], lane.to[1]) >= 0 && Math.min(lane.from[0], lane.to[0]) < height && Math.min(lane.from[1], lane.to[1]) < width).map((lane) => ({ ...lane, from: clip(lane.from), to: clip(lane.to) }));
  const walls = (grid.walls ?? []).map((wall) => ({ a: to(wall.a), b: to(wall.b) })).filter((wall) => isInside(wall.a) && isInside(wall.b));
  const corner = grid.lower_left ?? { x: 0, y: 0 };
  return { ...kept, ground: { grid: { ...grid, rows, lanes, walls, lower_left: { x: corner.x - left * grid.cell_metres, y: corner.y - bottom * grid.cell_metres } } } };
}

/** Every node that something stands on or ends at. */
export function nodesOf(floor: FloorDocument): Set<string> {
  const nodes = new Set<string>();
  for (const station of floor.stations ?? []) for (const node of [...station.nodes, ...(station.queue ?? [])]) nodes.add(node);
  for (const list of [floor.storages, floor.chargers, floor.parkings, floor.robots]) for (const one of list ?? []) nodes.add(one.node);
  for (const door of floor.doors ?? []) { nodes.add(door.a); nodes.add(door.b); }
  return nodes;
}

/** Everything that lies in an area or touches it, places first. */
export function itemsIn(floor: FloorDocument, area: Area, most = 60): Item[] {
  const at = pointsOf(floor);
  const found: Item[] = [];
  const isHere = (node: string) => { const point = at(node); return point !== null && isIn(area, point); };
  const add = (kind: ItemKind, id: string) => { if (found.length < most) found.push({ kind, id }); };
  for (const station of floor.stations ?? []) if ([...station.nodes, ...(station.queue ?? [])].some(isHere)) add("station", station.id);
  for (const kind of ["charger", "parking", "storage", "robot"] as const) for (const one of floor[lists[kind]] ?? []) if (isHere(one.node)) add(kind, one.id);
  for (const door of floor.doors ?? []) if (isHere(door.a) || isHere(door.b)) add("door", door.id);
  const grid = gridOf(floor);
  if (grid) {
    const [top, left] = [grid.rows.length - Math.round((area.north - (grid.lower_left?.y ?? 0)) / grid.cell_metres), Math.round((area.west - (grid.lower_left?.x ?? 0)) / grid.cell_metres)];
    const [bottom, right] = [grid.rows.length - Math.round((area.south - (grid.lower_left?.y ?? 0)) / grid.cell_metres) - 1, Math.round((area.east - (grid.lower_left?.x ?? 0)) / grid.cell_metres) - 1];
    const meets = (a: Cell, b: Cell) => Math.min(a[0], b[0]) <= bottom && Math.max(a[0], b[0]) >= top && Math.min(a[1], b[1]) <= right && Math.max(a[1], b[1]) >= left;
    for (const [index, lane] of (grid.lanes ?? []).entries()) if (meets(lane.from, lane.to)) add("lane", String(index));
    for (const [index, wall] of (grid.walls ?? []).entries()) if (meets(wall.a, wall.a) || meets(wall.b, wall.b)) add("wall", String(index));
  }
  const graph = graphOf(floor);
  if (graph) {
    const here = new Set(graph.nodes.filter((node) => isIn(area, [node.x, node.y])).map((node) => node.id));
    for (const id of here) add("node", id);
    for (const edge of graph.edges) if (here.has(edge.from) || here.has(edge.to)) add("edge", edge.id);
  }
  for (const zone of floor.zones ?? []) if (Math.min(zone.from.x, zone.to.x) < area.east && Math.max(zone.from.x, zone.to.x) > area.west && Math.min(zone.from.y, zone.to.y) < area.north && Math.max(zone.from.y, zone.to.y) > area.south) add("zone", zone.id);
  return found;
}

/** The nearest node of a graph that is not further than this. */
export function nodeNear(floor: FloorDocument, x: number, y: number, within: number): GraphNode | null {
  let best: GraphNode | null = null;
  let nearest = within;
  for (const node of graphOf(floor)?.nodes ?? []) {
    const distance = Math.hypot(node.x - x, node.y - y);
    if (distance <= nearest) { nearest = distance; best = node; }
  }
  return best;
}
