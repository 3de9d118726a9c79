// Builds the pages into ui/dist, which the server embeds; in development the API is proxied to a running server.
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

const server = process.env["MANMUL_URL"] ?? "http://127.0.0.1:7700";

export default defineConfig({
  plugins: [svelte()],
  build: {
    target: "es2022",
    // An inlined asset would be a data: address, which the content security policy refuses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    manifest: true,
  },
  server: { proxy: { "/api": { target: server, ws: true }, "/openapi.json": server } },
});
