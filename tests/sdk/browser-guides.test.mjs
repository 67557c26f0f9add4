// Guides as the kits of `@knocklabs/react` show them: fetched, selected, marked, and pushed over the socket.
import assert from "node:assert/strict";
import { after, test } from "node:test";

import { KnockGuideClient } from "@knocklabs/client";

import { CLIENTS, doorbell, stranger } from "./browsers.mjs";
import { channels, eventually, knock } from "./clients.mjs";

const [[, Client]] = CLIENTS;
const still = { trackLocationFromWindow: false, throttleCheckInterval: 0 };
const opened = [];

function guidesOf(client, targetParams = {}) {
  const guides = new KnockGuideClient(client, channels["in-app-guide"], targetParams, still);
  opened.push([guides, client]);
  return guides;
}

after(() => opened.forEach(([guides, client]) => (guides.cleanup(), client.logout())));

const selected = (guides, key) =>
  eventually(() => guides.selectGuide(guides.store.state, { key }), Boolean, `${key} is selected`);

/** The messages of a guide's steps, as they are after a mark has arrived. */
const marked = (guides, holds) =>
  eventually(
    async () => (await guides.fetch({ force: true }), guides.store.state.guides.banner?.steps.map(({ message }) => message)),
    holds,
    "the mark has arrived",
  );

test("a guide is selected, marked as seen, used and put away, and begun anew", async () => {
  const client = stranger(Client);
  await client.user.identify({ name: "Jane" });
  const guides = guidesOf(client, { data: { page: "home" } });
  assert.equal((await guides.fetch()).status, "ok");
  const step = (await selected(guides, "banner")).getStep();
  assert.equal(step.content.title, "Hello Jane of home");
  await step.markAsSeen();
  await marked(guides, ([{ seen_at }]) => seen_at);
  await guides.store.state.guides.banner.steps[0].markAsInteracted({ metadata: { button: "yes" } });
  await marked(guides, ([{ interacted_at }]) => interacted_at);
  await guides.store.state.guides.banner.steps[0].markAsArchived();
  await marked(guides, ([{ archived_at }]) => archived_at);
  assert.equal(guides.store.state.guides.banner.getStep().ref, "step_2");
  assert.ok(guides.store.state.guideGroupDisplayLogs.default);
  await guides.resetEngagement(guides.store.state.guides.banner);
  assert.equal(guides.store.state.guides.banner.hasEngagement(), false);
});

test("while an application is tried out, all guides are there", async () => {
  const guides = guidesOf(stranger(Client));
  await guides.fetch();
  assert.equal(guides.store.state.guides["banner-live"], undefined);
  const found = await stranger(Client).user.getGuides(channels["in-app-guide"], { force_all_guides: true });
  assert.ok(found.entries.some(({ key }) => key === "banner-live"));
});

test("a guide that is switched off disappears from pages that are open, and comes back", { skip: !globalThis.WebSocket }, async () => {
  globalThis.window = {};
  const client = stranger(Client);
  await knock.audiences.addMembers("live", { members: [{ user: { id: client.userId } }], create_audience: true });
  const guides = guidesOf(client);
  delete globalThis.window;
  await guides.fetch();
  assert.ok(guides.store.state.guides["banner-live"]);
  guides.subscribe();
  await eventually(() => guides.socketChannel?.state, (state) => state === "joined", "the channel is joined");
  await doorbell("guides", "deactivate", "banner-live");
  await eventually(() => guides.store.state.guides["banner-live"], (guide) => !guide?.active, "it is gone");
  await doorbell("guides", "activate", "banner-live");
  await eventually(() => guides.store.state.guides["banner-live"], (guide) => guide?.active, "it is back");
});
