// Every page: its address, its chunk, and where it stands in the navigation. A new page is one line here.
import type { Component } from "svelte";
import type { IconName } from "./components/icons.ts";
import type { MessageKey } from "./messages/index.ts";

export interface PageProps { params: Record<string, string> }
// A page that needs no parameters does not declare them.
type Page = { default: Component<PageProps> | Component<Record<string, never>> };

export interface Route { path: string; title: MessageKey; load: () => Promise<Page>; icon?: IconName; key?: string; open?: boolean }

export const routes: Route[] = [
  { path: "/", title: "nav.overview", icon: "overview", key: "o", load: () => import("./pages/Overview.svelte") },
  { path: "/things", title: "nav.things", icon: "things", key: "t", load: () => import("./pages/Things.svelte") },
  { path: "/history", title: "nav.history", icon: "history", key: "h", load: () => import("./pages/History.svelte") },
  { path: "/inbox", title: "nav.inbox", icon: "inbox", key: "i", load: () => import("./pages/Inbox.svelte") },
  { path: "/settings", title: "nav.settings", icon: "settings", key: "s", load: () => import("./pages/Settings.svelte") },
  { path: "/settings/:section", title: "nav.settings", load: () => import("./pages/Settings.svelte") },
  { path: "/things/:thing", title: "nav.thing", load: () => import("./pages/Thing.svelte") },
  { path: "/spaces/:space", title: "nav.space", load: () => import("./pages/Space.svelte") },
  { path: "/connect", title: "nav.connect", load: () => import("./pages/Connect.svelte") },
  { path: "/components", title: "nav.components", load: () => import("./pages/Components.svelte") },
  { path: "/setup", title: "nav.setup", open: true, load: () => import("./pages/Setup.svelte") },
  { path: "/sign-in", title: "nav.sign_in", open: true, load: () => import("./pages/SignIn.svelte") },
];
