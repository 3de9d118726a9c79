// Starts the pages.
import { mount } from "svelte";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/sentence.css";
import App from "./App.svelte";
import { preferences } from "./lib/preferences.svelte.ts";

preferences.apply();
const target = document.getElementById("app");
if (target) mount(App, { target });
