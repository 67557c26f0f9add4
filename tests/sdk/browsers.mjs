// Knock's clients for browsers, from the newest to an old one, as a page makes them: with the public key, for one user.
import { execFile } from "node:child_process";
import { promisify } from "node:util";

import "./window.mjs";

import Current from "@knocklabs/client";
import Client11 from "client-0-11";
import Client14 from "client-0-14";
import Client19 from "client-0-19";
import Client21 from "client-0-21";

import { address, noting, unique } from "./clients.mjs";

delete globalThis.self; // with it, each feed would open a BroadcastChannel, which keeps Node from ending
globalThis.fetch = noting("browser");

/** The newest and the oldest client by their versions. */
export const CLIENTS = [
  ["0.22", Current],
  ["0.11", Client11],
];

/** Every client whose feeds are tested, with what the others cannot do. Older ones cannot do it either. */
export const FEED_CLIENTS = [
  { version: "0.22.2", folder: "@knocklabs/client", Client: Current, cannot: [] },
  { version: "0.21.15", folder: "client-0-21", Client: Client21, cannot: ["limit a bulk mark to trigger data"] },
  { version: "0.19.4", folder: "client-0-19", Client: Client19, cannot: ["read a feed in compact mode unasked"] },
  { version: "0.14.9", folder: "client-0-14", Client: Client14, cannot: ["take what is unarchived out of an archive"] },
  { version: "0.11.4", folder: "client-0-11", Client: Client11, cannot: ["name a range of dates", "join a topic for two feeds"] },
].map((each, place, every) => ({ ...each, cannot: every.slice(0, place + 1).flatMap(({ cannot }) => cannot) }));

/** A page of a user. With the tokens of enhanced security it is one of production. */
export function page(Client, user, token, host = address) {
  const client = new Client(token === undefined ? "pk_test_doorbell" : "pk_live_doorbell", { host });
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
