// The map against a town of the test's own: every look, keys alone, the list that says the same, placing, import, another moment, and no WebGL.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { close, open, until } from "./support/browser.mjs";
import { startMapServer } from "./support/map-server.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const bounded = { timeout: 60_000 };
const still = { reducedMotion: "reduce", bypassCSP: true };
const looks = [
  { name: "desk, light", options: { colorScheme: "light" } },
  { name: "phone, dark", options: { colorScheme: "dark", viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true } },
];
const middle = "126.9085,37.5555";
const then = () => Math.round((Date.now() - 3 * 3600 * 1000) * 1000);
let server;
let bare;

before(async () => {
  [server, bare] = await Promise.all([startMapServer(), startMapServer({ bare: true })]);
}, bounded);
after(async () => {
  await close();
  await Promise.all([server.close(), bare.close()]);
});

const canvas = (page) => page.getByRole("region", { name: /Map of the site/ });
const settled = (page) => page.locator('.maplibregl-map[aria-busy="false"]').waitFor({ timeout: 20_000 });
const at = (page) => new URL(page.url()).searchParams.get("at").split(",").map(Number);

/** Waits until the map has been drawn, and presses what is in its middle. */
async function pressMiddle(page) {
  await settled(page);
  const box = await canvas(page).boundingBox();
  await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
}

async function clean(page) {
  await page.waitForTimeout(300);
  assert.deepEqual(page.errors, []);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(overflow <= 0, `the page is ${overflow} px wider than the screen`);
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }));
  assert.deepEqual(found.violations.map((violation) => `${violation.id}: ${violation.nodes.slice(0, 3).map((node) => node.target.join(" ")).join("; ")}`), []);
}

for (const look of looks)
  test(`pages, ${look.name}`, { timeout: 150_000 }, async (context) => {
    const page = await open({ ...still, ...look.options });
    const air = server.things.find((one) => one.kind === "air_sensor");
    const views = { everything: "/map", "a thing": `/map?thing=${air.id}&at=${air.location.longitude},${air.location.latitude},17`, "a district": "/map?space=old-town", near: `/map?at=${middle},17&near=${middle},100`, then: `/map?at=${middle},16&time=${then()}` };
    for (const [name, path] of Object.entries(views))
      await context.test(name, async () => {
        await page.goto(server.url + path);
        await settled(page);
        await clean(page);
      });
    await context.test("nothing yet", async () => {
      await page.goto(`${bare.url}/map`);
      await page.getByText("Nothing is on the map yet").waitFor();
      await clean(page);
    });
    await page.context().close();
  });

test("the map works under the server's own content policy and asks nobody but the server", bounded, async () => {
  const page = await open({ reducedMotion: "reduce" });
  const hosts = new Set();
  page.on("request", (request) => hosts.add(new URL(request.url()).host));
  await page.goto(`${server.url}/map?at=${middle},17.6`);
  await settled(page);
  assert.deepEqual(page.errors, []);
  assert.deepEqual([...hosts], [new URL(server.url).host]);
  await page.context().close();
});

test("with keys alone: move, zoom, press what is in the middle, close it", bounded, async () => {
  const page = await open(still);
  const signal = server.things.find((one) => one.kind === "traffic_signal" && one.presence === "online");
  await page.goto(`${server.url}/map?at=${signal.location.longitude},${signal.location.latitude},18`);
  await settled(page);
  await page.keyboard.press("m");
  await canvas(page).and(page.locator(":focus")).waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 2, name: signal.title }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("heading", { level: 2, name: signal.title }).waitFor({ state: "detached" });
  const before = at(page);
  await page.keyboard.press("ArrowRight");
  await until("the view moves east", () => at(page)[0] > before[0]);
  await page.keyboard.press("-");
  await until("the view zooms out", () => at(page)[2] < before[2]);
  await page.keyboard.press("f");
  await until("everything is in view", () => at(page)[2] < 15);
  await page.context().close();
});

