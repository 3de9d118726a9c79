// Every page: its address, its chunk, and where it stands in the navigation. A new page is one line here.
import type { Component } from "svelte";
import type { IconName } from "./components/icons.ts";
import type { MessageKey } from "./messages/index.ts";

export interface PageProps { params: Record<string, string> }
// A page that needs no parameters does not declare them.
type Page = { default: Component<PageProps> | Component<Record<string, never>> };

export interface Route { path: string; title: MessageKey; load: () => Promise<Page>; icon?: IconName; key?: string; short?: MessageKey; open?: boolean }

export const routes: Route[] = [
  { path: "/", title: "nav.overview", short: "nav.overview.short", icon: "overview", key: "o", load: () => import("./pages/Overview.svelte") },
  { path: "/map", title: "nav.map", icon: "map", key: "m", load: () => import("./pages/Map.svelte") },
  { path: "/things", title: "nav.things", icon: "things", key: "t", load: () => import("./pages/Things.svelte") },
  { path: "/history", title: "nav.history", icon: "history", key: "h", load: () => import("./pages/History.svelte") },
  { path: "/rules", title: "nav.rules", icon: "rule", key: "u", load: () => import("./pages/Rules.svelte") },
  { path: "/runs", title: "nav.runs", short: "nav.runs.short", icon: "runs", key: "r", load: () => import("./pages/Runs.svelte") },
  { path: "/fleet", title: "nav.fleet", short: "nav.fleet.short", icon: "robot", key: "w", load: () => import("./pages/Fleet.svelte") },
  { path: "/energy", title: "nav.energy", short: "nav.energy.short", icon: "bolt", key: "e", load: () => import("./pages/Energy.svelte") },
  { path: "/insights", title: "nav.insights", short: "nav.insights.short", icon: "insight", key: "n", load: () => import("./pages/Insights.svelte") },
  { path: "/inbox", title: "nav.inbox", icon: "inbox", key: "i", load: () => import("./pages/Inbox.svelte") },
  { path: "/settings", title: "nav.settings", short: "nav.settings.short", icon: "settings", key: "s", load: () => import("./pages/Settings.svelte") },
  { path: "/settings/:section", title: "nav.settings", load: () => import("./pages/Settings.svelte") },
  { path: "/things/:thing", title: "nav.thing", load: () => import("./pages/Thing.svelte") },
  { path: "/insights/:insight", title: "nav.insights", load: () => import("./pages/Insight.svelte") },
  { path: "/models", title: "nav.models", load: () => import("./pages/Models.svelte") },
  { path: "/models/:model", title: "nav.models", load: () => import("./pages/Model.svelte") },
  { path: "/rules/new", title: "rule.new", load: () => import("./pages/Rule.svelte") },
  { path: "/rules/:rule", title: "nav.rules", load: () => import("./pages/Rule.svelte") },
  { path: "/scenes", title: "nav.scenes", load: () => import("./pages/Scenes.svelte") },
  { path: "/suggestions", title: "nav.suggestions", load: () => import("./pages/Suggestions.svelte") },
  { path: "/alarms", title: "nav.alarms", load: () => import("./pages/Alarms.svelte") },
  { path: "/notifications", title: "nav.notifications", load: () => import("./pages/Notifications.svelte") },
  { path: "/runs/new", title: "run.new", load: () => import("./pages/RunNew.svelte") },
  { path: "/runs/compare", title: "runs.compare", load: () => import("./pages/Compare.svelte") },
  { path: "/runs/:run", title: "nav.runs", load: () => import("./pages/Run.svelte") },
  { path: "/fleet/orders", title: "fleet.orders", load: () => import("./pages/FleetOrders.svelte") },
  { path: "/fleet/robots", title: "fleet.robots", load: () => import("./pages/FleetRobots.svelte") },
  { path: "/fleet/floor", title: "fleet.floor", load: () => import("./pages/FloorEditor.svelte") },
  { path: "/energy/setup", title: "nav.energy", load: () => import("./pages/EnergySetup.svelte") },
  { path: "/energy/what-if", title: "nav.energy", load: () => import("./pages/EnergyWhatIf.svelte") },
  { path: "/plans/new", title: "plan.new", load: () => import("./pages/PlanNew.svelte") },
  { path: "/plans/:plan", title: "runs.kind.plan", load: () => import("./pages/Plan.svelte") },
  { path: "/spaces/:space", title: "nav.space", load: () => import("./pages/Space.svelte") },
  { path: "/connect", title: "nav.connect", load: () => import("./pages/Connect.svelte") },
  { path: "/components", title: "nav.components", load: () => import("./pages/Components.svelte") },
  { path: "/setup", title: "nav.setup", open: true, load: () => import("./pages/Setup.svelte") },
  { path: "/sign-in", title: "nav.sign_in", open: true, load: () => import("./pages/SignIn.svelte") },
];
