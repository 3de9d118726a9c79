// A floor is drawn, taken back, checked, simulated and used; orders come, wait, hurry and are cancelled; robots are seen live; who leads them is changed.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { base, call, close, enter, open, until } from "./support/browser.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const bounded = { timeout: 120_000 };
const patience = 90_000;
const canvas = () => page.locator(".picture canvas");
const tool = (name) => page.getByRole("radio", { name, exact: true }).click();
// A server that was tested before knows the names of before.
const mark = Date.now().toString(36);
let page;

before(async () => {
  page = await open({ bypassCSP: true, reducedMotion: "reduce" });
  await enter(page);
}, bounded);
after(close);

async function clean(what) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }));
  assert.deepEqual(found.violations.map((violation) => `${what}: ${violation.id}: ${violation.nodes.slice(0, 3).map((node) => node.target.join(" ")).join("; ")}`), []);
}

/** The floor in the editor, as it is exported. */
async function drawn() {
  return page.evaluate(() => new Promise((resume) => setTimeout(() => resume(JSON.parse(localStorage.getItem("manmul.floor.draft"))), 500)));
}

/** Presses keys on the drawing: "ArrowRight*3" is three presses. */
async function press(...keys) {
  await canvas().focus();
  for (const key of keys) {
    const [name, times = "1"] = key.split("*");
    for (let count = 0; count < Number(times); count += 1) await page.keyboard.press(name);
  }
}

async function choose(item) {
  await page.getByRole("button", { name: "Floor", exact: true }).click();
  await page.getByRole("button", { name: item }).click();
}

test("a floor is drawn with keys alone, and every step can be taken back", bounded, async () => {
  await page.goto(`${base}/fleet/floor`);
  await canvas().waitFor();
  await choose("New floor");
  await page.getByLabel("Rows").fill("8");
  await page.getByLabel("Columns").fill("12");
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await page.getByText("Nothing is wrong with this floor.").waitFor();
  await press("b", "ArrowDown*2", "ArrowRight*2", "Space", "ArrowDown", "ArrowRight*3", "Space");
  await press("s", "ArrowDown", "Space", "ArrowLeft*3", "Space");
  assert.deepEqual((await drawn()).ground.grid.rows.slice(2, 4), ["..@@@@......", "..@@@@......"]);
  assert.deepEqual((await drawn()).storages.map((one) => one.node), ["r4c2", "r4c3", "r4c4", "r4c5"]);
  await press("Control+z");
  assert.deepEqual((await drawn()).storages ?? [], []);
  await press("Control+y");
  assert.equal((await drawn()).storages.length, 4);
  await page.getByText(/Row 4, column 2: Aisle; Storage/).waitFor();
  await clean("editor");
});

test("a station is drawn by hand, its numbers are given, and a fault is marked and led to", bounded, async () => {
  const box = await canvas().boundingBox();
  const side = Math.min((box.width - 24) / 12, (box.height - 24) / 8);
  const at = (row, column) => [box.x + box.width / 2 + (column - 5.5) * side, box.y + box.height / 2 + (row - 3.5) * side];
  const drag = async (from, to) => { await page.mouse.move(...at(...from)); await page.mouse.down(); await page.mouse.move(...at(...to), { steps: 5 }); await page.mouse.up(); };
  await tool("Station");
  await page.mouse.click(...at(0, 11));
  await page.getByLabel("Service time").fill("4");
  await page.getByLabel("Service time").press("Tab");
  await tool("Charger");
  await drag([7, 0], [7, 1]);
  await tool("One-way");
  await drag([6, 9], [6, 2]);
  const floor = await drawn();
  assert.deepEqual(floor.stations, [{ id: "station-1", nodes: ["r0c11"], service_seconds: 4 }]);
  assert.deepEqual(floor.ground.grid.lanes, [{ from: [6, 2], to: [6, 9], direction: "west" }]);
  assert.equal(floor.chargers.length, 2);
  await tool("Closed");
  await drag([0, 10], [1, 10]);
  await drag([1, 10], [1, 11]);
  await page.getByText("1 fault", { exact: true }).waitFor();
  assert.ok(await page.getByRole("button", { name: "Simulate this floor" }).isDisabled());
  await page.getByRole("button", { name: /station station-1.*cannot be reached/ }).click();
  await page.getByLabel("Id", { exact: true }).waitFor();
  await press("Control+z*2");
  await page.getByText("Nothing is wrong with this floor.").waitFor();
  await tool("Select");
  await drag([2, 2], [4, 5]);
  await press("Control+c", "ArrowRight*3", "Control+v");
  assert.equal((await drawn()).storages.length, 8);
  await press("Control+z");
});

