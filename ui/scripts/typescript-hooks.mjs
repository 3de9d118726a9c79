// The loader hook of typescript-loader.mjs: transpiles one file, checks nothing (svelte-check does).
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import typescript from "typescript";

const options = { module: typescript.ModuleKind.ESNext, target: typescript.ScriptTarget.ES2022, rewriteRelativeImportExtensions: false, inlineSourceMap: true };

export async function load(url, context, next) {
  if (!url.endsWith(".ts")) return next(url, context);
  const source = await readFile(fileURLToPath(url), "utf8");
  return { format: "module", shortCircuit: true, source: typescript.transpileModule(source, { compilerOptions: options, fileName: url }).outputText };
}
