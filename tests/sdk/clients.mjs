// Knock's clients as an application makes them, with only the host changed. Every request is noted for the report on what
// was called.
import { randomUUID } from "node:crypto";
import { appendFileSync } from "node:fs";

import Knock from "@knocklabs/node";

export const address = process.env.KNOCK_BASE_URL;

/** The ids of the development stack's channels by their keys. */
export const channels = JSON.parse(process.env.DOORBELL_TEST_CHANNELS);

const { fetch } = globalThis;

/** A `fetch` that notes each call with the name of the SDK that made it. */
export const noting = (sdk) => async (url, options) => {
  if (process.env.DOORBELL_TEST_CALLS) {
    const { pathname } = new URL(url);
    appendFileSync(process.env.DOORBELL_TEST_CALLS, `${sdk} ${options?.method ?? "GET"} ${pathname}\n`);
  }
  return fetch(url, options);
};

/** The server's SDK, with the secret key of the development stack. */
export const knock = new Knock({ apiKey: "sk_test_doorbell", baseURL: address, maxRetries: 0, fetch: noting("node") });

/** A name that no other test has. */
export const unique = (name) => `${name}-${randomUUID().slice(0, 8)}`;

/** Asks again until the answer holds. Its answer; fails with what was waited for. */
export async function eventually(ask, holds, what) {
  for (const deadline = Date.now() + 30_000; ; ) {
    const answer = await ask();
    if (holds(answer)) return answer;
    if (Date.now() > deadline) throw new Error(`after 30 s still not so: ${what}; ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** A bulk operation's end. */
export const completed = (operation) =>
  eventually(() => knock.bulkOperations.get(operation.id), ({ status }) => status === "completed", "it is completed");

/** Everything that a list has, page by page. */
export async function all(page) {
  const found = [];
  for await (const each of page) found.push(each);
  return found;
}

/** Fails unless what was asked for is not there. */
export const missing = (asked) =>
  asked.then(
    (found) => Promise.reject(new Error(`it is there: ${JSON.stringify(found)}`)),
    (error) => error.status === 404 || Promise.reject(error),
  );

/** A tenant that has connected its Slack and its Microsoft Teams. Its id. */
export async function connect(tenant, access_token = "xoxb-1") {
  const data = { connections: [], token: { access_token }, ms_teams_tenant_id: randomUUID() };
  await knock.objects.setChannelData("$tenants", tenant, channels.chat, { data });
  return tenant;
}

/** So many messages in a user's feed, newest first. One after the other, because workers share what comes at once. */
export async function feedMessages(user, count) {
  let messages = [];
  for (let n = 0; n < count; n++) {
    await knock.workflows.trigger("account-invite-accepted", { recipients: [user], data: { n } });
    messages = await eventually(
      () => all(knock.users.listMessages(user, { channel_id: channels["in-app-feed"] })),
      (found) => found.length > n && found.every(({ status }) => status === "delivered"),
      "the feed has its messages",
    );
  }
  return messages;
}
