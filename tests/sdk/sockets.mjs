// Pages with an open socket as a browser has one, what came over it, and a link that can be cut.
import { connect, createServer } from "node:net";
import { after } from "node:test";

import { page } from "./browsers.mjs";
import { address, eventually } from "./clients.mjs";
import { feedId } from "./feeds.mjs";

const opened = [];

after(() => opened.forEach((close) => close()));

/** Makes a client's socket, which it has only where there is a window. What comes over it is kept. */
function opening(client, begin = () => {}) {
  globalThis.window = {};
  begin();
  const { socket } = client.client();
  delete globalThis.window;
  const frames = [];
  socket.onMessage((frame) => frames.push(frame));
  opened.push(() => closeForGood(socket));
  return { client, socket, frames };
}

/** A page that may open a socket. */
export function openPage(Client, user, { token, host } = {}) {
  return opening(page(Client, user, token, host));
}

/** Signs somebody else in on the page of a feed, or the same user with another token. */
export function signIn(of, user, token) {
  for (const channel of of.socket.channels) channel.timeout = 100; // of the leave, which nobody answers any more
  const next = opening(of.client, () => of.client.authenticate(user, token));
  return { ...of, ...next, topic: `feeds:${of.feed.feedId}:${user}` };
}

/** Also while the client is about to connect again, which it would do after a mere `disconnect`. */
function closeForGood(socket) {
  for (const { joinPush } of socket.channels) joinPush.cancelTimeout(); // for which Node would wait
  socket.connect = () => {};
  socket.disconnect();
}

/** A feed of a page, with the items that the socket has brought it. */
export function openFeed(of, options, channel = feedId) {
  const feed = of.client.feeds.initialize(channel, options);
  const received = [];
  feed.on("items.received.realtime", ({ items }) => received.push(...items.map((item) => item.data.n)));
  return { ...of, feed, received, topic: `feeds:${channel}:${of.client.userId}` };
}

/** A feed's channel; it is not there any more when it was left. */
export const channelOf = ({ socket, topic }) => socket.channels.findLast((channel) => channel.topic === topic);

export const stateOf = (of) => channelOf(of)?.state;

export const joined = (of) => eventually(() => stateOf(of), (state) => state === "joined", `${of.topic} is joined`);

/** Fetches and listens, as the React provider does. */
export async function listen(of) {
  await of.feed.fetch();
  of.feed.listenForUpdates();
  await joined(of);
  return of;
}

/** The news that came over the socket for a feed. Old clients have no reference, and take all news of their socket. */
export const news = ({ frames, feed }) =>
  frames.filter(({ event, payload }) => {
    return event === "new-message" && (feed.referenceId === undefined || payload.attn.includes(feed.referenceId));
  });

/** The server by a link that can be cut: what was open breaks, and nothing comes through until it is mended. */
export async function link() {
  const { hostname, port } = new URL(address);
  const open = new Set();
  let mended = Promise.resolve();
  const server = createServer(async (near) => {
    open.add(near);
    near.on("error", () => {}).on("close", () => open.delete(near));
    await mended;
    const far = connect({ host: hostname, port });
    far.on("error", () => near.destroy()).on("close", () => near.destroy());
    near.on("close", () => far.destroy());
    near.pipe(far).pipe(near);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  opened.push(() => (server.close(), open.forEach((each) => each.destroy())));
  return {
    host: `http://127.0.0.1:${server.address().port}`,
    /** Cuts it; what mends it again. */
    cut() {
      let mend;
      mended = new Promise((resolve) => (mend = resolve));
      for (const each of open) each.destroy();
      return mend;
    },
  };
}