test("a floor goes to a file and comes back, and a file that is none is refused with reasons", bounded, async () => {
  const download = page.waitForEvent("download");
  await choose("Export as LIF");
  const file = readFileSync(await (await download).path());
  assert.equal(JSON.parse(String(file)).layouts[0].stations.length, 1);
  const input = page.locator("input[type=file]");
  page.errors.length = 0;
  await input.setInputFiles({ name: "hall.map", mimeType: "text/plain", buffer: Buffer.from("type octile\nheight 2\nwidth 3\nmap\n...\n..\n") });
  await page.getByText(/line 6: 2 cells, the width is 3/).waitFor();
  page.errors.length = 0;
  await input.setInputFiles({ name: "hall.lif.json", mimeType: "application/json", buffer: file });
  await page.getByRole("radio", { name: "Way", exact: true }).waitFor();
  assert.equal((await drawn()).ground.graph.nodes.length > 50, true);
  await page.getByRole("button", { name: "Undo" }).last().click();
  await page.getByRole("radio", { name: "Aisle", exact: true }).waitFor();
  assert.deepEqual(page.errors, []);
});

test("the drawn floor is simulated", bounded, async () => {
  await page.getByRole("button", { name: "Simulate this floor" }).click();
  await page.getByText(/1 stations/).waitFor();
  await page.getByLabel("Name", { exact: true }).fill("On the drawn floor");
  await page.getByLabel("Robots", { exact: true }).fill("3");
  await page.getByLabel("Simulated time").fill("2");
  await page.getByLabel("Repetitions").fill("1");
  await page.getByRole("button", { name: "Simulate", exact: true }).click();
  await page.waitForURL(/\/runs\/run-/);
  await page.getByRole("region", { name: "Replay" }).waitFor({ timeout: patience });
});

test("a floor is put to use", bounded, async () => {
  await page.goto(`${base}/fleet/floor`);
  await canvas().waitFor();
  const back = await call(page, "GET", "/fleet/floor").catch(() => null);
  page.errors.length = 0;
  if (back !== null) {
    // Robots are at work on another floor: theirs is changed a little and not taken away.
    await choose("Back to the floor in use");
    await page.getByLabel("Name", { exact: true }).fill(`Hall ${mark}`);
    await page.getByLabel("Name", { exact: true }).press("Tab");
  }
  await page.getByRole("button", { name: "Use this floor live" }).click();
  const dialog = page.getByRole("dialog");
  const plain = dialog.getByRole("button", { name: "Use it", exact: true });
  if (await plain.isVisible()) await plain.click();
  else await hold(dialog.getByRole("button", { name: "Hold to use it" }));
  await page.getByText("In use", { exact: true }).waitFor();
  const floor = await call(page, "GET", "/fleet/floor");
  if (back !== null) assert.equal(floor.drawing.floor.name, `Hall ${mark}`);
});

async function hold(button) {
  await button.hover();
  await page.mouse.down();
  await page.waitForTimeout(1300);
  await page.mouse.up();
}

