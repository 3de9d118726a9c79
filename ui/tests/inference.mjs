// Models that people bring, against the real program: refused and installed, tried, bound, compared and swapped, let go; by keyboard, in every look.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { base, call, close, enter, open, until } from "./support/browser.mjs";
import { asFiles, manifest, onnx } from "./support/onnx.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const bounded = { timeout: 90_000 };
const still = { reducedMotion: "reduce", bypassCSP: true };
// The server is shared with other tests, in any order: what this one makes has names of its own.
const run = Date.now().toString(36);
const thing = `lathe-${run}`;
const names = { double: `double-${run}`, triple: `triple-${run}`, roots: `roots-${run}` };
const address = (name) => `/models/inference-${name}-1`;
let page;

async function clean(where) {
  await where.waitForTimeout(500);
  assert.deepEqual(where.errors, []);
  const overflow = await where.evaluate(() => { const main = document.getElementById("main"); return Math.max(document.documentElement.scrollWidth - innerWidth, main.scrollWidth - main.clientWidth); });
  assert.ok(overflow <= 0, `the page is ${overflow} px wider than the screen`);
  await where.evaluate(axe);
  const found = await where.evaluate(() => globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }));
  assert.deepEqual(found.violations.map((violation) => `${violation.id}: ${violation.nodes.slice(0, 3).map((node) => `${node.target.join(" ")} ${node.failureSummary?.split("\n")[1]?.trim() ?? ""}`).join("; ")}`), []);
}

const say = (load) => call(page, "POST", `/ingest/things/${thing}`, { load });
const models = async () => (await call(page, "GET", "/inference/models")).items;
const bindings = async () => (await call(page, "GET", "/inference/bindings")).items.filter((one) => one.output.thing === thing);

/** Brings a model over the API. */
async function bring(name, operator, factor, input, output) {
  const file = onnx(operator, factor);
  const status = await page.evaluate(async ([said, bytes]) => {
    const form = new FormData();
    form.append("manifest", new Blob([said]));
    form.append("file", new Blob([new Uint8Array(bytes)]));
    return (await fetch("/api/v1/inference/models", { method: "POST", headers: { "X-Manmul-Csrf": "1" }, body: form })).status;
  }, [JSON.stringify(manifest(name, file, input, output)), [...file]]);
  assert.equal(status, 201);
}

before(async () => {
  page = await open(still);
  await enter(page);
  await page.evaluate(() => localStorage.setItem("manmul.language", "en"));
  await call(page, "POST", "/things", { id: thing, title: `Lathe ${run}` });
  await say(1);
  await until("its load is kept", async () => (await call(page, "GET", `/history/series?thing=${thing}`)).length === 1);
}, bounded);
after(async () => {
  for (const binding of await bindings()) await call(page, "DELETE", `/inference/bindings/${binding.id}`);
  for (const model of await models()) if (model.id.includes(run)) await call(page, "DELETE", `/inference/models/${model.id}`);
  await close();
}, bounded);

test("a model is brought by keyboard, and what is wrong with it stands where it is chosen", bounded, async () => {
  const file = onnx("Mul", 2);
  const said = manifest(names.double, file, 2, 4);
  await page.goto(`${base}/models?kind=inference`);
  await page.locator("h1").first().waitFor();
  await page.keyboard.press("n");
  const dialog = page.getByRole("dialog", { name: "Bring a model" });
  await clean(page);
  const give = async (files) => {
    await dialog.getByLabel("Model file (.onnx)").setInputFiles(files.file);
    await dialog.getByLabel("Manifest (.json)").setInputFiles(files.manifest);
    await dialog.getByRole("button", { name: "Install" }).press("Enter");
  };
  await give(asFiles(file, { ...said, licence: "CC-BY-NC-4.0" }));
  await dialog.getByRole("alert").getByText('the licence "CC-BY-NC-4.0" is not on the list').waitFor();
  await dialog.getByRole("alert").getByText("one of MIT, Apache-2.0").waitFor();
  await give(asFiles(Buffer.from("no model"), { ...said, sha256: manifest(names.double, Buffer.from("no model"), 2, 4).sha256 }));
  await dialog.getByRole("alert").getByText("not a usable ONNX model").waitFor();
  await give(asFiles(file, manifest(names.double, file, 2, 5)));
  await dialog.getByRole("alert").getByText("off its golden vectors").waitFor();
  assert.equal((await models()).some((model) => model.id.includes(run)), false);
  // Refusals stand in the browser's console too; they are not the page's errors.
  page.errors.length = 0;
  await give(asFiles(file, said));
  await page.waitForURL(`**${address(names.double)}`);
  await page.getByText("Ready", { exact: true }).waitFor();
  await page.getByText("Memory limit").waitFor();
  await clean(page);
});

