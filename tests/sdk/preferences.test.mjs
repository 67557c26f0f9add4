import assert from "node:assert/strict";
import { test } from "node:test";

import { all, channels, completed, eventually, knock, missing, unique } from "./clients.mjs";

test("a user who wants no mail of a workflow gets none, until they want it again", async () => {
  const id = unique("jane");
  const invite = async () => {
    const recipients = [{ id, email: `${id}@example.com` }];
    const { workflow_run_id } = await knock.workflows.trigger("account-invite", { recipients, cancellation_key: id });
    const runs = () => all(knock.workflowRecipientRuns.list({ recipient: id }));
    await eventually(runs, (found) => found.some((run) => run.workflow_run_id === workflow_run_id && run.status === "paused"), "it waits");
    return all(knock.messages.list({ workflow_run_id }));
  };
  const set = await knock.users.setPreferences(id, "default", { workflows: { "account-invite": false } });
  assert.equal(set.id, "default");
  assert.equal(set.workflows["account-invite"], false);
  assert.deepEqual(await invite(), []);
  await knock.users.unsetPreferences(id, "default");
  assert.equal((await invite()).length, 1);
});

test("preference sets are replaced, merged, listed, and set in bulk", async () => {
  const id = unique("jane");
  await knock.users.setPreferences(id, "default", { channel_types: { email: false, sms: true } });
  await knock.users.setPreferences(id, "default", {
    channel_types: { sms: false },
    __persistence_strategy__: "merge",
  });
  assert.deepEqual((await knock.users.getPreferences(id, "default")).channel_types, { email: false, sms: false });
  await knock.users.setPreferences(id, "default", { channel_types: { push: false } });
  assert.deepEqual((await knock.users.getPreferences(id, "default")).channel_types, { push: false });
  await completed(
    await knock.users.bulk.setPreferences({ user_ids: [id], preferences: { id: "acme", categories: { news: false } } }),
  );
  const sets = await knock.users.listPreferences(id);
  assert.deepEqual(sets.map((each) => each.id).sort(), ["acme", "default"]);
  assert.equal((await knock.users.getPreferences(id, "acme", { tenant: "acme" })).categories.news, false);
});

test("an object has preference sets too", async () => {
  const [collection, id] = [unique("projects"), "p1"];
  await knock.objects.setPreferences(collection, id, "default", { channel_types: { chat: false } });
  assert.equal((await knock.objects.getPreferences(collection, id, "default")).channel_types.chat, false);
  assert.equal((await knock.objects.listPreferences(collection, id)).length, 1);
  await knock.objects.unsetPreferences(collection, id, "default");
  assert.notEqual((await knock.objects.getPreferences(collection, id, "default")).channel_types?.chat, false);
});

test("a user has a preference centre, and a page of it behind a signed address", async () => {
  const id = unique("jane");
  await knock.users.update(id, { email: "jane@example.com" });
  const config = await knock.users.preferenceCenter.getConfig(id);
  assert.equal(config.user_email, "jane@example.com");
  assert.ok(Array.isArray(config.config.rows));
  const { url, token } = await knock.users.preferenceCenter.generateSignedURL(id);
  assert.ok(url.endsWith(token));
});

test("channel data of users and objects", async () => {
  const id = unique("jane");
  const data = await knock.users.setChannelData(id, channels.push, { data: { tokens: ["t1", "t2"] } });
  assert.deepEqual(data.data.devices.map((each) => each.token), ["t1", "t2"]);
  assert.deepEqual((await knock.users.getChannelData(id, channels.push)).data.tokens, ["t1", "t2"]);
  await knock.users.unsetChannelData(id, channels.push);
  await missing(knock.users.getChannelData(id, channels.push));
  const connections = [{ access_token: "xoxb-1", channel_id: "C1" }];
  await knock.objects.setChannelData("projects", id, channels.chat, { data: { connections } });
  const stored = await knock.objects.getChannelData("projects", id, channels.chat);
  assert.equal(stored.data.connections[0].channel_id, "C1");
  await knock.objects.unsetChannelData("projects", id, channels.chat);
  await missing(knock.objects.getChannelData("projects", id, channels.chat));
});
