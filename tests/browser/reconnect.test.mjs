// A page whose server goes away and comes back: what was sent meanwhile is shown without a reload.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { after } from "node:test";

import { address, eventually } from "../sdk/clients.mjs";
import { joined, joins, pageTest } from "./pages.mjs";

const stack = () => JSON.parse(readFileSync(join(process.env.DOORBELL_HOME, "stack.json"), "utf8"));

const answers = (host) => fetch(`${host}/health`).then(({ ok }) => ok, () => false);

/** A load balancer: one address, behind it one API process, or none. */
class Balancer {
  static async start() {
    const balancer = new Balancer();
    balancer.server = createServer((client) => balancer.take(client)).listen(0, "127.0.0.1");
    await once(balancer.server, "listening");
    balancer.address = `http://127.0.0.1:${balancer.server.address().port}`;
    return balancer;
  }

  take(client) {
    client.on("error", () => {});
    if (this.port === undefined) return client.destroy();
    const upstream = connect(this.port, "127.0.0.1");
    upstream.on("error", () => client.destroy());
    client.pipe(upstream).pipe(client);
    client.on("close", () => upstream.destroy());
  }

  close() {
    this.server.close();
  }
}

const started = [];
after(() => started.forEach((each) => each.kill("SIGKILL")));

/** Another API process on the stores of the stack, with its port. */
async function serve() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  const { database_url, redis_url } = stack();
  const stores = { DOORBELL_DATABASE_URL: database_url, DOORBELL_REDIS_URL: redis_url };
  const env = { ...process.env, ...stores, DOORBELL_PORT: String(port), DOORBELL_RATE_LIMITS: "off" };
  const child = spawn(process.env.DOORBELL_TEST_PYTHON, ["-m", "doorbell", "serve"], { env, stdio: "ignore" });
  started.push(child);
  await eventually(() => answers(`http://127.0.0.1:${port}`), Boolean, "the second API process answers");
  return [child, port];
}

for (const [signal, words] of [["SIGTERM", "was restarted"], ["SIGKILL", "had crashed"]]) {
  pageTest(`A message that was sent while the server ${words} is shown once it is back`, async (seen) => {
    const [server, port] = await serve();
    const balancer = await Balancer.start();
    try {
      balancer.port = port;
      const feed = await seen.open({ host: balancer.address });
      await joins(seen.user, "Nora Reyes");
      await feed.badge(1);
      const wasNotReloaded = await feed.notToBeReloaded();
      const rejoins = joined(feed.page);
      balancer.port = undefined;
      server.kill(signal);
      await once(server, "exit");
      await joins(seen.user, "Omar Haddad");
      balancer.port = new URL(address).port; // Who comes back is another process: it knows nothing of the page.
      await rejoins;
      await feed.badge(2);
      await feed.openPopover();
      await feed.item("Omar Haddad").waitFor();
      await joins(seen.user, "Mia Chen");
      await feed.item("Mia Chen").waitFor();
      await wasNotReloaded();
    } finally {
      balancer.close();
    }
  });
}

pageTest("The stack starts its killed API again, and the page goes on", async (seen) => {
  const feed = await seen.open();
  const wasNotReloaded = await feed.notToBeReloaded();
  const { api } = stack().processes;
  const rejoins = joined(feed.page);
  process.kill(api, "SIGKILL");
  await eventually(() => stack().processes.api, (now) => now !== api, "the API is started again");
  await eventually(() => answers(address), Boolean, "the API answers");
  await joins(seen.user, "Nora Reyes");
  await rejoins;
  await feed.badge(1);
  await wasNotReloaded();
});