test("robots are seen live, one is chosen and followed, and the table says the same", bounded, async () => {
  let { items } = await call(page, "GET", "/fleet/robots");
  if (items.length === 0) {
    await call(page, "POST", "/fleet/robots", { manufacturer: "acme", serial: "first", version: "2.1" });
    ({ items } = await call(page, "GET", "/fleet/robots"));
  }
  await page.goto(`${base}/fleet`);
  await page.locator(".live canvas[role=img]").waitFor();
  // The robots' list comes beside the floor; until it is there, the key has nobody to choose.
  await until("a robot is chosen by key", async () => {
    await page.keyboard.press("n");
    return /robot=/.test(page.url());
  });
  await page.getByText("Battery").waitFor();
  await page.getByRole("button", { name: "Follow", exact: true }).click();
  await page.getByRole("button", { name: "Stop following" }).waitFor();
  await page.getByLabel("Congestion").check();
  await clean("live floor");
  await page.getByRole("link", { name: "Robots", exact: true }).click();
  await page.locator("tbody tr").first().waitFor();
  assert.equal(await page.locator("tbody tr").count(), Math.min(items.length, 100));
  await page.getByLabel("Search by name, place or order").fill(items[0].address);
  await until("one robot is found", async () => (await page.locator("tbody tr").count()) === 1);
  await clean("robots");
});

test("a robot joins the fleet and leaves it", bounded, async () => {
  await page.goto(`${base}/fleet/robots?search=browser-${mark}`);
  await page.getByRole("button", { name: "Add a robot" }).click();
  await page.getByLabel("Manufacturer").fill("acme");
  await page.getByLabel("Serial number").fill(`browser-${mark}`);
  await page.getByText("Advanced", { exact: true }).click();
  await page.getByRole("button", { name: "Add a parameter" }).click();
  await page.getByLabel("Key", { exact: true }).fill("lift");
  await page.getByLabel("Value", { exact: true }).fill("0.35");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByRole("row", { name: new RegExp(mark) }).waitFor();
  const added = (await call(page, "GET", "/fleet/robots")).items.find((robot) => robot.address.includes(`browser-${mark}`));
  assert.deepEqual(added.parameters, { lift: 0.35 });
  await page.getByRole("row", { name: new RegExp(mark) }).getByRole("button", { name: /Remove/ }).click();
  await until("the row is gone", async () => (await page.getByRole("row", { name: new RegExp(mark) }).count()) === 0);
  await until("the robot is gone", async () => !(await call(page, "GET", "/fleet/robots")).items.some((robot) => robot.address.includes(`browser-${mark}`)), 15_000);
});

