import assert from "node:assert/strict";
import { test } from "node:test";

import { all, completed, eventually, knock, unique } from "./clients.mjs";

const workflow = "account-invite";

test("a schedule triggers its workflow when its time has come", async () => {
  const id = unique("jane");
  const scheduled_at = new Date(Date.now() - 1000).toISOString();
  const [schedule] = await knock.schedules.create({ workflow, recipients: [{ id, email: `${id}@example.com` }], scheduled_at });
  const runs = () => all(knock.workflowRecipientRuns.list({ recipient: id }));
  const [run] = await eventually(runs, (found) => found.length === 1, "the run is there");
  assert.equal(run.trigger_source.type, "schedule");
  assert.equal(run.trigger_source.schedule_id, schedule.id);
});

test("schedules are made, listed from every side, changed and deleted", async () => {
  const [id, collection] = [unique("jane"), unique("projects")];
  const repeats = [{ frequency: "weekly", days: ["mon", "fri"], hours: 9, minutes: 30 }];
  const recipients = [id, { id: "p1", collection }];
  const made = await knock.schedules.create({ workflow, recipients, repeats, data: { n: 1 }, tenant: "acme" });
  assert.equal(made.length, 2);
  const [mine] = await all(knock.users.listSchedules(id, { workflow }));
  assert.ok(new Date(mine.next_occurrence_at) > new Date());
  assert.equal((await all(knock.objects.listSchedules(collection, "p1"))).length, 1);
  const found = await all(knock.schedules.list({ workflow, recipients: [id, { id: "p1", collection }], tenant: "acme" }));
  assert.equal(found.length, 2);
  const schedule_ids = made.map((each) => each.id);
  const updated = await knock.schedules.update({ schedule_ids, data: { n: 2 } });
  assert.deepEqual(updated.map(({ data }) => data.n), [2, 2]);
  assert.equal((await knock.schedules.delete({ schedule_ids })).length, 2);
  assert.deepEqual(await all(knock.users.listSchedules(id)), []);
});

test("schedules are made in bulk", async () => {
  const recipients = [unique("ann"), unique("ben")];
  const scheduled_at = "2040-01-01T00:00:00Z";
  const schedules = recipients.map((recipient) => ({ workflow, recipient, scheduled_at }));
  await completed(await knock.schedules.bulk.create({ schedules }));
  const [one] = await all(knock.users.listSchedules(recipients[1]));
  assert.equal(new Date(one.next_occurrence_at).toISOString(), "2040-01-01T00:00:00.000Z");
});
