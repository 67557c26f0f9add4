// The example as its README tells it: `make feed`, and a notification within seconds.
import { execFile, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { after, before } from "node:test";
import { promisify, stripVTControlCharacters } from "node:util";

import { address, eventually } from "../sdk/clients.mjs";
import { FeedPage, joined, pageTest } from "./pages.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const INSTALLED = "examples/feed/node_modules/.installed";

let server;
let printed = "";

const addressOfPage = () => stripVTControlCharacters(printed).match(/http:\/\/127\.0\.0\.1:\d+\//)?.[0];

before(async () => {
  const env = { ...process.env, VITE_KNOCK_HOST: address };
  server = spawn("make", ["--assume-old", INSTALLED, "feed"], { cwd: ROOT, env, detached: true });
  for (const output of [server.stdout, server.stderr]) output.on("data", (data) => (printed += data));
  await eventually(() => addressOfPage(), Boolean, "the page's address is printed");
});
after(() => process.kill(-server.pid, "SIGKILL"));

async function open(seen) {
  const page = await seen.context.newPage();
  const joins = joined(page);
  await page.goto(`${addressOfPage()}?user=${seen.user}`);
  await joins;
  return new FeedPage(page, seen.user);
}

pageTest("The button sends a notification to whoever is named", async (seen) => {
  const feed = await open(seen);
  await feed.page.getByRole("button", { name: "Send “A new invoice”" }).click();
  await feed.badge(1);
  await feed.page.getByText("Somebody has joined").click();
  await feed.page.getByLabel("Name").fill("Omar Haddad");
  await feed.page.getByRole("button", { name: "Send “Somebody has joined”" }).click();
  await feed.badge(2);
  await feed.openPopover();
  await feed.item("Grace Hopper for € 1,200").waitFor();
  await feed.item("Omar Haddad has joined Acme").click();
  await feed.page.getByRole("heading", { name: "/acme/members" }).waitFor();
  await feed.page.getByRole("link", { name: "Back" }).click();
  await feed.page.getByText(seen.user).first().waitFor();
});

pageTest("The command that is shown does the same", async (seen) => {
  const feed = await open(seen);
  await feed.page.getByLabel("Customer").fill("Miles O'Brien");
  await promisify(execFile)("sh", ["-c", await feed.page.locator("pre").innerText()]);
  await feed.badge(1);
  await feed.openPopover();
  await feed.item("Miles O'Brien").waitFor();
});

pageTest("While nothing answers the page says what to start, and then goes on", async (seen) => {
  const page = await seen.context.newPage();
  await page.route(`${address}/**`, (request) => request.abort());
  await page.goto(`${addressOfPage()}?user=${seen.user}`);
  await page.getByRole("alert").getByText("make dev").waitFor();
  const joins = joined(page);
  await page.unroute(`${address}/**`);
  await joins;
  await page.getByRole("alert").waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Send “A new invoice”" }).click();
  await new FeedPage(page, seen.user).badge(1);
});
