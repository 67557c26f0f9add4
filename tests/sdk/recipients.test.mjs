import assert from "node:assert/strict";
import { test } from "node:test";

import { all, completed, eventually, knock, missing, unique } from "./clients.mjs";

test("a user is identified, changed, listed and deleted", async () => {
  const id = unique("Zoë K.@example.com");
  await knock.users.update(id, { name: "Zoë", email: "zoe@example.com", plan: { name: "pro", seats: 3 } });
  const changed = await knock.users.update(id, { plan: { seats: 4 }, locale: "de-CH" });
  assert.deepEqual(changed.plan, { name: "pro", seats: 4 });
  assert.equal((await knock.users.get(id)).email, "zoe@example.com");
  assert.ok((await all(knock.users.list({ page_size: 2 }))).some((user) => user.id === id));
  await knock.users.delete(id);
  await missing(knock.users.get(id));
});

test("users are identified and deleted in bulk, and each is there before and gone after", async () => {
  const users = Array.from({ length: 25 }, (_, n) => ({ id: unique(`bulk-${n}`), name: `User ${n}` }));
  const identified = await completed(await knock.users.bulk.identify({ users }));
  assert.equal(identified.success_count, 25);
  assert.equal((await knock.users.get(users[24].id)).name, "User 24");
  const deleted = await completed(await knock.users.bulk.delete({ user_ids: users.map(({ id }) => id) }));
  assert.equal(deleted.processed_rows, 25);
  for (const { id } of [users[0], users[24]]) await missing(knock.users.get(id));
});

test("users are merged: the first one's properties win, and the other is gone", async () => {
  const [id, other] = [unique("primary"), unique("secondary")];
  await knock.users.update(id, { name: "Ann", team: { lead: "x" } });
  await knock.users.update(other, { name: "Anne", email: "anne@example.com", team: { size: 4 } });
  await knock.workflows.trigger("account-invite", { recipients: [other] });
  const sent = () => all(knock.users.listMessages(other));
  await eventually(sent, (found) => found.length === 1, "the message is there");
  const merged = await knock.users.merge(id, { from_user_id: other });
  assert.equal(merged.name, "Ann");
  assert.equal(merged.email, "anne@example.com");
  assert.deepEqual(merged.team, { lead: "x", size: 4 });
  await missing(knock.users.get(other));
  assert.equal((await all(knock.users.listMessages(id))).length, 1);
});

test("an object is set, listed with its collection and deleted; also in bulk", async () => {
  const collection = unique("projects");
  await knock.objects.set(collection, "p1", { name: "Park", config: { a: 1 } });
  const park = await knock.objects.set(collection, "p1", { config: { b: 2 } });
  assert.deepEqual(park.properties.config, { a: 1, b: 2 });
  assert.equal((await knock.objects.get(collection, "p1")).properties.name, "Park");
  const objects = [{ id: "p2", name: "Two" }, { id: "p3", name: "Three" }];
  await completed(await knock.objects.bulk.set(collection, { objects }));
  assert.deepEqual((await all(knock.objects.list(collection))).map(({ id }) => id), ["p1", "p2", "p3"]);
  await knock.objects.delete(collection, "p1");
  await missing(knock.objects.get(collection, "p1"));
  await completed(await knock.objects.bulk.delete(collection, { object_ids: ["p2", "p3"] }));
  assert.deepEqual(await all(knock.objects.list(collection)), []);
});

test("a tenant is set with its branding and its preferences, found by its name, and deleted", async () => {
  const id = unique("acme");
  const settings = {
    branding: { primary_color: "#112233" },
    preference_set: { channel_types: { sms: false } },
  };
  await knock.tenants.set(id, { name: `Name of ${id}`, region: "eu", settings });
  const tenant = await knock.tenants.get(id);
  assert.equal(tenant.region, "eu");
  assert.equal(tenant.settings.branding.primary_color, "#112233");
  assert.equal(tenant.settings.preference_set.channel_types.sms, false);
  assert.deepEqual((await all(knock.tenants.list({ name: `Name of ${id}` }))).map((each) => each.id), [id]);
  const others = [unique("t1"), unique("t2")];
  await completed(await knock.tenants.bulk.set({ tenants: [{ id: others[0], name: "T1" }, others[1]] }));
  assert.equal((await knock.tenants.get(others[0])).name, "T1");
  await completed(await knock.tenants.bulk.delete({ tenant_ids: others }));
  await missing(knock.tenants.get(others[1]));
  await knock.tenants.delete(id);
  await missing(knock.tenants.get(id));
});
