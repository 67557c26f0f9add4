// Pages of the feed example in a headless Chromium, each test with a user of its own. What a page looked like at the end of a
// test is kept as a picture.
import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { after, before, test } from "node:test";

import { chromium } from "playwright-core";

import { address, channels, eventually, knock, unique } from "../sdk/clients.mjs";

export const feedId = channels["in-app-feed"];

const SCREENSHOTS = process.env.DOORBELL_TEST_SCREENSHOTS;
const SIZE = { width: 820, height: 640 };
const PATIENCE = 60_000;

let browser;

before(async () => {
  browser = await chromium.launch({ executablePath: process.env.DOORBELL_TEST_CHROMIUM });
});
after(() => browser?.close());

/** A test with a browser of its own (`seen`), which fails when a script on one of its pages does. */
export function pageTest(name, body) {
  test(name, async () => {
    const context = await browser.newContext({ viewport: SIZE });
    const errors = [];
    context.on("weberror", (error) => errors.push(error.error()));
    const seen = new Seen(context);
    try {
      await body(seen);
      assert.deepEqual(errors, []);
      await keep(context, name);
    } catch (error) {
      await keep(context, `FAILED ${name}`);
      throw error;
    } finally {
      await context.close();
    }
  });
}

async function keep(context, name) {
  const file = basename(process.argv[1], ".test.mjs");
  for (const [number, page] of context.pages().entries()) {
    const words = `${file} ${name} ${number || ""}`.toLowerCase().match(/[\p{L}\p{N}]+/gu);
    await page.screenshot({ path: join(SCREENSHOTS, `${words.join("-")}.png`) }).catch(() => {});
  }
}

const isFetch = (request) => request.method() === "GET" && new URL(request.url()).pathname.includes("/feeds/");

class Seen {
  constructor(context) {
    this.context = context;
    this.user = unique("jane");
    this.fetching = new Set();
    context.on("request", (request) => isFetch(request) && this.fetching.add(request));
    for (const end of ["requestfinished", "requestfailed"]) context.on(end, (request) => this.fetching.delete(request));
  }

  /** Waits until no page is fetching its feed: the components fetch nothing more while they do. */
  async settled() {
    await until(() => this.fetching.size, 0, "the pages' fetches");
  }

  /** The example's page of a user, once its feed is shown and its socket has joined. */
  async open({ user = this.user, host = address, ...settings } = {}) {
    const page = await this.context.newPage();
    const joins = joined(page);
    const query = new URLSearchParams({ user, host, ...settings });
    await page.goto(`${process.env.DOORBELL_TEST_PAGES}/?${query}`);
    await joins;
    return new FeedPage(page, user);
  }
}

/** The server's next answer that a feed's topic is joined: from then on, what arrives is pushed. */
export function joined(page) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`after ${PATIENCE / 1000} s the feed's topic is not joined`)), PATIENCE);
    page.on("websocket", (socket) => {
      if (!socket.url().includes("/ws/v1/websocket")) return;
      socket.on("framereceived", ({ payload }) => {
        const [, , topic, event, { status }] = JSON.parse(payload);
        if (topic.startsWith("feeds:") && event === "phx_reply" && status === "ok") resolve(clearTimeout(timer));
      });
    });
  });
}

/** What a person sees of a feed, and does with it. */
export class FeedPage {
  constructor(page, user) {
    this.page = page;
    this.user = user;
    this.bell = page.getByRole("button", { name: "Open notification feed" });
    this.items = page.locator(".rnf-notification-cell");
    this.unread = page.locator(".rnf-notification-cell__unread-dot");
    this.markAllAsRead = page.getByRole("button", { name: "Mark all as read" });
    this.filter = page.getByLabel("Select notification filter");
  }

  item(text) {
    return this.items.filter({ hasText: text });
  }

  /** Waits until the badge shows a number; 0: until there is none. */
  async badge(number) {
    const badge = this.page.locator(".rnf-unseen-badge");
    if (number === 0) await badge.waitFor({ state: "detached" });
    else await badge.getByText(String(number), { exact: true }).waitFor();
  }

  /** Waits until the popover shows so many items. */
  async shows(number) {
    await until(() => this.items.count(), number, "the items that are shown");
  }

  async openPopover() {
    await this.bell.click();
    await this.page.getByRole("dialog", { name: "Notifications" }).waitFor();
  }

  async closePopover() {
    await this.bell.click();
    await this.page.getByRole("dialog", { name: "Notifications" }).waitFor({ state: "hidden" });
  }

  /** Puts a mark on the page that a reload would wipe off. The returned function fails if it is gone. */
  async notToBeReloaded() {
    await this.page.evaluate(() => (window.stillHere = true));
    return async () => assert.equal(await this.page.evaluate(() => window.stillHere), true, "the page was reloaded");
  }
}

/** Waits until what is asked for is this value. */
export const until = (ask, value, what) => eventually(ask, (found) => found === value, `${what}: ${value}`);

/** Lets somebody join an account, and tells a user; its message, once it is delivered. */
export async function joins(user, name, { account = "Acme", through = knock, ...options } = {}) {
  return told(user, "account-invite-accepted", { actor: { id: unique("actor"), name }, through, ...options }, {
    accountName: account,
    accountSlug: "acme",
  });
}

/** Triggers a workflow for a user; the message in their feed, once it is delivered. */
export async function told(user, workflow, { through = knock, ...options }, data) {
  const { workflow_run_id } = await through.workflows.trigger(workflow, { recipients: [user], data, ...options });
  const messages = () => through.messages.list({ workflow_run_id, channel_id: feedId }).then(({ items }) => items);
  const [message] = await eventually(messages, ([first]) => first?.status === "delivered", `${user} has the message`);
  return message;
}

/** What the server has on record of a message, such as `interacted read seen`. */
export const marks = async ({ id }, through = knock) => (await through.messages.get(id)).engagement_statuses.toSorted().join(" ");
