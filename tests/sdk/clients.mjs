// Knock's clients as an application makes them, with only the host changed. Every request is noted for the report on what
// was called.
import { randomUUID } from "node:crypto";
import { appendFileSync } from "node:fs";

import Knock from "@knocklabs/node";

export const address = process.env.KNOCK_BASE_URL;

async function noted(url, options) {
  if (process.env.DOORBELL_TEST_CALLS) {
    const { pathname } = new URL(url);
    appendFileSync(process.env.DOORBELL_TEST_CALLS, `${options?.method ?? "GET"} ${pathname}\n`);
  }
  return fetch(url, options);
}

/** The server's SDK, with the secret key of the development stack. */
export const knock = new Knock({ apiKey: "sk_test_doorbell", baseURL: address, maxRetries: 0, fetch: noted });

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
