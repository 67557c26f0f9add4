// Invites somebody by e-mail, reminds them after three days, and stops the reminder when they accept.
//
//     node examples/invite/node/invite.mjs send jane@example.com
//     node examples/invite/node/invite.mjs accept jane@example.com
//
// Knock's own SDK, unchanged: only baseURL and the key differ.

import { randomUUID } from "node:crypto";

import Knock from "@knocklabs/node";

const WORKFLOW = "account-invite";
const INVITER = { id: "nora", name: "Nora Reyes" };

const knock = new Knock({
  baseURL: process.env.KNOCK_BASE_URL ?? "http://127.0.0.1:4000",
  apiKey: process.env.KNOCK_API_KEY ?? "sk_test_doorbell",
});

// What an application would keep in its database.
const invites = {
  create: (email) => ({ id: `invite-${email}`, email, token: randomUUID() }),
  accept: (email) => ({ id: `invite-${email}`, email }),
};

async function createInvite(email, inviter) {
  const invite = invites.create(email);
  await knock.users.update(email, { email, name: nameIn(email) });
  const { workflow_run_id } = await knock.workflows.trigger(WORKFLOW, {
    actor: inviter,
    recipients: [email],
    cancellation_key: invite.id,
    data: { inviteToken: invite.token },
  });
  return workflow_run_id;
}

async function acceptInvite(email) {
  const invite = invites.accept(email);
  await knock.workflows.cancel(WORKFLOW, { cancellation_key: invite.id });
}

function nameIn(email) {
  const [name] = email.split("@");
  return name[0].toUpperCase() + name.slice(1);
}

const [verb, email] = process.argv.slice(2);
if (verb === "send" && email) {
  console.log(`${email} is invited; workflow run ${await createInvite(email, INVITER)}`);
} else if (verb === "accept" && email) {
  await acceptInvite(email);
  console.log(`${email} has accepted; there will be no reminder`);
} else {
  console.error("usage: invite.mjs send|accept <e-mail address>");
  process.exitCode = 1;
}
