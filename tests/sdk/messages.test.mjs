import assert from "node:assert/strict";
import { test } from "node:test";

import { all, channels, completed, eventually, feedMessages, knock, unique } from "./clients.mjs";

test("what belongs to a message", async () => {
  const id = unique("jane");
  const recipients = [{ id, email: `${id}@example.com`, name: "Jane" }];
  const data = { inviter: { name: "Nora" }, plan: "pro" };
  const { workflow_run_id } = await knock.workflows.trigger("account-invite", { recipients, data, actor: "nora", tenant: "acme" });
  const mine = { workflow_run_id, tenant: "acme", status: ["sent"], "inserted_at.gt": "2020-01-01T00:00:00Z" };
  const [message] = await eventually(() => all(knock.messages.list(mine)), (found) => found.length === 1, "it is sent");
  assert.equal((await knock.messages.get(message.id)).source.key, "account-invite");
  assert.equal((await knock.messages.getContent(message.id)).data.to, `${id}@example.com`);
  const [content] = await knock.messages.batch.getContent({ message_ids: [message.id] });
  assert.equal(content.message_id, message.id);
  const events = (await all(knock.messages.listEvents(message.id))).map(({ type }) => type);
  assert.deepEqual(events, ["message.created", "message.queued", "message.sent"]);
  const [activity] = await all(knock.messages.listActivities(message.id, { trigger_data: JSON.stringify({ plan: "pro" }) }));
  assert.equal(activity.data.plan, "pro");
  const [log] = await all(knock.messages.listDeliveryLogs(message.id));
  assert.equal(log.service_name, "smtp");
  assert.deepEqual((await all(knock.users.listMessages(id, { workflow_categories: [] }))).map((each) => each.id), [message.id]);
  assert.deepEqual(await all(knock.objects.listMessages("projects", id)), []);
});

test("engagement with one message", async () => {
  const [{ id }] = await feedMessages(unique("jane"), 1);
  const { messages } = knock;
  assert.ok((await messages.markAsSeen(id)).seen_at);
  assert.ok((await messages.markAsRead(id)).read_at);
  assert.ok((await messages.markAsInteracted(id, { metadata: { button: "yes" } })).interacted_at);
  assert.ok((await messages.archive(id)).archived_at);
  const seen = await messages.get(id);
  assert.deepEqual([...seen.engagement_statuses].sort(), ["archived", "interacted", "read", "seen"]);
  await messages.unarchive(id);
  await messages.markAsUnread(id);
  assert.deepEqual([...(await messages.markAsUnseen(id)).engagement_statuses], ["interacted"]);
  const events = (await all(messages.listEvents(id))).map(({ type }) => type.replace("message.", ""));
  assert.deepEqual(events.slice(-7), ["seen", "read", "interacted", "archived", "unarchived", "unread", "unseen"]);
});

test("engagement with several messages, and with all of a channel", async () => {
  const user = unique("jane");
  const message_ids = (await feedMessages(user, 3)).map(({ id }) => id);
  const { batch } = knock.messages;
  const steps = [
    [batch.markAsSeen, "seen_at", true],
    [batch.markAsRead, "read_at", true],
    [batch.markAsInteracted, "interacted_at", true],
    [batch.archive, "archived_at", true],
    [batch.unarchive, "archived_at", false],
    [batch.markAsUnread, "read_at", false],
    [batch.markAsUnseen, "seen_at", false],
  ];
  for (const [mark, time, isSet] of steps) {
    const marked = await mark.call(batch, { message_ids });
    assert.deepEqual(marked.map((each) => Boolean(each[time])), [isSet, isSet, isSet], `${mark.name} ${time}`);
  }
  const all_of = { recipient_ids: [user], engagement_status: "unread" };
  await completed(await knock.channels.bulk.updateMessageStatus(channels["in-app-feed"], "read", all_of));
  const read = () => all(knock.users.listMessages(user, { engagement_status: ["read"] }));
  await eventually(read, (found) => found.length === 3, "all are read");
});

test("a feed shows what is new, and what was read", async () => {
  const user = unique("jane");
  const [message] = await feedMessages(user, 2);
  const page = await knock.users.feeds.listItems(user, channels["in-app-feed"], { page_size: 1 });
  assert.equal(page.entries.length, 1);
  const items = await all(knock.users.feeds.listItems(user, channels["in-app-feed"], { page_size: 1 }));
  assert.equal(items.length, 2);
  assert.ok(items[0].blocks.length > 0);
  await knock.messages.markAsRead(message.id);
  const unread = await all(knock.users.feeds.listItems(user, channels["in-app-feed"], { status: "unread" }));
  assert.equal(unread.length, 1);
  const settings = await knock.users.feeds.getSettings(user, channels["in-app-feed"]);
  assert.equal(settings.features.branding_required, false);
});
