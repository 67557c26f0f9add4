import assert from "node:assert/strict";
import { test } from "node:test";

import { all, channels, knock, unique } from "./clients.mjs";

const channel_id = channels["in-app-guide"];
const query = { data: JSON.stringify({ page: "home" }), type: "banner" };

async function banner(user) {
  const shown = await knock.users.guides.getChannel(user, channel_id, query);
  return shown.entries.find(({ key }) => key === "banner");
}

test("a user sees a guide, uses it, puts it away, takes it back, and begins anew", async () => {
  const user = unique("jane");
  const { guides } = knock.users;
  await knock.users.update(user, { name: "Jane" });
  const guide = await banner(user);
  const [step] = guide.steps;
  assert.equal(step.content.title, "Hello Jane of home");
  const mark = { channel_id, guide_id: guide.id, guide_key: guide.key, guide_step_ref: step.ref };
  assert.equal((await guides.markMessageAsSeen(user, { ...mark, content: step.content, data: { page: "home" } })).status, "ok");
  await guides.markMessageAsInteracted(user, { ...mark, metadata: { button: "yes" } });
  const { message } = (await banner(user)).steps[0];
  assert.ok(message.seen_at && message.interacted_at && message.read_at && !message.archived_at);
  await guides.markMessageAsArchived(user, mark);
  assert.ok((await banner(user)).steps[0].message.archived_at);
  await guides.markMessageAsArchived(user, { ...mark, guide_step_ref: "step_2", is_final: true });
  assert.equal(await banner(user), undefined);
  await guides.unarchiveGuideMessage(user, mark);
  assert.equal((await banner(user)).steps[0].message.archived_at, null);
  await guides.resetGuideEngagements(user, { guide_key: guide.key });
  assert.deepEqual((await banner(user)).steps.map((each) => each.message.seen_at), [null, null]);
  const kept = await all(knock.users.listMessages(user, { channel_id }));
  assert.equal(kept.length, 2);
});

test("a guide of an audience is shown to its members, others are told why not", async () => {
  const [member, other] = [unique("ann"), unique("ben")];
  const members = [{ user: { id: member } }];
  await knock.audiences.addMembers("members", { members, create_audience: true });
  const shown = await knock.users.guides.getChannel(member, channel_id);
  assert.ok(shown.entries.some(({ key }) => key === "banner-members"));
  const { entries, ineligible_guides } = await knock.users.guides.getChannel(other, channel_id);
  assert.deepEqual(entries.map(({ key }) => key), ["banner"]);
  assert.equal(ineligible_guides.find(({ key }) => key === "banner-members").reason, "not_in_target_audience");
});