test("the list says what is in view, follows the map and the kind, and what is near stands nearest first", bounded, async () => {
  const page = await open(still);
  await page.goto(`${server.url}/map?at=${middle},17`);
  const list = page.getByRole("table", { name: "Things in view" });
  await list.getByRole("row").first().waitFor();
  const all = Number((await page.getByRole("status").filter({ hasText: "things in view" }).textContent()).match(/\d+/)[0]);
  await page.getByRole("button", { name: /^Traffic signal/ }).click();
  await until("only signals are listed", async () => (await list.getByRole("row").allTextContents()).every((row) => row.includes("Traffic signal")));
  assert.ok(server.asked.some((one) => one.startsWith("GET /api/v1/map/tiles/")));
  assert.ok(Number((await page.getByRole("status").filter({ hasText: "in view" }).textContent()).match(/\d+/)[0]) < all);
  await page.getByRole("button", { name: /^All/ }).click();
  await page.getByRole("button", { name: "Near here", exact: true }).click();
  await page.getByRole("radio", { name: "100 m" }).click();
  await page.getByText(/things within 100 m/).waitFor();
  const far = (await list.getByRole("row").locator(".far").allTextContents()).map((text) => Number(text.match(/\d+/)[0]));
  assert.ok(far.length > 3);
  assert.deepEqual(far, far.toSorted((one, other) => one - other));
  const title = await list.getByRole("row").first().locator(".truncate").first().textContent();
  await list.getByRole("row").first().getByRole("button").click();
  await page.getByRole("heading", { level: 2, name: title, exact: true }).waitFor();
  await page.context().close();
});

