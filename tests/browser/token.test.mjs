// Enhanced security, in production: a page shows the feed of the user whom its token is for.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { before } from "node:test";
import { promisify } from "node:util";

import Knock, { signUserToken } from "@knocklabs/node";

import { address, unique } from "../sdk/clients.mjs";
import { FeedPage, joins, marks, pageTest, until } from "./pages.mjs";

const PRODUCTION = ["--environment", "production"];
const live = new Knock({ apiKey: "sk_live_doorbell", baseURL: address, maxRetries: 0 });
let signingKey;

async function doorbell(...command) {
  const { stdout } = await promisify(execFile)(process.env.DOORBELL_TEST_PYTHON, ["-m", "doorbell", ...command]);
  return stdout.trim();
}

before(async () => {
  signingKey = await doorbell("keys", "signing", "create", "--base64", ...PRODUCTION);
  await doorbell("configure", "--enhanced-security", "on", ...PRODUCTION);
});

pageTest("With a token the feed is live and can be marked", async (seen) => {
  const token = await signUserToken(seen.user, { signingKey });
  const feed = await seen.open({ key: "pk_live_doorbell", token });
  const message = await joins(seen.user, "Nora Reyes", { through: live });
  await feed.badge(1);
  await feed.openPopover();
  await feed.markAllAsRead.click();
  await until(() => marks(message, live), "read seen", "the message's marks");
});

pageTest("Without a token, and with another user's, the feed stays empty", async (seen) => {
  await joins(seen.user, "Nora Reyes", { through: live });
  for (const token of ["", await signUserToken(unique("eve"), { signingKey })]) {
    const page = await seen.context.newPage();
    const refusal = page.waitForResponse((response) => response.url().includes(`/feeds/`) && response.request().method() === "GET");
    const query = new URLSearchParams({ user: seen.user, host: address, key: "pk_live_doorbell", token });
    await page.goto(`${process.env.DOORBELL_TEST_PAGES}/?${query}`);
    assert.equal((await refusal).status(), token ? 403 : 401);
    const feed = new FeedPage(page, seen.user);
    await feed.openPopover();
    await page.getByText("No notifications yet").waitFor();
    assert.equal(await feed.items.count(), 0);
    await feed.badge(0);
  }
});
