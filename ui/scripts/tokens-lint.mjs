// Keeps raw colours and sizes out of everything but the token file, and every source file under 800 lines.
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

const root = new URL("../src/", import.meta.url).pathname;
const rules = [
  [/#[0-9a-f]{3,8}\b/i, "raw colour"],
  [/\b(?:rgba?|hsla?|oklch|oklab|lab|lch|color-mix)\(/i, "raw colour"],
  [/(?<![\w-])\d*\.?\d+(?:px|rem|em|pt|ms)\b/, "raw size or duration"],
  [/:\s*(?:white|black|red|green|blue|grey|gray|orange|purple)\s*[;}]/i, "named colour"],
];
const problems = [];

function files(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? files(join(folder, entry.name)) : [join(folder, entry.name)]);
}

for (const path of files(root)) {
  const text = readFileSync(path, "utf8");
  const name = relative(root, path);
  const lines = text.split("\n");
  if (lines.length > 800 && !name.endsWith("schema.d.ts")) problems.push(`${name}: ${lines.length} lines, at most 800`);
  if (name === "styles/tokens.css") continue;
  const style = path.endsWith(".css") ? [[0, lines.length]] : path.endsWith(".svelte") ? styleBlocks(lines) : [];
  for (const [from, to] of style)
    for (let index = from; index < to; index += 1) {
      const line = lines[index].replace(/\/\*.*?\*\//g, "");
      // A custom property cannot stand in a media query.
      if (/^\s*@(?:media|container)/.test(line)) continue;
      for (const [pattern, what] of rules) if (pattern.test(line)) problems.push(`${name}:${index + 1}: ${what}: ${line.trim()}`);
    }
  if (path.endsWith(".svelte") && /\sstyle="/.test(text)) problems.push(`${name}: a style attribute; use a style: directive or a class`);
}

function styleBlocks(lines) {
  const start = lines.findIndex((line) => line.startsWith("<style"));
  return start < 0 ? [] : [[start + 1, lines.findIndex((line) => line.startsWith("</style>"))]];
}

if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
console.log("tokens: clean");
