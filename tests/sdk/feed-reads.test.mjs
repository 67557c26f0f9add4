// What every client reads of a feed: pages, filters and the form of an item.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, test } from "node:test";

import { FEED_CLIENTS, ODD, page } from "./browsers.mjs";
import { eventually, knock, unique } from "./clients.mjs";
import { ACCEPTED, counts, feedId, INVOICE, numbers, sendAll, served, stored } from "./feeds.mjs";

const jane = unique(`${ODD}:1`);
const DAY = 86_400_000;
const [yesterday, tomorrow] = [-DAY, DAY].map((time) => new Date(Date.now() + time).toISOString());
let times;

before(async () => {
  await knock.users.update("bob", { name: "Bob" });
  await sendAll([jane], [
    { actor: "bob", data: { project: "a", nested: { deep: [1] }, accountName: "<b>Acme</b>", accountSlug: "acme" } },
    { tenant: "acme", data: { project: "b" } },
    { workflow: INVOICE, data: { project: "a", name: "42", url: "https://example.com/42" } },
    { tenant: "other", data: {} },
    { data: {} },
  ]);
  const { entries } = await served(jane);
  const [fourth, , second, first] = entries;
  await knock.messages.archive(fourth.id);
  await knock.messages.markAsSeen(second.id);
  await knock.messages.markAsRead(first.id);
  times = Object.fromEntries(entries.map((item) => [item.data.n, item.inserted_at]));
});

/** What options find: the numbers of the items, newest first, and the counts `[total, unread, unseen]`. */
const FOUND = [
  [{}, [3, 2, 1, 0], [4, 3, 2]],
  [{ status: "all" }, [3, 2, 1, 0], [4, 3, 2]],
  [{ status: "unread" }, [3, 2, 0], [4, 3, 2]],
  [{ status: "read" }, [1], [4, 3, 2]],
  [{ status: "unseen" }, [3, 0], [4, 3, 2]],
  [{ status: "seen" }, [2, 1], [4, 3, 2]],
  [{ archived: "include" }, [4, 3, 2, 1, 0], [5, 4, 3]],
  [{ archived: "only" }, [4], [1, 1, 1]],
  [{ tenant: "acme" }, [2, 1, 0], [3, 2, 1]],
  [{ tenant: "acme", has_tenant: true }, [1], [1, 0, 0]],
  [{ has_tenant: true }, [3, 1], [2, 1, 1]],
  [{ has_tenant: false }, [2, 0], [2, 2, 1]],
  [{ source: INVOICE }, [2], [1, 1, 0]],
  [{ source: ACCEPTED, status: "unread" }, [3, 0], [3, 2, 2]],
  [{ workflow_categories: ["invoices"] }, [2], [1, 1, 0]],
  [{ workflow_categories: ["invoices", "account"] }, [3, 2, 1, 0], [4, 3, 2]],
  [{ workflow_categories: ["none-has-it"] }, [], [0, 0, 0]],
  [{ trigger_data: { project: "a" } }, [2, 0], [2, 2, 1]],
  [{ trigger_data: { project: "a", n: 2 } }, [2], [1, 1, 0]],
  [{ "inserted_at.gt": yesterday, "inserted_at.lt": tomorrow }, [3, 2, 1, 0], [4, 3, 2]],
  [{ "inserted_at.gte": tomorrow }, [], [0, 0, 0]],
  [{ page_size: 1 }, [3], [4, 3, 2]],
];

/** What ranges of dates find, between messages that are there. */
const ranges = () => [
  [{ start: yesterday, end: tomorrow, inclusive: true }, [3, 2, 1, 0]],
  [{ start: times[1], end: times[2], inclusive: true }, [2, 1]],
  [{ start: times[0], end: times[3] }, [2, 1]],
  [{ start: times[2] }, [3]],
  [{ end: yesterday }, []],
];

/** What each item has for the components, whatever the client asks for. */
const ALWAYS = ["__cursor", "id", "actors", "total_actors", "blocks", "data", "source", "tenant", "inserted_at", "updated_at"];
const TIMES = ["read_at", "seen_at", "archived_at", "clicked_at", "interacted_at", "link_clicked_at"];

