// What a page does with a user's profile, preferences, feed and messages.
import assert from "node:assert/strict";
import { test } from "node:test";

import { CLIENTS, page, stranger } from "./browsers.mjs";
import { all, channels, connect, eventually, feedMessages, knock, unique } from "./clients.mjs";

const feedId = channels["in-app-feed"];

/** A feed with so many items. */
async function feedWith(client, count, options) {
  const messages = await feedMessages(client.userId, count);
  const feed = client.feeds.initialize(feedId, options);
  await feed.fetch();
  return { feed, messages };
}

const stored = (feed) => feed.getState();

const statusOf = async ({ id }) => (await knock.messages.get(id)).engagement_statuses.slice().sort().join(" ");

test("0.22: a page that signs in with properties identifies the user", async () => {
  const id = unique("jane");
  page(CLIENTS[0][1], { id, name: "Jane", plan: { seats: 3 } });
  const user = () => knock.users.get(id).catch(() => undefined);
  assert.deepEqual((await eventually(user, Boolean, "the user is known")).plan, { seats: 3 });
});

for (const [version, Client] of CLIENTS) {
  test(`${version}: a user's profile and channel data`, async () => {
    const client = stranger(Client);
    await client.user.identify({ name: "Jane", plan: { name: "pro" } });
    assert.deepEqual((await client.user.get()).plan, { name: "pro" });
    await client.user.setChannelData({ channelId: channels.push, channelData: { tokens: ["t1"] } });
    assert.deepEqual((await client.user.getChannelData({ channelId: channels.push })).data.tokens, ["t1"]);
  });

  test(`${version}: preferences, whole and a part at a time`, async () => {
    const client = stranger(Client);
    const options = { preferenceSet: unique("acme") };
    const { preferences } = client;
    await client.user.setPreferences({ channel_types: { email: false } });
    await preferences.set({ workflows: { welcome: false } }, options);
    await preferences.setChannelTypes({ sms: false }, options);
    await preferences.setChannelType("push", true, options);
    await preferences.setWorkflows({ digest: false }, options);
    await preferences.setWorkflow("alert", { channel_types: { email: true } }, options);
    await preferences.setCategories({ news: false }, options);
    await preferences.setCategory("offers", true, options);
    const set = await preferences.get(options);
    assert.deepEqual(set.channel_types, { sms: false, push: true });
    assert.deepEqual([set.workflows.welcome, set.workflows.digest], [false, false]);
    assert.deepEqual(set.workflows.alert.channel_types, { email: true });
    assert.deepEqual(set.categories, { news: false, offers: true });
    assert.deepEqual((await client.user.getPreferences()).channel_types, { email: false });
    const ids = ["default", options.preferenceSet];
    for (const sets of [await preferences.getAll(), await client.user.getAllPreferences()]) {
      assert.deepEqual(sets.map(({ id }) => id).sort(), ids.slice().sort());
    }
  });

  test(`${version}: a feed is read page by page, and filtered`, async () => {
    const client = stranger(Client);
    const { feed } = await feedWith(client, 3, { page_size: 2 });
    assert.deepEqual([stored(feed).items.length, stored(feed).metadata.unread_count], [2, 3]);
    await feed.fetchNextPage();
    await eventually(() => stored(feed).items.length, (length) => length === 3, "the next page is there");
    const some = client.feeds.initialize(feedId, { trigger_data: { n: 1 }, status: "unseen", has_tenant: false });
    const { data } = await some.fetch();
    assert.deepEqual(data.entries.map((item) => item.data.n), [1]);
    assert.ok(data.entries[0].blocks[0].rendered.length > 0);
  });

  test(`${version}: what is new is put before what is there`, async () => {
    const client = stranger(Client);
    const { feed } = await feedWith(client, 2);
    const [head] = stored(feed).items;
    await knock.workflows.trigger("account-invite-accepted", { recipients: [client.userId], data: { n: "new" } });
    const newest = async () => (await feed.fetch({ before: head.__cursor }), stored(feed).items);
    const items = await eventually(newest, (found) => found.length === 3, "the new item is there");
    assert.deepEqual(items.map((item) => item.data.n), ["new", 1, 0]);
  });

  test(`${version}: a feed takes every filter that the client has`, async () => {
    const client = stranger(Client);
    const workflow = "account-invite-accepted";
    await feedWith(client, 1);
    const day = 86_400_000;
    const [yesterday, tomorrow] = [-day, day].map((time) => new Date(Date.now() + time).toISOString());
    const found = async (options) => {
      const feed = client.feeds.initialize(feedId, { mode: "rich", archived: "include", page_size: 5, ...options });
      return (await feed.fetch()).data.entries.length;
    };
    assert.equal(await found({ source: workflow, has_tenant: false, status: "all", "inserted_at.gt": yesterday }), 1);
    assert.equal(await found({ source: "digest" }), 0);
    assert.equal(await found({ tenant: "acme" }), 1);
    assert.equal(await found({ tenant: "acme", has_tenant: true }), 0);
    assert.equal(await found({ workflow_categories: ["account"] }), 1);
    assert.equal(await found({ workflow_categories: ["none-has-it"] }), 0);
    assert.equal(await found({ "inserted_at.gte": tomorrow }), 0);
    if (version === "0.22") {
      assert.equal(await found({ inserted_at_date_range: { start: yesterday, end: tomorrow, inclusive: true } }), 1);
      assert.equal(await found({ inserted_at_date_range: { end: yesterday } }), 0);
    }
  });

  test(`${version}: items are marked, and their marks taken back`, async () => {
    const client = stranger(Client);
    const { feed, messages } = await feedWith(client, 2, { archived: "include" });
    const items = stored(feed).items;
    await feed.markAsSeen(items);
    assert.equal(await statusOf(messages[1]), "seen");
    await feed.markAsRead(items[0]);
    await feed.markAsInteracted(items[0], { button: "yes" });
    await feed.markAsArchived(items[0]);
    assert.equal(await statusOf(items[0]), "archived interacted read seen");
    await feed.markAsUnarchived(items[0]);
    await feed.markAsUnread(items[0]);
    await feed.markAsUnseen(items[0]);
    assert.equal(await statusOf(items[0]), "interacted");
    await feed.fetch();
    const { total_count, unread_count, unseen_count } = stored(feed).metadata;
    assert.deepEqual([total_count, unread_count, unseen_count], [2, 2, 1]);
  });

  test(`${version}: all of a feed is marked at once`, async () => {
    const client = stranger(Client);
    const { feed, messages } = await feedWith(client, 3);
    const become = (status) => eventually(
      () => Promise.all(messages.map(statusOf)), (found) => found.every((each) => each === status), `all are ${status}`);
    assert.equal((await feed.markAllAsSeen()).name, "messages.seen");
    await become("seen");
    await feed.markAllAsRead();
    await become("read seen");
    await feed.markAllAsArchived();
    await become("archived read seen");
    await feed.fetch();
    assert.deepEqual(stored(feed).items, []);
  });

  test(`${version}: messages`, async () => {
    const client = stranger(Client);
    const [{ id }, other] = await feedMessages(client.userId, 2);
    const { messages } = client;
    assert.equal((await messages.get(id)).recipient, client.userId);
    for (const [status, time] of [["seen", "seen_at"], ["read", "read_at"], ["archived", "archived_at"]]) {
      assert.ok((await messages.updateStatus(id, status))[time]);
      assert.equal((await messages.removeStatus(id, status))[time], null);
    }
    assert.ok((await messages.updateStatus(id, "interacted", { metadata: { button: "yes" } })).interacted_at);
    await messages.batchUpdateStatuses([id, other.id], "archived");
    const options = { user_ids: [client.userId], archived: "only", engagement_status: "archived" };
    const begun = await messages.bulkUpdateAllStatusesInChannel({ channelId: feedId, status: "read", options });
    assert.equal(begun.__typename, "BulkOperation");
    const read = () => all(knock.users.listMessages(client.userId, { engagement_status: ["read"] }));
    await eventually(read, (found) => found.length === 2, "both are read");
  });

  test(`${version}: a tenant's Slack and Microsoft Teams, and an object's connections`, async () => {
    const client = stranger(Client);
    const asked = { tenant: await connect(unique("acme")), knockChannelId: channels.chat };
    assert.equal((await client.slack.authCheck(asked)).connection.ok, true);
    const queryOptions = { limit: 2, types: "public_channel", excludeArchived: true };
    const { slack_channels, next_cursor } = await client.slack.getChannels({ ...asked, queryOptions });
    assert.deepEqual([slack_channels.length, next_cursor], [2, "2"]);
    assert.equal((await client.msTeams.authCheck(asked)).connection.ok, true);
    const { ms_teams_teams, skip_token } = await client.msTeams.getTeams({ ...asked, queryOptions: { $top: 2 } });
    assert.deepEqual([ms_teams_teams.length, skip_token], [2, "2"]);
    const teams = await client.msTeams.getChannels({ ...asked, teamId: "team-1", queryOptions: { $filter: "x" } });
    assert.equal(teams.ms_teams_channels[0].displayName, "General");
    assert.equal(await client.slack.revokeAccessToken(asked), "ok");
    assert.equal(await client.msTeams.revokeAccessToken(asked), "ok");
    const place = { collection: "projects", objectId: unique("p"), channelId: channels.chat };
    const data = { connections: [{ access_token: "xoxb-1", channel_id: "C1" }] };
    await client.objects.setChannelData({ ...place, data });
    assert.equal((await client.objects.getChannelData(place)).data.connections[0].channel_id, "C1");
  });
}
