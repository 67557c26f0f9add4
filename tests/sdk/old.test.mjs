// The SDK before its rewrite, `@knocklabs/node` 0.6, of which many applications are still made.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Knock } from "knock-0-6";

import { address, channels, connect, eventually, feedMessages, knock, noting, unique } from "./clients.mjs";

globalThis.fetch = noting("old");

const old = new Knock("sk_test_doorbell", { host: address });
const feed = channels["in-app-feed"];
const workflow = "account-invite";

const completed = (operation) =>
  eventually(() => old.bulkOperations.get(operation.id), ({ status }) => status === "completed", "it is completed");

const missing = (asked) => assert.rejects(asked, (error) => error.status === 404);

test("it triggers, notifies and cancels", async () => {
  const id = unique("jane");
  const recipients = [{ id, email: `${id}@example.com` }];
  const ask = () => old.notify(workflow, { actor: "nora", recipients, cancellationKey: id, tenant: "acme" }, { idempotencyKey: id });
  const [{ workflow_run_id }, again] = [await ask(), await ask()];
  assert.equal(again.workflow_run_id, workflow_run_id);
  const { items } = await eventually(
    () => old.messages.list({ workflow_run_id, status: ["sent"], tenant: "acme" }),
    (found) => found.items.length === 1,
    "it is sent",
  );
  assert.deepEqual([items[0].recipient, items[0].actors], [id, ["nora"]]);
  await old.workflows.cancel(workflow, id, { recipients: [id] });
  const runs = () => knock.workflowRecipientRuns.list({ recipient: id });
  await eventually(runs, ({ items: [run] }) => run?.status === "cancelled", "the run is cancelled");
});

test("it can make its own errors of every refusal", async () => {
  const wrong = await old.workflows.trigger(workflow, { recipients: [7] }).catch((error) => error);
  assert.equal(wrong.status, 422);
  assert.match(wrong.message, /recipients.*\(.+\): ./s);
  assert.ok(wrong.requestID);
  const nobody = await new Knock("sk_test_nobody", { host: address }).users.list().catch((error) => error);
  assert.deepEqual([nobody.status, nobody.code], [401, "authentication_required"]);
  const browser = await new Knock("pk_test_doorbell", { host: address }).users.list().catch((error) => error);
  assert.equal(browser.status, 403);
  assert.match(browser.message, /secret/i);
});

test("users", async () => {
  const [id, other] = [unique("jane"), unique("jane")];
  await old.users.identify(id, { name: "Jane", plan: { seats: 3 } });
  await old.users.identify(id, { plan: { name: "pro" } });
  assert.deepEqual((await old.users.get(id)).plan, { seats: 3, name: "pro" });
  const page = await old.users.list({ page_size: 1, include: ["preferences"] });
  assert.equal(page.entries.length, 1);
  await completed(await old.users.bulkIdentify([{ id: other, email: "jane@example.com" }]));
  assert.equal((await old.users.merge(id, other)).email, "jane@example.com");
  await missing(old.users.get(other));
  await completed(await old.users.bulkDelete([id]));
  await missing(old.users.get(id));
  await old.users.identify(id);
  await old.users.delete(id);
  await missing(old.users.get(id));
});

/** The reads and deprecated partial writes of preferences, that users and objects have alike. */
async function preferences(noun, ...whose) {
  const options = { preferenceSet: unique("tenant") };
  await noun.setPreferences(...whose, { channel_types: { email: false } }, options);
  await noun.setChannelTypesPreferences(...whose, { sms: false }, options);
  await noun.setChannelTypePreferences(...whose, "push", true, options);
  await noun.setWorkflowsPreferences(...whose, { welcome: false }, options);
  await noun.setWorkflowPreferences(...whose, workflow, { channel_types: { email: true } }, options);
  await noun.setCategoriesPreferences(...whose, { news: false }, options);
  const written = await noun.setCategoryPreferences(...whose, "offers", true, options);
  const read = await noun.getPreferences(...whose, { ...options, tenant: options.preferenceSet });
  const sets = await noun.getAllPreferences(...whose);
  return { written, read, sets };
}

for (const [name, arrange] of [
  ["users", () => [old.users, unique("jane")]],
  ["objects", () => [old.objects, unique("projects"), "p1"]],
]) {
  test(`preferences of ${name}, a part at a time`, async () => {
    const { written, read, sets } = await preferences(...arrange());
    for (const set of [written, read, sets.find(({ id }) => id === read.id)]) {
      assert.deepEqual(set.channel_types, { email: false, sms: false, push: true });
      assert.equal(set.workflows.welcome, false);
      assert.deepEqual(set.workflows[workflow].channel_types, { email: true });
      assert.deepEqual(set.categories, { news: false, offers: true });
    }
  });
}

test("preferences in bulk decide about messages", async () => {
  const id = unique("jane");
  await completed(await old.users.bulkSetPreferences([id], { workflows: { [workflow]: false } }));
  const recipients = [{ id, email: `${id}@example.com` }];
  const { workflow_run_id } = await old.workflows.trigger(workflow, { recipients });
  const runs = () => knock.workflowRecipientRuns.list({ recipient: id });
  await eventually(runs, ({ items: [run] }) => run?.status === "paused", "the run waits");
  assert.deepEqual((await old.messages.list({ workflow_run_id })).items, []);
});

test("channel data", async () => {
  const id = unique("jane");
  for (const [noun, ...whose] of [[old.users, id], [old.objects, "projects", id]]) {
    await noun.setChannelData(...whose, channels.push, { tokens: ["t1"] });
    assert.deepEqual((await noun.getChannelData(...whose, channels.push)).data.tokens, ["t1"]);
    await noun.unsetChannelData(...whose, channels.push);
    await missing(noun.getChannelData(...whose, channels.push));
  }
});

