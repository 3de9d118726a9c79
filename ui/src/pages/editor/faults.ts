// Where on a floor its faults are. Pure.
import { gridOf, middle, pointsOf, type FloorDocument } from "../../floor/document.ts";
import type { Point } from "../../floor/drawing.ts";
import type { Item, ItemKind } from "./edits.ts";

export interface Fault { severity: "error" | "warning"; place: string; problem: string; hint: string }
export interface Marked extends Fault { at: Point[]; item: Item | null }

const kinds: Record<string, ItemKind> = { station: "station", storage: "storage", charger: "charger", parking: "parking", door: "door", zone: "zone", robot: "robot", node: "node", edge: "edge", lane: "lane", wall: "wall" };

/** A fault with the points it speaks of: "station pick-1" is where that station is, and "r3c4 cannot be reached" is that cell of it. */
export function locate(floor: FloorDocument, fault: Fault): Marked {
  const [, word = "", rest = ""] = /^(\w+)(?: (.+))?$/.exec(fault.place.replace(/^\/\S+ /, "")) ?? [];
  const id = rest.replace(/^"(.*)"$/, "$1");
  const kind = kinds[word];
  const item = kind ? { kind, id } : null;
  const at = pointsOf(floor);
  const found = (nodes: readonly string[]): Point[] => nodes.map(at).filter((point) => point !== null);
  const named = at(fault.problem.split(" ")[0] ?? "");
  if (named) return { ...fault, at: [named], item };
  const grid = gridOf(floor);
  const points = ((): Point[] => {
    switch (word) {
      case "station": return found(floor.stations?.find((one) => one.id === id)?.nodes ?? []);
      case "storage": case "charger": case "parking": case "robot": {
        const list = { storage: floor.storages, charger: floor.chargers, parking: floor.parkings, robot: floor.robots }[word];
        return found((list ?? []).filter((one) => one.id === id).map((one) => one.node));
      }
      case "door": { const door = floor.doors?.find((one) => one.id === id); return door ? found([door.a, door.b]) : []; }
      case "zone": { const zone = floor.zones?.find((one) => one.id === id); return zone ? [[(zone.from.x + zone.to.x) / 2, (zone.from.y + zone.to.y) / 2]] : []; }
      case "lane": { const lane = grid?.lanes?.[Number(id)]; return lane && grid ? [middle(grid, lane.from)] : []; }
      case "wall": { const wall = grid?.walls?.[Number(id)]; return wall && grid ? [middle(grid, wall.a)] : []; }
      case "row": return grid ? [middle(grid, [Number(id), 0])] : [];
      case "node": return found([id]);
      case "edge": { const edge = "graph" in floor.ground ? floor.ground.graph.edges.find((one) => one.id === id) : undefined; return edge ? found([edge.from, edge.to]) : []; }
      default: return [];
    }
  })();
  return { ...fault, at: points, item };
}
