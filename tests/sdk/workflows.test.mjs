import assert from "node:assert/strict";
import { test } from "node:test";

import { all, eventually, knock, unique } from "./clients.mjs";

const invitation = (id) => ({ id, email: `${id}@example.com`, name: "Jane" });

test("a trigger makes a run and a message, and the run tells of it", async () => {
  const id = unique("jane");
  const { workflow_run_id: run } = await knock.workflows.trigger("account-invite", {
    recipients: [invitation(id)],
    data: { inviter: { name: "Nora" } },
    cancellation_key: id,
  });
  const [message] = await eventually(
    () => all(knock.messages.list({ workflow_run_id: run })),
    (found) => found[0]?.status === "sent",
    "the message is sent",
  );
  assert.equal(message.recipient, id);
  const [listed] = await all(knock.workflowRecipientRuns.list({ recipient: id, workflow: "account-invite" }));
  assert.equal(listed.workflow_run_id, run);
  const detail = await knock.workflowRecipientRuns.get(listed.id);
  assert.ok(detail.events.some(({ event, data }) => event === "message_enqueued" && data.message_id === message.id));
});

test("a cancellation stops what waits", async () => {
  const id = unique("tom");
  await knock.workflows.trigger("account-invite", { recipients: [invitation(id)], cancellation_key: id });
  const runs = () => all(knock.workflowRecipientRuns.list({ recipient: id }));
  await eventually(runs, ([run]) => run?.status === "paused", "the run waits");
  await knock.workflows.cancel("account-invite", { cancellation_key: id, recipients: [id] });
  await eventually(runs, ([run]) => run?.status === "cancelled", "the run is cancelled");
});

test("a trigger that is repeated with its idempotency key is one trigger", async () => {
  const id = unique("ann");
  const ask = () =>
    knock.workflows.trigger("account-invite", { recipients: [invitation(id)] }, { idempotencyKey: `once-${id}` });
  const [first, second] = [await ask(), await ask()];
  assert.equal(first.workflow_run_id, second.workflow_run_id);
});

test("errors say which field and why", async () => {
  await assert.rejects(knock.workflows.trigger("no-such-workflow", { recipients: ["x"] }), (error) => {
    assert.equal(error.status, 404);
    assert.equal(error.error.code, "workflow_missing");
    return true;
  });
  await assert.rejects(knock.workflows.trigger("account-invite", { recipients: [7] }), (error) => {
    assert.equal(error.status, 422);
    assert.match(error.error.errors[0].field, /recipients/);
    return true;
  });
});
