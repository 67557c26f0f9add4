// Enhanced security, in production: a page may do what its token says, which the SDKs on the server have signed.
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { before, test } from "node:test";

import { KnockGuideClient } from "@knocklabs/client";
import Knock, { buildUserTokenGrant, Grants, signUserToken } from "@knocklabs/node";
import { Knock as OldKnock } from "knock-0-6";

import { CLIENTS, doorbell, ODD, page } from "./browsers.mjs";
import { address, channels, eventually, noting, unique } from "./clients.mjs";

const live = new Knock({ apiKey: "sk_live_doorbell", baseURL: address, maxRetries: 0, fetch: noting("live") });
const where = ["--environment", "production"];
const feedId = channels["in-app-feed"];
const jane = unique(ODD);
const acme = unique("Acme & Söhne");
let signingKey;

console.error = () => {}; // where the clients write what was refused

before(async () => {
  signingKey = await doorbell("keys", "signing", "create", "--base64", ...where);
  await doorbell("configure", "--enhanced-security", "on", ...where);
  const data = { connections: [], token: { access_token: "xoxb-1" }, ms_teams_tenant_id: "11111111-2222-3333-4444-555555555555" };
  await live.objects.setChannelData("$tenants", acme, channels.chat, { data });
  await live.users.update(jane, { name: "Jane" });
  await live.workflows.trigger("account-invite-accepted", { recipients: [jane] });
  await live.workflows.trigger("account-invite-accepted", { recipients: [jane], tenant: acme });
  const feed = () => live.users.feeds.listItems(jane, feedId);
  await eventually(feed, ({ entries }) => entries.length === 2, "the feed has its messages");
});

/** Fails unless it is refused with this code; the clients either throw an error, or answer with one. */
async function refused(asked, status = 403) {
  const answer = await asked.catch((error) => error);
  assert.ok(answer instanceof Error, JSON.stringify(answer));
  assert.match(`${answer.message} ${answer.response?.status}`, new RegExp(status));
}

