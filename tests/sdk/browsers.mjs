// Knock's clients for browsers, the newest one and an old one, as a page makes them: with the public key, for one user.
import { execFile } from "node:child_process";
import { promisify } from "node:util";

import Current from "@knocklabs/client";
import Old from "client-0-11";

import { address, noting, unique } from "./clients.mjs";

globalThis.fetch = noting("browser");

/** Both clients by their versions. */
export const CLIENTS = [
  ["0.22", Current],
  ["0.11", Old],
];

/** A page of a user. With the tokens of enhanced security it is one of production. */
export function page(Client, user, token) {
  const client = new Client(token === undefined ? "pk_test_doorbell" : "pk_live_doorbell", { host: address });
  client.authenticate(user, token || undefined);
  return client;
}

/** An id as applications have them too, which the clients put into addresses as it is. */
export const ODD = "Zoë K.+jane@example.com";

/** The page of a user whom nobody has heard of. */
export const stranger = (Client) => page(Client, unique(ODD));

/** What `doorbell …` says at a terminal. */
export async function doorbell(...command) {
  const { stdout } = await promisify(execFile)(process.env.DOORBELL_TEST_PYTHON, ["-m", "doorbell", ...command]);
  return stdout.trim();
}
