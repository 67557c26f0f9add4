import assert from "node:assert/strict";
import { test } from "node:test";

import { all, completed, eventually, knock, unique } from "./clients.mjs";

const ids = (subscriptions) => subscriptions.map(({ recipient }) => recipient.id).sort();

test("who is subscribed to an object is told when it is triggered, the actor is not", async () => {
  const [collection, object] = [unique("projects"), "p1"];
  const [ann, ben, cem] = ["ann", "ben", "cem"].map((name) => ({ id: unique(name), email: `${name}@example.com` }));
  const added = await knock.objects.addSubscriptions(collection, object, {
    recipients: [ann, ben, cem],
    properties: { role: "admin" },
  });
  assert.deepEqual(ids(added), [ann.id, ben.id, cem.id].sort());
  assert.equal(added[0].properties.role, "admin");
  const { workflow_run_id } = await knock.workflows.trigger("account-invite", {
    recipients: [{ collection, id: object }],
    actor: ben.id,
    cancellation_key: object,
  });
  const messages = () => all(knock.messages.list({ workflow_run_id }));
  const sent = await eventually(messages, (found) => found.length >= 2, "both have their message");
  assert.deepEqual(sent.map(({ recipient }) => recipient).sort(), [ann.id, cem.id].sort());
});

test("subscriptions are listed from both sides, and end", async () => {
  const [collection, user] = [unique("projects"), unique("ann")];
  await knock.objects.addSubscriptions(collection, "p1", { recipients: [user] });
  await knock.objects.addSubscriptions(collection, "p2", { recipients: [user, { collection, id: "p1" }] });
  const objects = await all(knock.users.listSubscriptions(user));
  assert.deepEqual(objects.map(({ object }) => object.id).sort(), ["p1", "p2"]);
  assert.equal((await all(knock.objects.listSubscriptions(collection, "p2"))).length, 2);
  const [upward] = await all(knock.objects.listSubscriptions(collection, "p1", { mode: "recipient" }));
  assert.equal(upward.object.id, "p2");
  const ended = await knock.objects.deleteSubscriptions(collection, "p1", { recipients: [user] });
  assert.deepEqual(ids(ended), [user]);
  assert.deepEqual(await all(knock.objects.listSubscriptions(collection, "p1")), []);
});

test("subscriptions are added and deleted in bulk", async () => {
  const [collection, user] = [unique("projects"), unique("ann")];
  const subscriptions = ["p1", "p2"].map((id) => ({ id, recipients: [user] }));
  await completed(await knock.objects.bulk.addSubscriptions(collection, { subscriptions }));
  assert.equal((await all(knock.users.listSubscriptions(user))).length, 2);
  await completed(await knock.objects.bulk.deleteSubscriptions(collection, { subscriptions }));
  assert.deepEqual(await all(knock.users.listSubscriptions(user)), []);
});

test("an audience has members until they are removed", async () => {
  const [key, user] = [unique("trial"), unique("ann")];
  const members = [{ user: { id: user, name: "Ann" }, tenant: "acme" }];
  await knock.audiences.addMembers(key, { members, create_audience: true });
  const { entries } = await knock.audiences.listMembers(key);
  assert.deepEqual(entries.map((each) => [each.user_id, each.tenant, each.user.name]), [[user, "acme", "Ann"]]);
  await knock.audiences.removeMembers(key, { members });
  assert.deepEqual((await knock.audiences.listMembers(key)).entries, []);
});
