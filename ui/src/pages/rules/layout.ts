// A graph in layers from top to bottom: each node below all that lead to it, few crossings, long edges led between the nodes. Pure.
import type { Graph, GraphEdge, GraphNode } from "../../api/rules.ts";

export interface Placed { node: GraphNode; x: number; y: number }
export interface Drawn { edge: GraphEdge; path: string; back: boolean; labelX: number; labelY: number }
export interface Layout { nodes: Placed[]; edges: Drawn[]; width: number; height: number }
export interface Sizes { width: number; height: number; across: number; down: number }

const sweeps = 6;
const margin = 12;
const narrow = 24;

interface Spot { id: string; width: number; x: number }

export function layoutGraph(graph: Graph, sizes: Sizes): Layout {
  const ids = new Set(graph.nodes.map((node) => node.id));
  const edges = graph.edges.filter((edge) => ids.has(edge.from) && ids.has(edge.to) && edge.from !== edge.to);
  const back = backEdges(graph.nodes, edges);
  const forward = edges.filter((edge) => !back.has(edge));
  const layerOf = layersOf(graph.nodes, forward);
  const layers: Spot[][] = [];
  const put = (layer: number, spot: Spot) => { (layers[layer] ??= []).push(spot); };
  for (const node of graph.nodes) put(layerOf.get(node.id) ?? 0, { id: node.id, width: sizes.width, x: 0 });
  // A long edge becomes a chain of narrow places, one in each layer that it passes.
  const chains = new Map<GraphEdge, string[]>();
  const links: [string, string][] = [];
  forward.forEach((edge, index) => {
    const chain = [edge.from];
    for (let layer = (layerOf.get(edge.from) ?? 0) + 1; layer < (layerOf.get(edge.to) ?? 0); layer += 1) {
      const id = `\u0000${index}/${layer}`;
      put(layer, { id, width: narrow, x: 0 });
      chain.push(id);
    }
    chain.push(edge.to);
    chains.set(edge, chain);
    for (let at = 1; at < chain.length; at += 1) links.push([chain[at - 1] as string, chain[at] as string]);
  });
  orderLayers(layers, links);
  const width = spread(layers, sizes.across);
  const spots = new Map(layers.flatMap((layer, at) => layer.map((spot) => [spot.id, { ...spot, y: margin + at * (sizes.height + sizes.down) }] as const)));
  const nodes = graph.nodes.map((node): Placed => { const spot = spots.get(node.id); return { node, x: spot?.x ?? 0, y: spot?.y ?? 0 }; });
  const right = width + margin;
  let loops = 0;
  const drawn = edges.map((edge): Drawn => {
    const [from, to] = [spots.get(edge.from), spots.get(edge.to)];
    if (!from || !to) return { edge, path: "", back: false, labelX: 0, labelY: 0 };
    if (back.has(edge)) {
      // What leads back runs up beside everything else.
      loops += 1;
      const side = right + loops * 16;
      const [startX, startY, endX, endY] = [from.x + sizes.width, from.y + sizes.height / 2, to.x + sizes.width, to.y + sizes.height / 2];
      return { edge, back: true, path: `M${startX} ${startY}H${side - 8}Q${side} ${startY} ${side} ${startY - 8}V${endY + 8}Q${side} ${endY} ${side - 8} ${endY}H${endX + 2}`, labelX: side, labelY: (startY + endY) / 2 };
    }
    const points = (chains.get(edge) ?? []).flatMap((id, at, all) => {
      const spot = spots.get(id);
      if (!spot) return [];
      const x = spot.x + spot.width / 2;
      if (at === 0) return [[x, spot.y + sizes.height]] as const;
      return at === all.length - 1 ? ([[x, spot.y - 2]] as const) : ([[x, spot.y], [x, spot.y + sizes.height]] as const);
    });
    const [first, ...rest] = points as [number, number][];
    let path = first ? `M${first[0]} ${first[1]}` : "";
    let before = first ?? [0, 0];
    for (const [x, y] of rest) {
      const middle = (before[1] + y) / 2;
      path += x === before[0] ? `V${y}` : `C${before[0]} ${middle} ${x} ${middle} ${x} ${y}`;
      before = [x, y];
    }
    const second = rest[0] ?? first ?? [0, 0];
    return { edge, path, back: false, labelX: ((first?.[0] ?? 0) + second[0]) / 2, labelY: ((first?.[1] ?? 0) + second[1]) / 2 };
  });
  return { nodes, edges: drawn, width: right + loops * 16 + (loops > 0 ? margin : 0), height: 2 * margin + layers.length * (sizes.height + sizes.down) - sizes.down };
}