for (const [version, Client] of CLIENTS) {
  const as = (user, token) => page(Client, user, token);
  const janes = async (options) => as(jane, await signUserToken(jane, { signingKey, ...options }));

  test(`${version}: a page without a token is refused, and one with a foreign, old or torn token`, async () => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const foreign = privateKey.export({ type: "pkcs8", format: "pem" });
    const tokens = [
      "",
      await signUserToken(jane, { signingKey: foreign }),
      await signUserToken(jane, { signingKey, expiresInSeconds: -3600 }),
      `${await signUserToken(jane, { signingKey })}x`,
    ];
    for (const token of tokens) await refused(as(jane, token).user.get(), 401);
  });

  test(`${version}: a user's own things are theirs`, async () => {
    const client = await janes();
    assert.equal((await client.user.get()).name, "Jane");
    await client.user.identify({ locale: "de-CH" });
    assert.equal((await live.users.get(jane)).locale, "de-CH");
    await client.preferences.set({ channel_types: { sms: false } });
    assert.equal((await client.preferences.get()).channel_types.sms, false);
    const feed = client.feeds.initialize(feedId);
    const { entries } = (await feed.fetch()).data;
    await feed.markAsRead(entries);
    assert.ok((await live.messages.get(entries[0].id)).read_at);
    assert.equal((await client.messages.get(entries[0].id)).recipient, jane);
    assert.equal((await feed.markAllAsSeen()).__typename, "BulkOperation");
  });

  test(`${version}: another user's things are not`, async () => {
    const { entries } = await live.users.feeds.listItems(jane, feedId);
    const other = unique("eve");
    const token = await signUserToken(other, { signingKey });
    const eve = as(other, token);
    const pretender = as(jane, token);
    await refused(pretender.user.get());
    await refused(pretender.user.identify({ name: "Eve" }));
    await refused(pretender.preferences.set({ channel_types: { email: false } }));
    await refused(pretender.user.setChannelData({ channelId: channels.push, channelData: { tokens: ["eve"] } }));
    assert.equal((await pretender.feeds.initialize(feedId).fetch()).status, "error");
    await refused(eve.messages.get(entries[0].id));
    await refused(eve.messages.batchUpdateStatuses([entries[0].id], "archived"));
    const options = { user_ids: [jane] };
    await refused(eve.messages.bulkUpdateAllStatusesInChannel({ channelId: feedId, status: "archive", options }));
    assert.equal((await live.users.get(jane)).name, "Jane");
    assert.equal((await live.users.getPreferences(jane, "default")).channel_types.email, undefined);
    assert.equal((await live.messages.get(entries[0].id)).archived_at, null);
  });

  test(`${version}: a token that grants a tenant's feed shows that tenant's part of it`, async () => {
    const grants = [buildUserTokenGrant({ type: "tenant", id: acme }, [Grants.UserFeedRead])];
    const client = await janes({ grants });
    const { data } = await client.feeds.initialize(feedId).fetch();
    assert.deepEqual(data.entries.map(({ tenant }) => tenant), [acme]);
    assert.equal((await client.feeds.initialize(feedId, { tenant: unique("other") }).fetch()).status, "error");
  });

  test(`${version}: a tenant's Slack and Teams need a grant`, async () => {
    const asked = { tenant: acme, knockChannelId: channels.chat };
    const without = await janes();
    await refused(without.slack.getChannels(asked));
    await refused(without.msTeams.getTeams(asked));
    const grants = [
      buildUserTokenGrant({ type: "tenant", id: acme }, [Grants.SlackChannelsRead, Grants.MsTeamsChannelsRead]),
    ];
    const granted = await janes({ grants });
    assert.equal((await granted.slack.getChannels(asked)).slack_channels.length, 2);
    assert.equal((await granted.msTeams.getTeams(asked)).ms_teams_teams.length, 2);
    await refused(granted.slack.getChannels({ ...asked, tenant: unique("other") }));
    assert.equal((await granted.user.get()).id, jane);
  });

  test(`${version}: an object's channel data needs grants, of which reading is one and writing another`, async () => {
    const place = { collection: "projects", objectId: unique("p+1 ü"), channelId: channels.chat };
    const data = { connections: [{ access_token: "xoxb-1", channel_id: "C1" }] };
    const entity = { type: "object", collection: "projects", id: place.objectId };
    const reader = await janes({ grants: [buildUserTokenGrant(entity, [Grants.ChannelDataRead])] });
    await refused(reader.objects.setChannelData({ ...place, data }));
    const writes = [OldKnock.buildUserTokenGrant(entity, [Grants.ChannelDataWrite])];
    const writer = as(jane, await OldKnock.signUserToken(jane, { signingKey, grants: writes }));
    await writer.objects.setChannelData({ ...place, data });
    await refused(writer.objects.getChannelData(place));
    assert.equal((await reader.objects.getChannelData(place)).data.connections[0].channel_id, "C1");
  });
}

test("the socket is for pages with a token, and its guides for the token's user", { skip: !globalThis.WebSocket }, async () => {
  const token = await signUserToken(jane, { signingKey });
  const opened = [];
  function guidesOf(user, withToken) {
    globalThis.window = {};
    const client = page(CLIENTS[0][1], user, withToken);
    const still = { trackLocationFromWindow: false, throttleCheckInterval: 0 };
    const guides = new KnockGuideClient(client, channels["in-app-guide"], {}, still);
    delete globalThis.window;
    opened.push([guides, client]);
    return guides;
  }
  const stateOf = (guides) => () => guides.socketChannel.state;
  const [own, pretender, none] = [guidesOf(jane, token), guidesOf(unique("eve"), token), guidesOf(jane, `${token}x`)];
  let failures = 0;
  none.knock.client().socket.onError(() => (failures += 1));
  for (const guides of [own, pretender, none]) guides.subscribe();
  await eventually(stateOf(own), (state) => state === "joined", "the user's own channel is joined");
  await eventually(stateOf(pretender), (state) => state === "errored", "another user's is refused");
  await eventually(() => failures, Boolean, "a torn token has no socket");
  assert.equal(none.knock.client().socket.isConnected(), false);
  for (const [guides, client] of opened) (guides.cleanup(), client.logout());
});
