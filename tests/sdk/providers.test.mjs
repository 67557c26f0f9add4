import assert from "node:assert/strict";
import { test } from "node:test";

import { all, channels, connect, knock, unique } from "./clients.mjs";

const refused = (asked, words) => assert.rejects(asked, (error) => error.status === 403 && words.test(error.message));

test("a tenant's Slack is asked for its channels, page by page, until access is revoked", async () => {
  const tenant = await connect(unique("acme"));
  const access_token_object = JSON.stringify({ collection: "$tenants", object_id: tenant });
  const { slack } = knock.providers;
  assert.equal((await slack.checkAuth(channels.chat, { access_token_object })).connection.ok, true);
  const found = await all(slack.listChannels(channels.chat, { access_token_object, query_options: { limit: 2 } }));
  assert.deepEqual(found.map(({ name }) => name), ["general", "random", "support"]);
  assert.equal((await slack.revokeAccess(channels.chat, { access_token_object })).ok, "ok");
  await refused(slack.checkAuth(channels.chat, { access_token_object }), /Access token not set/);
  const kept = await knock.objects.getChannelData("$tenants", tenant, channels.chat);
  assert.deepEqual(Object.keys(kept.data).sort(), ["connections", "ms_teams_tenant_id"]);
});

test("a token that Slack does not take is told of", async () => {
  const tenant = await connect(unique("acme"), "xoxb-bad");
  const access_token_object = JSON.stringify({ collection: "$tenants", object_id: tenant });
  const { connection } = await knock.providers.slack.checkAuth(channels.chat, { access_token_object });
  assert.deepEqual([connection.ok, connection.reason], [false, "invalid_auth"]);
});

test("a tenant's Teams are asked for, page by page, and their channels, until access is revoked", async () => {
  const tenant = await connect(unique("acme"));
  const ms_teams_tenant_object = JSON.stringify({ collection: "$tenants", object_id: tenant });
  const { msTeams } = knock.providers;
  const { connection } = await msTeams.checkAuth(channels.chat, { ms_teams_tenant_object });
  assert.equal(connection.ok, true);
  const teams = await all(msTeams.listTeams(channels.chat, { ms_teams_tenant_object, query_options: { $top: 2 } }));
  assert.deepEqual(teams.map(({ id }) => id), ["team-0", "team-1", "team-2"]);
  const asked = { ms_teams_tenant_object, team_id: "team-1" };
  const { ms_teams_channels } = await msTeams.listChannels(channels.chat, asked);
  assert.equal(ms_teams_channels[0].displayName, "General");
  assert.equal((await msTeams.revokeAccess(channels.chat, { ms_teams_tenant_object })).ok, "ok");
  await refused(msTeams.checkAuth(channels.chat, { ms_teams_tenant_object }), /tenant ID not set/);
});
