// Feeds as the tests of every client fill and look at them.
import { CLIENTS, page } from "./browsers.mjs";
import { all, channels, eventually, knock } from "./clients.mjs";

export const feedId = channels["in-app-feed"];

const [[, Newest]] = CLIENTS;

export const ACCEPTED = "account-invite-accepted";
export const INVOICE = "invoice-created";

/** What the store of a client's feed has. */
export const stored = (feed) => feed.getState();

export const numbers = (items) => items.map((item) => item.data.n);

export const counts = ({ total_count, unread_count, unseen_count }) => [total_count, unread_count, unseen_count];

/** What the server says of a user's feed now, to another page than the one under test. */
export const served = async (user, options) => (await page(Newest, user).feeds.initialize(feedId, options).fetch()).data;

/** The counts of a user's feed, and the marks of every item by its number: `{ 2: "read seen" }`. */
export async function marks(user) {
  const [{ meta }, { entries }] = await Promise.all([served(user), served(user, { archived: "include" })]);
  const marksOf = (item) => ["archived", "interacted", "read", "seen"].filter((each) => item[`${each}_at`]).join(" ");
  return [counts(meta), Object.fromEntries(entries.map((item) => [item.data.n, marksOf(item)]).filter(([, each]) => each))];
}

/** Sends a message into the feed of each user; `data.n` is its number. */
export const trigger = (users, data, { workflow = ACCEPTED, ...options } = {}) =>
  knock.workflows.trigger(workflow, { recipients: users, data, ...options });

/** Sends a message, and waits until it is in the feeds. */
export async function send(users, data, options) {
  const { workflow_run_id } = await trigger(users, data, options);
  const found = () => all(knock.messages.list({ workflow_run_id, channel_id: feedId }));
  const arrived = (messages) => messages.length === users.length && messages.every(({ status }) => status === "delivered");
  await eventually(found, arrived, `message ${data.n} is in the feeds`);
}

/** Sends so many messages, one after the other: they are numbered from 0. */
export async function sendAll(users, messages) {
  for (const [n, { data, ...options }] of messages.entries()) await send(users, { n, ...data }, options);
}
