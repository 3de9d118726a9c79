// The fleet's calls and what they answer, under the names that the pages use.
import { ask, client, ifMatch } from "./client.ts";
import type { FloorDocument, FloorSource } from "../floor/document.ts";
import type { Drawing, Point } from "../floor/drawing.ts";
import type { components } from "./schema.d.ts";

type Schemas = components["schemas"];
export type Mode = Schemas["FleetMode"];
export type FleetFigures = Schemas["Figures"];
export type FleetFinding = Schemas["FindingOut"];
export type FleetState = Schemas["FleetOut"];
export interface FleetFloor { source: FloorSource; drawing: Drawing; revision: number }
export type RobotState = Schemas["RobotState"];
export type FleetRobot = Omit<Schemas["RobotOut"], "way"> & { way: Point[] };
export type Hand = Schemas["Hand"];
export type NewRobot = Omit<Schemas["RobotIn"], "parameters"> & { parameters?: Record<string, unknown> };
export type OrderState = Schemas["OrderState"];
export type FleetOrder = Schemas["OrderOut"];
export type NewOrder = Schemas["OrderIn"];
export type ImportError = Schemas["RowError"];
export type Webhook = Schemas["WebhookOut"];

export const robotStates: readonly RobotState[] = ["idle", "moving", "waiting", "serving", "charging", "broken", "unlinked", "set_aside"];
export const orderStates: readonly OrderState[] = ["waiting", "assigned", "under_way", "done", "failed", "cancelled"];

const signalled = (signal?: AbortSignal) => (signal ? { signal } : {});
const order = (id: string) => ({ params: { path: { id } } });

export const fleet = {
  path: "/api/v1/fleet",
  state: (signal?: AbortSignal): Promise<FleetState> => ask(client.GET("/api/v1/fleet", signalled(signal))),
  floor: (signal?: AbortSignal) => ask(client.GET("/api/v1/fleet/floor", signalled(signal))) as unknown as Promise<FleetFloor>,
  putFloor: (floor: FloorDocument, revision: number | null) =>
    ask(client.PUT("/api/v1/fleet/floor", { body: { source: { drawn: floor } } as never, ...(revision === null ? {} : ifMatch(revision)) })) as unknown as Promise<FleetFloor>,
  robots: (signal?: AbortSignal): Promise<FleetRobot[]> => ask(client.GET("/api/v1/fleet/robots", signalled(signal))).then((answer) => answer.items as FleetRobot[]),
  addRobot: (robot: NewRobot) => ask(client.POST("/api/v1/fleet/robots", { body: robot as never })),
  removeRobot: (number: number) => ask(client.DELETE("/api/v1/fleet/robots/{number}", { params: { path: { number } } })),
  hand: (number: number, hand: Hand): Promise<FleetRobot> => ask(client.POST("/api/v1/fleet/robots/{number}/hand", { params: { path: { number } }, body: { hand } })).then((robot) => robot as FleetRobot),
  closed: (signal?: AbortSignal): Promise<string[]> => ask(client.GET("/api/v1/fleet/closed", signalled(signal))).then((answer) => answer.nodes),
  setClosed: (nodes: string[]): Promise<string[]> => ask(client.PUT("/api/v1/fleet/closed", { body: { nodes } })).then((answer) => answer.nodes),
  orders: (query: { state?: OrderState; after?: string; limit?: number }, signal?: AbortSignal) => ask(client.GET("/api/v1/fleet/orders", { params: { query }, ...signalled(signal) })),
  order: (id: string): Promise<FleetOrder> => ask(client.GET("/api/v1/fleet/orders/{id}", order(id))),
  addOrder: (body: NewOrder): Promise<FleetOrder> => ask(client.POST("/api/v1/fleet/orders", { body })),
  cancelOrder: (id: string): Promise<FleetOrder> => ask(client.POST("/api/v1/fleet/orders/{id}/cancel", order(id))),
  setPriority: (id: string, priority: number): Promise<FleetOrder> => ask(client.POST("/api/v1/fleet/orders/{id}/priority", { ...order(id), body: { priority } })),
  importOrders: (table: string, partly: boolean) =>
    ask(client.POST("/api/v1/fleet/orders/import", { params: { query: partly ? { partly } : {} }, body: table, headers: { "Content-Type": "text/csv" }, bodySerializer: String })),
  webhook: (): Promise<Webhook> => ask(client.GET("/api/v1/fleet/webhook")),
  setWebhook: (webhook: Schemas["WebhookIn"]) => ask(client.PUT("/api/v1/fleet/webhook", { body: webhook })),
  removeWebhook: () => ask(client.DELETE("/api/v1/fleet/webhook")),
};

/** Asks the domain something; nothing is changed by it. */
export const operation = <Answer>(name: string, body: unknown, signal?: AbortSignal): Promise<Answer> =>
  ask(client.POST("/api/v1/domains/{domain}/operations/{operation}", { params: { path: { domain: "fleet", operation: name } }, body, ...signalled(signal) })) as Promise<Answer>;
