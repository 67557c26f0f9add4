// Feeds over the socket under enhanced security, in production: a user's token opens that user's topic only.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";

import Knock, { signUserToken } from "@knocklabs/node";

import { doorbell, FEED_CLIENTS, ODD } from "./browsers.mjs";
import { address, eventually, noting, unique } from "./clients.mjs";
import { ACCEPTED, numbers, stored } from "./feeds.mjs";
import { joined, listen, news, openFeed, openPage, signIn, stateOf } from "./sockets.mjs";

const live = new Knock({ apiKey: "sk_live_doorbell", baseURL: address, maxRetries: 0, fetch: noting("live") });
const where = ["--environment", "production"];
const skip = !globalThis.WebSocket && "this Node has no WebSocket";
let signingKey;

console.error = () => {}; // where the clients write what was refused

before(async () => {
  const secure = doorbell("configure", "--enhanced-security", "on", ...where);
  signingKey = await doorbell("keys", "signing", "create", "--base64", ...where);
  await secure;
});

describe("with tokens", { skip, concurrency: true }, () => {
  for (const { version, Client } of FEED_CLIENTS) {
    const tokenOf = (user, options) => signUserToken(user, { signingKey, ...options });
    const opened = async (user, token) => openFeed(openPage(Client, user, { token: await token }));
    const send = (user, n) => live.workflows.trigger(ACCEPTED, { recipients: [user], data: { n } });
    const arrived = (of, n) => eventually(() => of.received, (found) => found.includes(n), `message ${n} has come`);

    test(`${version}: the user's own topic is open, nobody else's is`, async () => {
      const [jane, eve] = [unique(`${ODD}:1`), unique("eve")];
      const own = await listen(await opened(jane, tokenOf(jane)));
      const pretender = await opened(jane, tokenOf(eve));
      pretender.feed.listenForUpdates();
      const refused = ({ event, topic, payload }) =>
        event === "phx_reply" && topic === pretender.topic && payload.status === "error";
      await eventually(() => pretender.frames.find(refused), Boolean, "another user's topic is refused");
      await send(jane, 1);
      await arrived(own, 1);
      assert.deepEqual([numbers(stored(own.feed).items), stored(own.feed).metadata.unseen_count], [[1], 1]);
      assert.notEqual(stateOf(pretender), "joined");
      assert.deepEqual([news(pretender), stored(pretender.feed).items], [[], []]);
    });

    test(`${version}: there is no socket without a token, or with an old one`, async () => {
      const jane = unique("jane");
      for (const token of ["", tokenOf(jane, { expiresInSeconds: -3600 })]) {
        const of = await opened(jane, token);
        let [open, failed] = [0, 0];
        of.socket.onOpen(() => (open += 1));
        of.socket.onError(() => (failed += 1));
        of.feed.listenForUpdates();
        await eventually(() => failed, Boolean, "the socket is refused");
        assert.deepEqual([open, of.frames, of.socket.isConnected()], [0, [], false]);
        assert.equal((await of.feed.fetch()).status, "error");
      }
    });

    test(`${version}: a page that is given a new token goes on with it`, async () => {
      const jane = unique("jane");
      const of = await listen(await opened(jane, tokenOf(jane)));
      const again = signIn(of, jane, await tokenOf(jane, { expiresInSeconds: 7200 }));
      assert.notEqual(again.socket, of.socket);
      await joined(again);
      await send(jane, 1);
      await arrived(again, 1);
    });
  }
});
