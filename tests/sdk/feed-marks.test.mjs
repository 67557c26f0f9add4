// What every client marks in a feed. The server says so to other pages as soon as the call has returned.
import assert from "node:assert/strict";
import { before, test } from "node:test";

import { FEED_CLIENTS, ODD, page } from "./browsers.mjs";
import { unique } from "./clients.mjs";
import { counts, feedId, marks, numbers, send, served, stored } from "./feeds.mjs";

const TITLES = ["marked", "taken out", "all", "some", "trigger data"];

/** A user for each test of each client, with four messages: the odd ones of a tenant. */
const users = FEED_CLIENTS.map(() => TITLES.map((title) => unique(`${title} ${ODD}:1`)));

before(async () => {
  for (const n of [0, 1, 2, 3]) await send(users.flat(), { n }, { tenant: n % 2 ? "acme" : undefined });
});

/** What is done, to which items, and what there is then: `[total, unread, unseen]`, and the marks of each item. */
const STEPS = [
  ["Seen", [3], [4, 4, 3], { 3: "seen" }],
  ["Seen", [2, 1], [4, 4, 1], { 3: "seen", 2: "seen", 1: "seen" }],
  ["Seen", [2, 1], [4, 4, 1], { 3: "seen", 2: "seen", 1: "seen" }],
  ["Unseen", [3], [4, 4, 2], { 2: "seen", 1: "seen" }],
  ["Unseen", [2, 1], [4, 4, 4], {}],
  ["Read", [3], [4, 3, 3], { 3: "read seen" }],
  ["Read", [2, 1], [4, 1, 1], { 3: "read seen", 2: "read seen", 1: "read seen" }],
  ["Read", [2, 1, 3], [4, 1, 1], { 3: "read seen", 2: "read seen", 1: "read seen" }],
  ["Unread", [3], [4, 2, 1], { 3: "seen", 2: "read seen", 1: "read seen" }],
  ["Unread", [2, 1], [4, 4, 1], { 3: "seen", 2: "seen", 1: "seen" }],
  ["Unseen", [3, 2, 1], [4, 4, 4], {}],
  ["Interacted", [0], [4, 3, 3], { 0: "interacted read seen" }],
  ["Interacted", [2, 1], [4, 1, 1], { 2: "interacted read seen", 1: "interacted read seen", 0: "interacted read seen" }],
  ["Archived", [3], [3, 0, 0], { 3: "archived", 2: "interacted read seen", 1: "interacted read seen", 0: "interacted read seen" }],
  ["Archived", [2, 1], [1, 0, 0], {
    3: "archived", 2: "archived interacted read seen", 1: "archived interacted read seen", 0: "interacted read seen",
  }],
  ["Unarchived", [3], [2, 1, 1], {
    2: "archived interacted read seen", 1: "archived interacted read seen", 0: "interacted read seen",
  }],
  ["Unarchived", [2, 1], [4, 1, 1], { 2: "interacted read seen", 1: "interacted read seen", 0: "interacted read seen" }],
];

for (const [place, { version, Client, cannot }] of FEED_CLIENTS.entries()) {
  const userOf = (title) => users[place][TITLES.indexOf(title)];

  async function opened(user, options) {
    const feed = page(Client, user).feeds.initialize(feedId, options);
    await feed.fetch();
    return feed;
  }

  test(`${version}: items are marked one by one and together, and their marks taken back`, async () => {
    const user = userOf("marked");
    const feed = await opened(user, { archived: "include" });
    for (const [status, ns, counted, marked] of STEPS) {
      const items = stored(feed).items.filter(({ data }) => ns.includes(data.n));
      const told = [];
      feed.on(`items.${status.toLowerCase()}`, ({ items }) => told.push(items.length));
      const metadata = status === "Interacted" ? [{ button: "yes" }] : [];
      const answer = await feed[`markAs${status}`](ns.length === 1 ? items[0] : items, ...metadata);
      assert.deepEqual(await marks(user), [counted, marked], `${status} ${ns}`);
      assert.deepEqual(answer.map(({ id }) => id).sort(), items.map(({ id }) => id).sort());
      assert.deepEqual(told, [ns.length]);
    }
  });

  test(`${version}: what is archived leaves the feed, and comes back`, async () => {
    const user = userOf("taken out");
    const [feed, archive] = [await opened(user), await opened(user, { archived: "only" })];
    await feed.markAsArchived(stored(feed).items[0]);
    assert.deepEqual([numbers(stored(feed).items), counts(stored(feed).metadata)], [[2, 1, 0], [3, 3, 3]]);
    await feed.fetch();
    assert.deepEqual([numbers(stored(feed).items), counts(stored(feed).metadata)], [[2, 1, 0], [3, 3, 3]]);
    await archive.fetch();
    assert.deepEqual([numbers(stored(archive).items), counts(stored(archive).metadata)], [[3], [1, 1, 1]]);
    await archive.markAsUnarchived(stored(archive).items[0]);
    const stays = cannot.includes("take what is unarchived out of an archive");
    assert.deepEqual(numbers(stored(archive).items), stays ? [3] : []);
    await Promise.all([feed.fetch(), archive.fetch()]);
    assert.deepEqual([numbers(stored(feed).items), stored(archive).items], [[3, 2, 1, 0], []]);
  });

  test(`${version}: everything is marked at once, also what was not fetched`, async () => {
    const user = userOf("all");
    const feed = await opened(user, { page_size: 1 });
    assert.equal((await feed.markAllAsSeen()).name, "messages.seen");
    const every = (marked) => Object.fromEntries([0, 1, 2, 3].map((n) => [n, marked]));
    assert.deepEqual(await marks(user), [[4, 4, 0], every("seen")]);
    assert.equal((await feed.markAllAsRead()).name, "messages.read");
    assert.deepEqual(await marks(user), [[4, 0, 0], every("read seen")]);
    const { name, status, __typename } = await feed.markAllAsArchived();
    assert.deepEqual([name, __typename], ["messages.archived", "BulkOperation"]);
    assert.ok(["queued", "processing", "completed"].includes(status), status);
    assert.deepEqual(await marks(user), [[0, 0, 0], every("archived read seen")]);
  });

  test(`${version}: marking all means what the feed shows`, async () => {
    const user = userOf("some");
    const tenant = await opened(user, { tenant: "acme", has_tenant: true });
    await tenant.markAllAsSeen();
    assert.deepEqual(await marks(user), [[4, 4, 2], { 1: "seen", 3: "seen" }]);
    const unseen = await opened(user, { status: "unseen" });
    await unseen.markAllAsRead();
    assert.deepEqual(await marks(user), [[4, 2, 0], { 0: "read seen", 1: "seen", 2: "read seen", 3: "seen" }]);
    const read = await opened(user, { status: "read" });
    await read.markAllReadAsArchived();
    assert.deepEqual(numbers((await served(user)).entries), [3, 1]);
    const archived = await opened(user, { archived: "only" });
    await archived.markAllAsSeen();
    const all = { 0: "archived read seen", 1: "seen", 2: "archived read seen", 3: "seen" };
    assert.deepEqual(await marks(user), [[2, 2, 0], all]);
  });

  test(`${version}: marking all that some trigger data brought`, async () => {
    const user = userOf("trigger data");
    const feed = await opened(user, { trigger_data: { n: 2 } });
    await feed.markAllAsSeen();
    const unlimited = cannot.includes("limit a bulk mark to trigger data");
    assert.deepEqual((await marks(user))[0], unlimited ? [4, 4, 0] : [4, 4, 3]);
  });
}
