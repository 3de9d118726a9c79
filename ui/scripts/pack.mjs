// After the build: fails when the JavaScript of the first page outgrows its budget, then packs every text file the way
// the server sends it (.br and .gz beside it).
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const limit = 120 * 1024;
const worthwhile = 1024;
const dist = new URL("../dist/", import.meta.url).pathname;
const manifest = JSON.parse(readFileSync(`${dist}.vite/manifest.json`, "utf8"));
const size = (file) => gzipSync(readFileSync(dist + file)).length;
const initial = new Set();

function visit(key) {
  const chunk = manifest[key];
  if (initial.has(chunk.file)) return;
  initial.add(chunk.file);
  for (const next of chunk.imports ?? []) visit(next);
}
visit("index.html");

const scripts = [...new Set(Object.values(manifest).map((chunk) => chunk.file))].filter((file) => file.endsWith(".js"));
const first = [...initial].filter((file) => file.endsWith(".js")).reduce((sum, file) => sum + size(file), 0);
const all = scripts.reduce((sum, file) => sum + size(file), 0);
const kilobytes = (bytes) => `${(bytes / 1024).toFixed(1)} kB`;
console.log(`first page ${kilobytes(first)} of ${kilobytes(limit)} compressed; everything ${kilobytes(all)}`);
if (first > limit) {
  console.error("The first page is over budget: load the newest heavy import lazily.");
  process.exit(1);
}

rmSync(`${dist}.vite`, { recursive: true });
for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !/\.(?:js|css|html|svg|webmanifest)$/.test(entry.name)) continue;
  const path = join(entry.parentPath, entry.name);
  const plain = readFileSync(path);
  if (plain.length < worthwhile) continue;
  writeFileSync(`${path}.br`, brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
  writeFileSync(`${path}.gz`, gzipSync(plain, { level: 9 }));
}
