// The fleet's calls and the shapes of what they answer.
import { ask, client } from "./client.ts";
import type { FloorDocument, FloorSource } from "../floor/document.ts";
import type { Drawing, Point } from "../floor/drawing.ts";

export type Mode = "operate" | "shadow" | "hands_off";
export interface FleetFigures {
  robots: number; moving: number; waiting: number; charging: number; broken: number; unlinked: number;
  orders_waiting: number; orders_assigned: number; orders_under_way: number; orders_done: number; orders_failed: number; orders_cancelled: number;
  orders_per_hour: number; median_lead_seconds: number | null; late: number;
}
export interface FleetFinding { at: string; robot: number | null; code: string; weight: string; words: string }
export interface FleetState { title: string; mode: Mode; policy: { name: string; parameters: unknown } | null; run: string | null; figures: FleetFigures; findings: FleetFinding[]; revision: number }
export interface FleetFloor { source: FloorSource; drawing: Drawing; revision: number }

export const robotStates = ["idle", "moving", "waiting", "serving", "charging", "broken", "unlinked", "set_aside"] as const;
export type RobotState = (typeof robotStates)[number];
export interface FleetRobot {
  number: number; thing: string; title: string; address: string; x: number | null; y: number | null; theta: number | null; node: string | null; state: RobotState;
  battery_percent: number | null; order: string | null; speed: number | null; since: string; problem: string | null; way?: Point[];
}

export const orderStates = ["waiting", "assigned", "under_way", "done", "failed", "cancelled"] as const;
export type OrderState = (typeof orderStates)[number];
export interface FleetOrder {
  id: string; from: string; to: string; priority: number; due: string | null; state: OrderState; robot: number | null; created: string; changed: string; done: string | null; why: string | null; by: string;
}
export interface NewOrder { id?: string; from: string; to: string; priority?: number; due?: string }
export interface ImportError { row: number; column: string | null; problem: string; hint: string | null }
export interface Webhook { url: string | null }

interface Options { params?: object; body?: unknown; headers?: Record<string, string>; signal?: AbortSignal; bodySerializer?: (body: unknown) => string }
type Loose = Record<"GET" | "POST" | "PUT" | "DELETE", (path: string, options?: Options) => Promise<{ data?: unknown; error?: unknown; response: Response }>>;
const loose = client as unknown as Loose;
const path = "/api/v1/fleet";
const call = <Answer>(method: keyof Loose, place: string, options: Options = {}): Promise<Answer> => ask(loose[method](path + place, options)) as Promise<Answer>;
const signalled = (signal?: AbortSignal): Options => (signal ? { signal } : {});

export const fleet = {
  path,
  state: (signal?: AbortSignal) => call<FleetState>("GET", "", signalled(signal)),
  floor: (signal?: AbortSignal) => call<FleetFloor>("GET", "/floor", signalled(signal)),
  putFloor: (floor: FloorDocument, revision: number | null) => call<FleetFloor>("PUT", "/floor", { body: { source: { drawn: floor } }, ...(revision === null ? {} : { headers: { "If-Match": `"${revision}"` } }) }),
  robots: (signal?: AbortSignal) => call<{ items: FleetRobot[] }>("GET", "/robots", signalled(signal)).then((answer) => answer.items),
  addRobot: (robot: { manufacturer: string; serial: string; version: string }) => call<unknown>("POST", "/robots", { body: robot }),
  removeRobot: (number: number) => call<unknown>("DELETE", `/robots/${number}`),
  orders: (query: { state?: string; after?: string; limit?: number }, signal?: AbortSignal) => call<{ items: FleetOrder[]; next: string | null }>("GET", "/orders", { params: { query }, ...signalled(signal) }),
  order: (id: string) => call<FleetOrder>("GET", `/orders/${encodeURIComponent(id)}`),
  addOrder: (order: NewOrder) => call<FleetOrder>("POST", "/orders", { body: order }),
  cancelOrder: (id: string) => call<FleetOrder>("POST", `/orders/${encodeURIComponent(id)}/cancel`),
  setPriority: (id: string, priority: number) => call<FleetOrder>("POST", `/orders/${encodeURIComponent(id)}/priority`, { body: { priority } }),
  importOrders: (text: string, partly: boolean) => call<{ accepted: number; errors: ImportError[] }>("POST", "/orders/import", { params: { query: partly ? { partly: true } : {} }, body: text, headers: { "Content-Type": "text/csv" }, bodySerializer: String }),
  webhook: (signal?: AbortSignal) => call<Webhook>("GET", "/webhook", signalled(signal)),
  setWebhook: (webhook: { url: string; secret?: string }) => call<unknown>("PUT", "/webhook", { body: webhook }),
  removeWebhook: () => call<unknown>("DELETE", "/webhook"),
};

/** Asks the domain something; nothing is changed by it. */
export const operation = <Answer>(name: string, body: unknown, signal?: AbortSignal): Promise<Answer> =>
  ask(client.POST("/api/v1/domains/{domain}/operations/{operation}", { params: { path: { domain: "fleet", operation: name } }, body, ...(signal ? { signal } : {}) })) as Promise<Answer>;