test("tiles are asked for again while the map is looked at, and none is sent twice", { timeout: 60_000 }, async () => {
  const page = await open(still);
  await page.goto(`${server.url}/map?at=${middle},17`);
  await settled(page);
  const tiles = (method) => server.asked.filter((one) => one.startsWith(`${method} `) && one.includes("/map/tiles/")).length;
  const [asked, known] = [tiles("GET"), tiles("KNOWN")];
  await until("the tiles are asked for again", () => tiles("GET") >= asked + 2, 12_000);
  await until("the browser has them already", () => tiles("KNOWN") - known === tiles("GET") - asked);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("an alarm is found in the list, and the map goes where it is", bounded, async () => {
  const page = await open(still);
  await page.goto(`${server.url}/map`);
  await settled(page);
  await page.getByRole("radio", { name: "Alarms (3)" }).click();
  await page.getByRole("list", { name: "Alarms" }).getByText("Not on the map").waitFor();
  await page.getByRole("button", { name: /Signal dark/ }).click();
  await page.getByRole("link", { name: /Nothing from the controller/ }).waitFor();
  await until("the map is near it", () => at(page)[2] >= 16);
  await page.context().close();
});

test("a thing is placed by a press, by degrees, and taken back", { timeout: 90_000 }, async () => {
  const page = await open(still);
  const changes = () => server.changes.filter((one) => one.path === "/things/lamp-spare").map((one) => one.body.location);
  await page.goto(`${server.url}/map?at=${middle},18`);
  await settled(page);
  await page.getByRole("button", { name: /Place a thing/ }).click();
  await page.getByRole("searchbox", { name: "Search things that are not on the map" }).fill("spare");
  await page.getByRole("button", { name: /Spare lamp/ }).click();
  await page.getByRole("status").filter({ hasText: "Press where Spare lamp stands" }).waitFor();
  await pressMiddle(page);
  await page.getByText("Spare lamp is on the map").waitFor();
  const [longitude, latitude] = middle.split(",").map(Number);
  const [placed] = changes();
  assert.ok(Math.abs(placed.longitude - longitude) < 2e-5 && Math.abs(placed.latitude - latitude) < 2e-5, JSON.stringify(placed));
  await page.getByRole("button", { name: "Undo" }).click();
  await until("it is off the map again", () => changes().at(-1) === null);
  await page.getByRole("button", { name: "Place it" }).click();
  await page.getByLabel("Longitude").fill("126.91");
  await page.getByLabel("Latitude").fill("37.557");
  await page.getByRole("button", { name: "Place here" }).click();
  await until("it stands there", () => changes().at(-1)?.longitude === 126.91);
  await page.getByRole("button", { name: "Take off the map" }).click();
  await page.getByText("Spare lamp is off the map").waitFor();
  assert.equal(changes().at(-1), null);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("an import says what is wrong before anything is done, and what it did after", bounded, async () => {
  const page = await open(still);
  await page.goto(`${bare.url}/map`);
  await page.getByRole("button", { name: "Import a file" }).click();
  const lamp = (id) => ({ type: "Feature", properties: { ...(id ? { id } : {}), title: "Lamp", kind: "street_lamp" }, geometry: { type: "Point", coordinates: [126.978, 37.5665] } });
  const file = (name, features) => ({ name, mimeType: "application/geo+json", buffer: Buffer.from(JSON.stringify({ type: "FeatureCollection", features })) });
  const dialog = page.getByRole("dialog", { name: "Import from GeoJSON" });
  await dialog.getByLabel("File").setInputFiles(file("wrong.geojson", [lamp("lamp-1"), lamp(null)]));
  await dialog.getByRole("alert").getByText("1 row is wrong").waitFor();
  await dialog.getByRole("row", { name: /2 — the feature has no id/ }).waitFor();
  assert.ok(await dialog.getByRole("button", { name: "Import", exact: true }).isDisabled());
  await clean(page);
  await dialog.getByLabel("File").setInputFiles(file("right.geojson", [lamp("lamp-1"), lamp("lamp-2")]));
  await dialog.getByRole("button", { name: "Import 2 rows" }).click();
  await page.getByText("Imported: 0 spaces and 2 things").waitFor();
  await settled(page);
  assert.deepEqual(bare.changes.map((one) => one.dry), ["true", "true", "false"]);
  await page.context().close();
});

test("another moment is marked as one, colours by value, and goes back to now", bounded, async () => {
  const page = await open(still);
  await page.goto(`${server.url}/map?at=${middle},17`);
  await settled(page);
  const slider = page.getByRole("slider", { name: "Moment" });
  assert.equal(await slider.getAttribute("aria-valuetext"), "Now");
  await slider.focus();
  for (let step = 0; step < 12; step += 1) await page.keyboard.press("ArrowLeft");
  await page.getByRole("note").getByText("As it was at").waitFor();
  await page.getByText(/\d+ of \d+ known/).waitFor();
  assert.match(await slider.getAttribute("aria-valuetext"), /1 hr ago/);
  await page.getByLabel("Value").selectOption({ label: "Power (kW)" });
  await until("the list has the values of then", async () => (await page.locator(".then").allTextContents()).some((text) => text.endsWith("kW")));
  await page.getByRole("button", { name: "Back to now" }).click();
  await page.getByRole("note").getByText("As it was at").waitFor({ state: "detached" });
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("where nothing can be drawn the list says everything", bounded, async () => {
  const page = await open(still);
  await page.addInitScript(() => {
    const real = HTMLCanvasElement.prototype.getContext;
    HTMLCanvasElement.prototype.getContext = function (kind, ...rest) { return kind.startsWith("webgl") ? null : real.call(this, kind, ...rest); };
  });
  await page.goto(`${server.url}/map`);
  await page.getByRole("note").getByText("The map cannot be drawn here").waitFor();
  await page.getByRole("table", { name: "Things in view" }).getByRole("row").first().waitFor();
  page.errors = page.errors.filter((error) => !/WebGL/i.test(error));
  await clean(page);
  await page.context().close();
});

test("the words are there in Korean too", bounded, async () => {
  const page = await open({ ...still, locale: "ko-KR" });
  await page.addInitScript(() => localStorage.setItem("manmul.language", "ko"));
  await page.goto(`${server.url}/map?space=old-town`);
  await page.getByRole("heading", { name: "지도", level: 1 }).waitFor();
  await page.getByText("지구", { exact: true }).waitFor();
  await page.context().close();
});