/** The edges that close a circle, found by walking from the first node on. */
function backEdges(nodes: GraphNode[], edges: GraphEdge[]): Set<GraphEdge> {
  const leaving = new Map<string, GraphEdge[]>();
  for (const edge of edges) leaving.set(edge.from, [...(leaving.get(edge.from) ?? []), edge]);
  const state = new Map<string, "open" | "done">();
  const back = new Set<GraphEdge>();
  for (const root of nodes) {
    if (state.has(root.id)) continue;
    const stack: { id: string; next: number }[] = [{ id: root.id, next: 0 }];
    state.set(root.id, "open");
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const edge = leaving.get(top.id)?.[top.next];
      top.next += 1;
      if (edge === undefined) { state.set(top.id, "done"); stack.pop(); }
      else if (state.get(edge.to) === "open") back.add(edge);
      else if (!state.has(edge.to)) { state.set(edge.to, "open"); stack.push({ id: edge.to, next: 0 }); }
    }
  }
  return back;
}

function layersOf(nodes: GraphNode[], edges: GraphEdge[]): Map<string, number> {
  const waiting = new Map(nodes.map((node) => [node.id, 0]));
  for (const edge of edges) waiting.set(edge.to, (waiting.get(edge.to) ?? 0) + 1);
  const layer = new Map<string, number>();
  const ready = nodes.filter((node) => waiting.get(node.id) === 0).map((node) => node.id);
  for (const id of ready) layer.set(id, 0);
  for (let id = ready.shift(); id !== undefined; id = ready.shift())
    for (const edge of edges.filter((one) => one.from === id)) {
      layer.set(edge.to, Math.max(layer.get(edge.to) ?? 0, (layer.get(id) ?? 0) + 1));
      waiting.set(edge.to, (waiting.get(edge.to) ?? 1) - 1);
      if (waiting.get(edge.to) === 0) ready.push(edge.to);
    }
  return layer;
}

/** Each place goes to the middle of its neighbours, down and up again by turns. */
function orderLayers(layers: Spot[][], links: [string, string][]): void {
  const [above, below] = [new Map<string, string[]>(), new Map<string, string[]>()];
  for (const [from, to] of links) {
    below.set(from, [...(below.get(from) ?? []), to]);
    above.set(to, [...(above.get(to) ?? []), from]);
  }
  const sort = (layer: Spot[], other: Spot[] | undefined, neighbours: Map<string, string[]>) => {
    if (!other) return;
    const place = new Map(other.map((spot, index) => [spot.id, index]));
    const middle = new Map(layer.map((spot, index) => {
      const near = (neighbours.get(spot.id) ?? []).flatMap((id) => place.get(id) ?? []);
      return [spot.id, near.length > 0 ? near.reduce((sum, one) => sum + one, 0) / near.length : index];
    }));
    layer.sort((one, two) => (middle.get(one.id) ?? 0) - (middle.get(two.id) ?? 0));
  };
  for (let sweep = 0; sweep < sweeps; sweep += 1) {
    if (sweep % 2 === 0) layers.forEach((layer, at) => sort(layer, layers[at - 1], above));
    else layers.toReversed().forEach((layer, at) => sort(layer, layers[layers.length - at], below));
  }
}

/** Sets the places of each layer side by side about one middle; answers the width of all. */
function spread(layers: Spot[][], across: number): number {
  const widths = layers.map((layer) => layer.reduce((sum, spot) => sum + spot.width, 0) + across * (layer.length - 1));
  const most = Math.max(0, ...widths);
  layers.forEach((layer, at) => {
    let x = margin + (most - (widths[at] ?? 0)) / 2;
    for (const spot of layer) { spot.x = x; x += spot.width + across; }
  });
  return most + margin;
}