for (const { version, folder, Client, cannot } of FEED_CLIENTS) {
  const found = async (options) => (await page(Client, jane).feeds.initialize(feedId, options).fetch()).data;

  test(`${version}: it is this version, and cannot: ${cannot.join("; ") || "nothing is missing"}`, () => {
    const file = new URL(`node_modules/${folder}/package.json`, import.meta.url);
    assert.equal(JSON.parse(readFileSync(file)).version, version);
  });

  test(`${version}: a feed is filtered, and counted`, async () => {
    for (const [options, items, counted] of FOUND) {
      const { entries, meta } = await found(options);
      assert.deepEqual([numbers(entries), counts(meta)], [items, counted], JSON.stringify(options));
    }
  });

  const skip = cannot.includes("name a range of dates") && `${version} cannot name a range of dates`;
  test(`${version}: a feed is limited to a range of dates`, { skip }, async () => {
    for (const [inserted_at_date_range, items] of ranges()) {
      const { entries } = await found({ inserted_at_date_range });
      assert.deepEqual(numbers(entries), items, JSON.stringify(inserted_at_date_range));
    }
  });

  test(`${version}: a feed is read to its end, page by page`, async () => {
    const feed = page(Client, jane).feeds.initialize(feedId, { page_size: 3, archived: "include" });
    const pages = [];
    feed.on("items.received.page", ({ items }) => pages.push(numbers(items)));
    await feed.fetch();
    assert.ok(stored(feed).pageInfo.after);
    await feed.fetchNextPage();
    await eventually(() => stored(feed).pageInfo.after, (after) => after === null, "the last page is there");
    assert.equal(await feed.fetchNextPage(), undefined);
    assert.deepEqual(pages, [[4, 3, 2], [1, 0]]);
    assert.deepEqual(numbers(stored(feed).items), [4, 3, 2, 1, 0]);
    assert.deepEqual(counts(stored(feed).metadata), [5, 4, 3]);
  });

  test(`${version}: what is newer than an item is put before it`, async () => {
    const feed = page(Client, jane).feeds.initialize(feedId);
    const [, , oldButOne] = (await feed.fetch()).data.entries;
    const { data } = await feed.fetch({ before: oldButOne.__cursor });
    assert.deepEqual([numbers(data.entries), numbers(stored(feed).items)], [[3, 2], [3, 2, 1, 0]]);
  });

  test(`${version}: an item has everything that components need`, async () => {
    const { entries, meta, page_info } = await found({});
    const compact = !cannot.includes("read a feed in compact mode unasked");
    for (const item of entries) {
      for (const field of ALWAYS) assert.ok(item[field] !== undefined, field);
      for (const field of TIMES) assert.ok(item[field] === null || Date.parse(item[field]), field);
      assert.equal(Array.isArray(item.activities), !compact);
      assert.deepEqual(item.blocks.map(({ name }) => name), ["body", "action_url"]);
    }
    const oldest = entries.at(-1);
    assert.match(oldest.blocks[0].rendered, /<strong>Bob<\/strong>.*&lt;b&gt;Acme&lt;\/b&gt;/);
    assert.equal(oldest.blocks[1].rendered, "/acme/members");
    assert.equal(oldest.actors[0].name, "Bob");
    assert.deepEqual(oldest.data.nested, compact ? undefined : { deep: [1] });
    assert.equal(oldest.source.key, ACCEPTED);
    assert.deepEqual([meta.__typename, page_info.after, page_info.page_size], ["FeedMetadata", null, 50]);
  });

  test(`${version}: a user whom nobody knows has an empty feed`, async () => {
    const feed = page(Client, unique("nobody")).feeds.initialize(feedId);
    assert.equal((await feed.fetch()).status, "ok");
    assert.deepEqual([stored(feed).items, counts(stored(feed).metadata)], [[], [0, 0, 0]]);
  });
}
