// What reaches the feeds of every client over the socket, while they are open.
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { FEED_CLIENTS, ODD } from "./browsers.mjs";
import { channels, eventually, unique } from "./clients.mjs";
import { counts, feedId, INVOICE, numbers, send, stored, trigger } from "./feeds.mjs";
import { channelOf, joined, link, listen, news, openFeed, openPage, signIn, stateOf } from "./sockets.mjs";

const somebody = () => unique(`${ODD}:1`);

/** Waits until the socket has brought an item to a feed. */
const arrived = (of, n) => eventually(() => of.received, (found) => found.includes(n), `message ${n} came by the socket`);

const shown = ({ feed }) => [numbers(stored(feed).items), counts(stored(feed).metadata)];

const skip = !globalThis.WebSocket && "this Node has no WebSocket";

for (const { version, Client, cannot } of FEED_CLIENTS) {
  const alone = cannot.includes("join a topic for two feeds");

  describe(version, { skip, concurrency: true }, () => {
    test("a message counts on the badge, and is shown, without a fetch", async () => {
      const jane = somebody();
      const of = await listen(openFeed(openPage(Client, jane)));
      assert.deepEqual(shown(of), [[], [0, 0, 0]]);
      await trigger([jane], { n: 1 });
      await arrived(of, 1);
      assert.deepEqual(shown(of), [[1], [1, 1, 1]]);
      await of.feed.markAsRead(stored(of.feed).items);
      await trigger([jane], { n: 2 });
      await arrived(of, 2);
      assert.deepEqual(shown(of), [[2, 1], [2, 1, 1]]);
      const pushed = news(of).map(({ payload }) => payload);
      assert.deepEqual([pushed.at(0), pushed.at(-1)].map(({ metadata }) => counts(metadata)), [[1, 1, 1], [2, 1, 1]]);
      assert.ok(pushed.every(({ event }) => event === "new-message"));
    });

    test("messages that come at once are all counted and shown", async () => {
      const jane = somebody();
      const of = await listen(openFeed(openPage(Client, jane)));
      await Promise.all([1, 2, 3, 4, 5].map((n) => trigger([jane], { n })));
      await eventually(() => shown(of)[1], ([total]) => total === 5, "the badge counts five");
      await eventually(() => shown(of)[0].length, (length) => length === 5, "five are shown");
    });

    test(`of ${alone ? "pages" : "feeds of one page"} with filters, those are told whose filters a message matches`, async () => {
      const jane = somebody();
      const filters = [{ tenant: "acme", has_tenant: true }, { source: INVOICE }, { trigger_data: { project: "b" } }];
      const shared = openPage(Client, jane);
      const feeds = filters.map((options) => openFeed(alone ? openPage(Client, jane) : shared, options));
      for (const each of feeds) await listen(each);
      const told = () => feeds.map((each) => news(each).length > 0);
      await trigger([jane], { n: 1, project: "a" }, { tenant: "acme" });
      await arrived(feeds[0], 1);
      assert.deepEqual(told(), [true, false, false]);
      await trigger([jane], { n: 2, project: "a" }, { workflow: INVOICE });
      await arrived(feeds[1], 2);
      assert.deepEqual(told(), [true, true, false]);
      await trigger([jane], { n: 3, project: "b" });
      await arrived(feeds[2], 3);
      assert.deepEqual(feeds.map(shown), [[[1], [1, 1, 1]], [[2], [1, 1, 1]], [[3], [1, 1, 1]]]);
    });

    test("a feed may have every option that a page can give it", async () => {
      const jane = somebody();
      const [yesterday, tomorrow] = [-1, 1].map((days) => new Date(Date.now() + days * 86_400_000).toISOString());
      const everything = {
        ...{ status: "unread", archived: "include", mode: "rich", page_size: 5, tenant: "acme", has_tenant: true },
        ...{ source: INVOICE, workflow_categories: ["invoices", "x"], trigger_data: '{"project":"a"}' },
        ...{ "inserted_at.gte": yesterday, inserted_at_date_range: { start: yesterday, end: tomorrow } },
        ...{ auto_manage_socket_connection: true, auto_manage_socket_connection_delay: 10 },
        __experimentalCrossBrowserUpdates: true,
      };
      if (cannot.includes("name a range of dates")) delete everything.inserted_at_date_range;
      const of = await listen(openFeed(openPage(Client, jane), everything));
      await trigger([jane], { n: 1, project: "b" }, { workflow: INVOICE, tenant: "acme" });
      await trigger([jane], { n: 2, project: "a" }, { workflow: INVOICE, tenant: "acme" });
      await arrived(of, 2);
      assert.deepEqual(shown(of), [[2], [1, 1, 1]]);
    });

    test("each user and each channel has news of its own", async () => {
      const [jane, zoe] = [somebody(), somebody()];
      const page = openPage(Client, jane);
      const [first, second] = [await listen(openFeed(page)), await listen(openFeed(page, {}, channels["second-feed"]))];
      const other = await listen(openFeed(openPage(Client, zoe)));
      await trigger([jane], { n: 1 });
      await arrived(first, 1);
      await trigger([jane], { n: 2 }, { workflow: "second-feed" });
      await arrived(second, 2);
      await trigger([zoe], { n: 3 });
      await arrived(other, 3);
      assert.deepEqual([first, second, other].map(({ received }) => received), [[1], [2], [3]]);
      assert.deepEqual([first, second, other].map(shown), [[[1], [1, 1, 1]], [[2], [1, 1, 1]], [[3], [1, 1, 1]]]);
    });

    test("two pages of one user are both told", async () => {
      const jane = somebody();
      const pages = await Promise.all([1, 2].map(() => listen(openFeed(openPage(Client, jane)))));
      await trigger([jane], { n: 1 });
      await Promise.all(pages.map((each) => arrived(each, 1)));
      assert.deepEqual(pages.map(shown), [[[1], [1, 1, 1]], [[1], [1, 1, 1]]]);
    });

    test("a feed that was put away hears no more, the one beside it does", async () => {
      const jane = somebody();
      const page = openPage(Client, jane);
      const first = await listen(openFeed(page));
      const second = await listen(openFeed(page));
      first.feed.dispose();
      await trigger([jane], { n: 1 });
      await arrived(second, 1);
      assert.deepEqual([first, second].map(shown), [[[], [0, 0, 0]], [[1], [1, 1, 1]]]);
      assert.deepEqual(first.received, []);
    });

    test("a page that leaves its feed hears no more, and hears again when it has come back", async () => {
      const jane = somebody();
      const page = openPage(Client, jane);
      const [gone, witness] = [await listen(openFeed(page)), await listen(openFeed(openPage(Client, jane)))];
      gone.feed.teardown();
      await eventually(() => stateOf(gone), (state) => state === undefined, "the topic was left");
      await trigger([jane], { n: 1 });
      await arrived(witness, 1);
      assert.deepEqual([shown(gone), news(gone)], [[[], [0, 0, 0]], []]);
      const back = openFeed(page);
      await listen(back);
      await trigger([jane], { n: 2 });
      await arrived(back, 2);
      assert.deepEqual(shown(back), [[2, 1], [2, 2, 2]]);
    });

    test("a feed that takes the place of another survives the other's leave, also when that comes late", async () => {
      const jane = somebody();
      const page = openPage(Client, jane);
      const first = await listen(openFeed(page));
      const left = channelOf(first).joinRef();
      first.feed.dispose();
      const second = await listen(openFeed(page));
      const ref = page.socket.makeRef();
      page.socket.push({ topic: second.topic, event: "phx_leave", payload: {}, ref, join_ref: left });
      await eventually(() => page.frames.some((frame) => frame.ref === ref), Boolean, "the late leave is answered");
      assert.ok(page.frames.some(({ event, join_ref }) => event === "phx_close" && join_ref === left));
      await trigger([jane], { n: 1 });
      await arrived(second, 1);
      assert.deepEqual(shown(second), [[1], [1, 1, 1]]);
    });

    test("a page on which somebody else signs in hears of that user's feed only", async () => {
      const [jane, zoe] = [somebody(), somebody()];
      const before = await listen(openFeed(openPage(Client, jane)));
      await trigger([jane], { n: 1 });
      await arrived(before, 1);
      const after = signIn(before, zoe);
      await joined(after);
      await send([jane], { n: 2 });
      await trigger([zoe], { n: 3 });
      await arrived(after, 3);
      assert.deepEqual(after.received, [1, 3]);
      assert.ok(news(after).every(({ topic }) => topic === `feeds:${feedId}:${zoe}`));
    });

    test("what came while the link was cut is shown when it is mended", async () => {
      const jane = somebody();
      const { host, cut } = await link();
      const of = await listen(openFeed(openPage(Client, jane, { host })));
      await trigger([jane], { n: 1 });
      await arrived(of, 1);
      const mend = cut();
      await eventually(() => of.socket.isConnected(), (connected) => !connected, "the socket is cut");
      await send([jane], { n: 2 });
      assert.deepEqual(of.received, [1]);
      mend();
      await arrived(of, 2);
      assert.deepEqual(shown(of), [[2, 1], [2, 2, 2]]);
      await trigger([jane], { n: 3 });
      await arrived(of, 3);
      assert.deepEqual(shown(of), [[3, 2, 1], [3, 3, 3]]);
    });

    test("heartbeats are answered, and the socket stays", async () => {
      const of = await listen(openFeed(openPage(Client, somebody())));
      let closed = 0;
      of.socket.onClose(() => (closed += 1));
      for (const beats of [1, 2]) {
        of.socket.sendHeartbeat(); // which the client does every 30 s
        assert.ok(of.socket.pendingHeartbeatRef);
        await eventually(() => of.socket.pendingHeartbeatRef, (ref) => ref === null, "the heartbeat is answered");
        const answers = of.frames.filter(({ topic }) => topic === "phoenix");
        assert.deepEqual(answers.map(({ event, payload }) => [event, payload.status]), Array(beats).fill(["phx_reply", "ok"]));
      }
      assert.deepEqual([closed, stateOf(of)], [0, "joined"]);
    });
  });
}
