import assert from "node:assert/strict";
import { test } from "node:test";

import { knock } from "./clients.mjs";

const call = (method, params = {}) => ({ jsonrpc: "2.0", id: "1", method, params });

test("Census and Hightouch ask whether they are connected", async () => {
  assert.ok((await knock.integrations.census.customDestination(call("test_connection"))).result);
  assert.ok((await knock.integrations.hightouch.embeddedDestination(call("test_connection"))).result);
});
