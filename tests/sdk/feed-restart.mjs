// The server ends, and is started again, while feeds of every client are open. Runs when nobody else needs the server.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { FEED_CLIENTS, ODD } from "./browsers.mjs";
import { address, eventually, unique } from "./clients.mjs";
import { counts, numbers, send, stored, trigger } from "./feeds.mjs";
import { link, listen, openFeed, openPage } from "./sockets.mjs";

console.error = () => {}; // where the clients write that nobody answers

/** The process that answers requests, as the stack tells other terminals. */
const serving = () => JSON.parse(readFileSync(`${process.env.DOORBELL_HOME}/stack.json`)).processes.api;

async function restart(signal) {
  const before = serving();
  process.kill(before, signal);
  await eventually(serving, (now) => now !== before, "another process has taken over");
  const health = () => fetch(`${address}/health`).then(({ status }) => status, () => "nobody answers");
  await eventually(health, (status) => status === 200, "it answers");
}

const shown = ({ feed }) => [numbers(stored(feed).items), counts(stored(feed).metadata)];

const arrived = (of, n) => eventually(() => of.received, (found) => found.includes(n), `message ${n} came by the socket`);

/** A page by a link that can be cut, of each client, and one that only loses the server. */
async function pages({ version, Client }) {
  const user = unique(`${ODD}:1`);
  const { host, cut } = await link();
  const away = await listen(openFeed(openPage(Client, user, { host })));
  const there = await listen(openFeed(openPage(Client, user)));
  const codes = [];
  there.socket.onClose(({ code }) => codes.push(code));
  return { version, user, cut, away, there, codes };
}

for (const [signal, code] of [["SIGTERM", 1012], ["SIGKILL", 1006]]) {
  test(`${signal}: pages come back, and are shown what came while they were away`, async () => {
    const every = await Promise.all(FEED_CLIENTS.map(pages));
    const users = every.map(({ user }) => user);
    const mends = every.map(({ cut }) => cut());
    await send(users, { n: 1 });
    await Promise.all(every.map(({ there }) => arrived(there, 1)));
    await restart(signal);
    for (const mend of mends) mend();
    await Promise.all(every.map(({ away }) => arrived(away, 1)));
    await trigger(users, { n: 2 });
    for (const { version, away, there, codes } of every) {
      await Promise.all([arrived(away, 2), arrived(there, 2)]);
      assert.deepEqual([away, there].map(shown), Array(2).fill([[2, 1], [2, 2, 2]]), version);
      assert.equal(codes[0], code, version);
    }
  });
}
