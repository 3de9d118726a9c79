// The energy of the home: settings, flows, the plan, its days, and who decides.
import { ask, client, ifMatch } from "./client.ts";
import type { components } from "./schema.d.ts";

type Schemas = components["schemas"];
export type HomeNow = Schemas["HomeNow"];
export type HomeNode = Schemas["HomeNode"];
export type HomeFlow = Schemas["HomeFlow"];
export type DayPlan = Schemas["DayPlan"];
export type Course = Schemas["HomeCourse"];
export type PlannedDevice = Schemas["PlannedDevice"];
export type HomeDay = Schemas["HomeDay"];
export type HomeDays = Schemas["HomeDays"];
export type HomeSettings = Schemas["HomeSettings"];
export type SettingsView = Schemas["HomeSettingsView"];
export type Found = Schemas["HomeFound"];
export type Question = Schemas["HomeQuestion"];
export type HomeMode = Schemas["HomeMode"];
export type Price = Schemas["Price"];
export type PriceWindow = Schemas["PriceWindow"];
export type Correction = Schemas["HomeCorrection"];
export type HomeSavings = Schemas["HomeSavings"];
export type HomeSaved = Schemas["HomeSaved"];
export type Scenario = Schemas["Scenario"];
export type Role = Schemas["HomeRole"];

const signalled = (signal?: AbortSignal) => (signal ? { signal } : {});

export const home = {
  path: "/api/v1/home",
  now: (signal?: AbortSignal): Promise<HomeNow> => ask(client.GET("/api/v1/home/now", signalled(signal))),
  plan: (signal?: AbortSignal): Promise<DayPlan> => ask(client.GET("/api/v1/home/plan", signalled(signal))),
  days: (days: number, signal?: AbortSignal): Promise<HomeDays> => ask(client.GET("/api/v1/home/days", { params: { query: { days } }, ...signalled(signal) })),
  savings: (signal?: AbortSignal): Promise<HomeSavings> => ask(client.GET("/api/v1/home/savings", signalled(signal))),
  scenario: (signal?: AbortSignal): Promise<Scenario> => ask(client.GET("/api/v1/home/scenario", signalled(signal))),
  whatIf: (change: Record<string, unknown>, days: number, seeds: number) => ask(client.POST("/api/v1/home/what-if", { body: { change, days, seeds } })),
  backtest: (paid: number | null) => ask(client.POST("/api/v1/home/backtest", { body: { paid } })),
  /** A run of this home as it was learned, to be looked at and to go live with. */
  simulate: async (title: string) => ask(client.POST("/api/v1/runs", { body: { ...(await home.scenario()), title } })),
  settings: (signal?: AbortSignal): Promise<SettingsView> => ask(client.GET("/api/v1/home/settings", signalled(signal))),
  setSettings: (settings: HomeSettings, rev: number): Promise<SettingsView> => ask(client.PUT("/api/v1/home/settings", { body: settings, ...ifMatch(rev) })),
  setMode: (mode: HomeMode, force: boolean) => ask(client.POST("/api/v1/home/mode", { body: { mode, force } })),
};