test("it answers values that are typed, and says which are none", bounded, async () => {
  await page.goto(base + address(names.double));
  await page.getByLabel("Values of stream 1").fill("3.5, x");
  await page.getByRole("button", { name: "Try", exact: true }).click();
  await page.getByRole("alert").getByText("Write them like 1, 2.5, 3.").waitFor();
  await page.getByLabel("Values of stream 1").fill("1 3.5");
  await page.keyboard.press("Enter");
  await page.locator("output").getByText("7", { exact: true }).waitFor();
  assert.equal(await page.getByRole("alert").count(), 0);
});

test("it is bound to a thing's value, its answers come live, and a successor is compared and takes over", bounded, async () => {
  await page.goto(base + address(names.double));
  await page.getByRole("button", { name: "Bind it" }).click();
  await page.getByText("0 of 1 chosen").waitFor();
  const picker = page.getByRole("combobox", { name: "Add" }).or(page.getByRole("combobox").first()).first();
  await picker.fill(thing);
  await page.getByRole("option", { name: new RegExp(`Lathe ${run}`) }).click();
  await page.getByRole("option", { name: /Load/ }).click();
  await page.getByText("1 of 1 chosen").waitFor();
  assert.equal(await page.getByRole("textbox", { name: "Thing", exact: true }).inputValue(), thing);
  await page.getByLabel("Names, with commas").fill("load");
  await page.getByRole("button", { name: "Bind", exact: true }).click();
  await page.getByRole("alert").getByText("it would hear what it says itself").waitFor();
  page.errors.length = 0;
  await page.getByLabel("Names, with commas").fill("product");
  await page.getByRole("button", { name: "Bind", exact: true }).click();
  const card = page.getByRole("article", { name: new RegExp("Load to .*Product") });
  await card.getByText("none yet").waitFor();
  await clean(page);
  await say(4);
  await card.getByText(/^8 \(/).waitFor();
  await bring(names.triple, "Mul", 3, 2, 6);
  await card.getByLabel("Choose a model to compare").selectOption(`${names.triple}-1`);
  await card.getByRole("button", { name: "Compare" }).click();
  await card.getByText("Nothing to compare yet").waitFor();
  await say(0);
  await until("both have answered", async () => (await bindings())[0].comparison?.compared === 1);
  await say(5);
  await card.getByText("50 %").waitFor();
  await card.getByText("2.50 on average, 5 at most").waitFor();
  await clean(page);
  await card.getByRole("button", { name: `Put ${names.triple}-1 in its place` }).click();
  await page.getByText(`${names.triple}-1 answers now`).first().waitFor();
  await say(6);
  await page.goto(base + address(names.triple));
  await page.getByRole("article").getByText(/^18 \(/).waitFor();
  const product = await call(page, "GET", `/things/${thing}`);
  assert.equal(product.properties.find((one) => one.name === "product").value, 18);
});

test("a model that says no number is shown as failing and is suspended", bounded, async () => {
  await bring(names.roots, "Sqrt", undefined, 4, 2);
  await call(page, "POST", "/inference/bindings", { model: `${names.roots}-1`, inputs: [{ thing, name: "load" }], output: { thing, names: ["root"] } });
  await page.goto(base + address(names.roots));
  for (let failed = 1; failed <= 3; failed += 1) {
    await say(-failed);
    await until("it has failed", async () => (await models()).find((model) => model.id === `${names.roots}-1`).failed >= failed);
  }
  await page.getByText("output y is not finite").first().waitFor();
  await page.getByText("Suspended until").waitFor();
  await clean(page);
});

for (const look of [{ name: "phone, dark", options: { colorScheme: "dark", viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true } }, { name: "desk, dark, Korean", options: { colorScheme: "dark", locale: "ko-KR" } }])
  test(`the pages, ${look.name}`, bounded, async () => {
    const own = await open({ ...still, ...look.options, storageState: await page.context().storageState() });
    const korean = look.name.includes("Korean");
    await own.goto(base);
    await own.evaluate((language) => localStorage.setItem("manmul.language", language), korean ? "ko" : "en");
    for (const path of ["/models?kind=inference", address(names.triple), address(names.roots)]) {
      await own.goto(base + path);
      await own.locator("h1").first().waitFor();
      await clean(own);
    }
    await own.getByRole("button", { name: korean ? "연결하기" : "Bind it" }).click();
    await own.getByRole("radio", { name: korean ? "토픽" : "A topic" }).click();
    await clean(own);
    await own.context().close();
  });

test("a binding goes when its undo has gone, and then the model", bounded, async () => {
  await page.goto(base + address(names.triple));
  const card = page.getByRole("article");
  await card.getByRole("button", { name: /^Let go/ }).click();
  await page.getByRole("button", { name: "Undo" }).click();
  await card.first().waitFor();
  await card.getByRole("button", { name: /^Let go/ }).click();
  await until("it is let go", async () => (await bindings()).every((binding) => binding.model !== `${names.triple}-1`), 15_000);
  await page.getByRole("button", { name: "Remove", exact: true }).click();
  await until("the model is gone", async () => (await models()).every((model) => model.id !== `${names.triple}-1`), 15_000);
});
