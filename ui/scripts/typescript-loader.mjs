// Lets `node --test` read TypeScript on the oldest supported Node, which cannot strip types itself.
import { register } from "node:module";

register("./typescript-hooks.mjs", import.meta.url);
