// The same as invite.mjs with the SDK of the 0.x series: notify(), and cancel() with the key as its second argument.
//
//     node examples/invite/node/invite_0_6.mjs send jane@example.com
//     node examples/invite/node/invite_0_6.mjs accept jane@example.com

import { randomUUID } from "node:crypto";

import { Knock } from "knock-0-6";

const WORKFLOW = "account-invite";
const INVITER = { id: "nora", name: "Nora Reyes" };

const knock = new Knock(process.env.KNOCK_API_KEY ?? "sk_test_doorbell", {
  host: process.env.KNOCK_BASE_URL ?? "http://127.0.0.1:4000",
});

// What an application would keep in its database.
const invites = {
  create: (email) => ({ id: `invite-${email}`, email, token: randomUUID() }),
  accept: (email) => ({ id: `invite-${email}`, email }),
};

async function createInvite(email, inviter) {
  const invite = invites.create(email);
  await knock.users.identify(email, { email, name: nameIn(email) });
  const { workflow_run_id } = await knock.notify(WORKFLOW, {
    actor: inviter.id,
    recipients: [email],
    cancellationKey: invite.id,
    data: { inviteToken: invite.token },
  });
  return workflow_run_id;
}

async function acceptInvite(email) {
  const invite = invites.accept(email);
  await knock.workflows.cancel(WORKFLOW, invite.id);
}

function nameIn(email) {
  const [name] = email.split("@");
  return name[0].toUpperCase() + name.slice(1);
}

const [verb, email] = process.argv.slice(2);
if (verb === "send" && email) {
  await knock.users.identify(INVITER.id, { name: INVITER.name });
  console.log(`${email} is invited; workflow run ${await createInvite(email, INVITER)}`);
} else if (verb === "accept" && email) {
  await acceptInvite(email);
  console.log(`${email} has accepted; there will be no reminder`);
} else {
  console.error("usage: invite_0_6.mjs send|accept <e-mail address>");
  process.exitCode = 1;
}