test("an order is created, refused where it is wrong, hurried and cancelled", bounded, async () => {
  const { drawing } = await call(page, "GET", "/fleet/floor");
  const [from, to] = [drawing.storages[0].id, drawing.stations[0].id];
  await page.goto(`${base}/fleet/orders`);
  await page.getByRole("button", { name: "New order" }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("From", { exact: true }).fill("nowhere");
  await dialog.getByLabel("To", { exact: true }).fill(to);
  await dialog.getByText("The floor has no such place").waitFor();
  page.errors.length = 0;
  await dialog.getByRole("button", { name: "Create" }).click();
  await until("the refusal is told", async () => /nowhere/.test(await dialog.innerText()));
  assert.ok(page.errors.every((text) => text.includes("422")), page.errors.join());
  page.errors.length = 0;
  await dialog.getByLabel("From", { exact: true }).fill(from);
  await dialog.getByLabel("Id", { exact: true }).fill(`hand-${mark}`);
  await dialog.getByRole("button", { name: "Create" }).click();
  await page.getByText(`Order hand-${mark} created`).waitFor();
  assert.equal((await call(page, "GET", `/fleet/orders/hand-${mark}`)).from, from);

  // Nobody begins it before tomorrow, so that it waits while it is looked at.
  await call(page, "POST", "/fleet/orders", { id: `later-${mark}`, from, to, not_before: new Date(Date.now() + 86_400_000).toISOString() });
  await page.getByRole("button", { name: `Actions for order later-${mark}` }).click();
  await page.getByRole("button", { name: "Priority 9" }).click();
  await until("it is hurried", async () => (await call(page, "GET", `/fleet/orders/later-${mark}`)).priority === 9);
  await clean("orders");
  await page.getByRole("button", { name: `Actions for order later-${mark}` }).click();
  await page.getByRole("button", { name: "Cancel the order" }).click();
  await page.getByRole("button", { name: "Undo" }).last().click();
  await page.getByRole("button", { name: `Actions for order later-${mark}` }).click();
  await page.getByRole("button", { name: "Cancel the order" }).click();
  await until("it is cancelled", async () => (await call(page, "GET", `/fleet/orders/later-${mark}`)).state === "cancelled", 15_000);
  await page.goto(`${base}/fleet/orders?order=later-${mark}`);
  await page.getByText("Cancelled", { exact: true }).waitFor();
});

test("a table of orders is refused row by row, and its good rows are taken when asked", bounded, async () => {
  const { drawing } = await call(page, "GET", "/fleet/floor");
  const [from, to] = [drawing.storages[0].id, drawing.stations[0].id];
  await page.goto(`${base}/fleet/orders`);
  await page.getByRole("button", { name: "Import CSV" }).click();
  await page.getByLabel("Or paste it here").fill(`from,to,priority\n${from},${to},2\n${from},nowhere,2\n`);
  await page.getByRole("button", { name: "Import", exact: true }).click();
  await page.getByText("Row 3").waitFor();
  await clean("import");
  await page.getByRole("button", { name: "Import only the 1 good row" }).click();
  await page.getByText("1 order imported").waitFor();
});

test("a webhook is set and removed", bounded, async () => {
  await page.getByRole("button", { name: "Webhook" }).click();
  await page.getByLabel("Address", { exact: true }).fill("http://127.0.0.1:9/orders");
  await page.getByLabel("Secret").fill("s3cret");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("The webhook is set").waitFor();
  assert.equal((await call(page, "GET", "/fleet/webhook")).url, "http://127.0.0.1:9/orders");
  await page.getByRole("button", { name: "Webhook" }).click();
  await page.getByRole("button", { name: "Remove", exact: true }).click();
  await page.getByText("The webhook is removed").waitFor();
});

test("shadow is suggested, and hands are taken off", bounded, async () => {
  const { mode } = await call(page, "GET", "/fleet");
  await page.goto(`${base}/fleet`);
  await page.getByRole("button", { name: "Change", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("The simulation it rests on").waitFor();
  await clean("mode");
  await dialog.getByRole("radio", { name: /^Shadow/ }).check();
  await dialog.getByRole("button", { name: "Start shadow" }).click();
  await page.getByText(/What the policy would do is recorded/).waitFor();
  await page.getByRole("button", { name: "Change", exact: true }).click();
  if (mode === "hands_off") {
    await dialog.getByRole("radio", { name: /^Hands off/ }).check();
    await dialog.getByRole("button", { name: "Hands off", exact: true }).click();
  } else await hold(dialog.getByRole("button", { name: /^Roll back/ }));
  await until("it is as it was", async () => (await call(page, "GET", "/fleet")).mode === mode);
});

test("on a phone, in the dark and in Korean, every page of it fits and axe finds nothing", bounded, async () => {
  const phone = await open({ bypassCSP: true, reducedMotion: "reduce", colorScheme: "dark", viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });
  await enter(phone);
  await phone.evaluate(() => localStorage.setItem("manmul.language", "ko"));
  const desk = page;
  page = phone;
  for (const path of ["/fleet", "/fleet/orders?state=all", "/fleet/robots", "/fleet/floor"]) {
    await page.goto(base + path);
    await page.locator(".panel, .empty").first().waitFor();
    await page.waitForTimeout(900);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(overflow <= 0, `${path} is ${overflow} px wider than the screen`);
    await clean(path);
  }
  assert.deepEqual(page.errors, []);
  page = desk;
});