test("objects and their subscriptions", async () => {
  const [collection, user] = [unique("projects"), unique("jane")];
  await old.objects.set(collection, "p1", { name: "Park" });
  assert.equal((await old.objects.get(collection, "p1")).properties.name, "Park");
  await completed(await old.objects.bulkSet(collection, [{ id: "p2", name: "Pond" }, { id: "p3" }]));
  assert.equal((await old.objects.list(collection, { page_size: 2 })).entries.length, 2);
  await old.objects.addSubscriptions(collection, "p1", { recipients: [user, { collection, id: "p2" }], properties: { a: 1 } });
  const recipients = [user, { collection, id: "p2" }];
  assert.equal((await old.objects.listSubscriptions(collection, "p1", { recipients })).entries.length, 2);
  const upward = await old.objects.getSubscriptions(collection, "p2", { objects: [{ collection, id: "p1" }] });
  assert.deepEqual(upward.entries.map(({ object }) => object.id), ["p1"]);
  await old.objects.deleteSubscriptions(collection, "p1", { recipients: [user] });
  await completed(await old.objects.bulkAddSubscriptions(collection, [{ id: "p3", recipients: [user] }]));
  const { entries } = await old.users.getSubscriptions(user);
  assert.deepEqual(entries.map(({ object }) => object.id), ["p3"]);
  await old.objects.delete(collection, "p1");
  await completed(await old.objects.bulkDelete(collection, ["p2", "p3"]));
  assert.deepEqual((await old.objects.list(collection)).entries, []);
});

test("tenants", async () => {
  const id = unique("acme");
  await old.tenants.set(id, { name: id, settings: { branding: { primary_color: "#112233" } } });
  assert.equal((await old.tenants.get(id)).settings.branding.primary_color, "#112233");
  assert.deepEqual((await old.tenants.list({ name: id })).entries.map((each) => each.id), [id]);
  await old.tenants.delete(id);
  await missing(old.tenants.get(id));
});

test("schedules", async () => {
  const [id, collection] = [unique("jane"), unique("projects")];
  const recipients = [id, { collection, id: "p1" }];
  const repeats = [{ frequency: "weekly", days: "weekdays", hours: 9 }];
  const made = await old.workflows.createSchedules(workflow, { recipients, repeats, data: { n: 1 }, tenant: "acme" });
  const schedule_ids = made.map((each) => each.id);
  await old.workflows.updateSchedules({ schedule_ids, data: { n: 2 } });
  const found = await old.workflows.listSchedules(workflow, { recipients, tenant: "acme" });
  assert.deepEqual(found.entries.map(({ data }) => data.n), [2, 2]);
  assert.equal((await old.users.getSchedules(id, { workflow })).entries.length, 1);
  assert.equal((await old.objects.getSchedules(collection, "p1")).entries.length, 1);
  await old.workflows.deleteSchedules({ schedule_ids });
  assert.deepEqual((await old.users.getSchedules(id)).entries, []);
});

test("messages and their statuses", async () => {
  const user = unique("jane");
  const [{ id }, other] = await feedMessages(user, 2);
  assert.equal((await old.messages.get(id)).recipient, user);
  assert.equal((await old.messages.getContent(id)).data.__typename, "MessageInAppFeedContent");
  assert.equal((await old.messages.getActivities(id, { page_size: 5, trigger_data: { n: 1 } })).items[0].data.n, 1);
  for (const [status, time] of [["seen", "seen_at"], ["read", "read_at"], ["archived", "archived_at"]]) {
    assert.ok((await old.messages.setStatus(id, status))[time]);
    assert.equal((await old.messages.deleteStatus(id, status))[time], null);
  }
  assert.ok((await old.messages.setStatus(id, "interacted", { button: "yes" })).interacted_at);
  await old.messages.batchSetStatus([id, other.id], "read");
  assert.equal((await old.users.getMessages(user, { engagement_status: ["read"] })).items.length, 2);
  const { items } = await old.messages.getEvents(id, { page_size: 50 });
  assert.ok(items.some(({ type, data }) => type === "message.interacted" && data.button === "yes"));
  assert.deepEqual((await old.objects.getMessages("projects", user)).items, []);
});

test("a feed is filtered by trigger data, also by a number that comes as a text", async () => {
  const user = unique("jane");
  await feedMessages(user, 3);
  const { entries, meta } = await old.users.getFeed(user, feed, { trigger_data: { n: 1 }, status: "unread", page_size: 10 });
  assert.deepEqual([entries.length, entries[0].data.n, meta.unread_count], [1, 1, 1]);
  const { page_info } = await old.users.getFeed(user, feed, { page_size: 2, has_tenant: false, archived: "exclude" });
  assert.equal((await old.users.getFeed(user, feed, { page_size: 2, after: page_info.after })).entries.length, 1);
});

test("a tenant's Slack", async () => {
  const tenant = await connect(unique("acme"));
  const asked = { tenant, knockChannelId: channels.chat };
  assert.equal((await old.slack.authCheck(asked)).connection.ok, true);
  const { slack_channels, next_cursor } = await old.slack.getChannels({ ...asked, queryOptions: { limit: 2 } });
  assert.deepEqual(slack_channels.map(({ name }) => name), ["general", "random"]);
  const rest = await old.slack.getChannels({ ...asked, queryOptions: { cursor: next_cursor } });
  assert.deepEqual(rest.slack_channels.map(({ name }) => name), ["support"]);
});
