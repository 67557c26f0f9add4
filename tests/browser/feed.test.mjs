// What a person sees of their feed, and does with it; what they do is on record at the server.
import assert from "node:assert/strict";

import { all, eventually, knock, unique } from "../sdk/clients.mjs";
import { feedId, joins, marks, pageTest, told, until } from "./pages.mjs";

pageTest("The badge counts what was there before the page was opened", async (seen) => {
  await joins(seen.user, "Nora Reyes");
  await joins(seen.user, "Omar Haddad");
  const feed = await seen.open();
  await feed.badge(2);
});

pageTest("The badge and the open popover are updated live, without a reload", async (seen) => {
  const feed = await seen.open();
  await feed.badge(0);
  const wasNotReloaded = await feed.notToBeReloaded();
  await joins(seen.user, "Nora Reyes");
  await feed.badge(1);
  await joins(seen.user, "Omar Haddad");
  await feed.badge(2);
  await feed.openPopover();
  await feed.shows(2);
  await feed.badge(0);
  await joins(seen.user, "Mia Chen");
  await feed.item("Mia Chen").waitFor();
  await feed.shows(3);
  await wasNotReloaded();
});

pageTest("After a burst of messages nothing is missing", async (seen) => {
  const feed = await seen.open();
  const names = Array.from({ length: 8 }, (_, number) => `Guest ${number + 1}`);
  await Promise.all(names.map((name) => joins(seen.user, name)));
  await seen.settled();
  await joins(seen.user, "Mia Chen");
  await feed.badge(9);
  await feed.openPopover();
  await feed.shows(9);
  for (const name of [...names, "Mia Chen"]) await feed.item(`${name} has joined`).waitFor();
});

pageTest("An item shows who, what and when, newest first, in the template's words", async (seen) => {
  await joins(seen.user, "Nora Reyes", { account: "Acme & Sons" });
  await told(seen.user, "invoice-created", {}, { name: "Grace Hopper", value: "€ 1,200", url: "/invoices/7" });
  const feed = await seen.open();
  await feed.openPopover();
  const [invoice, member] = [feed.items.nth(0), feed.items.nth(1)];
  await invoice.getByText("New Invoice: Grace Hopper for € 1,200").waitFor();
  assert.equal(await member.locator(".rnf-avatar").innerText(), "NR");
  assert.match(await member.locator(".rnf-notification-cell__timestamp").innerText(), /second|now/);
  const content = member.locator(".rnf-notification-cell__content");
  assert.equal(await content.innerHTML(), "<p><strong>Nora Reyes</strong> has joined <strong>Acme &amp; Sons</strong>.</p>");
});

pageTest("Opening the popover marks everything as seen, and nothing as read", async (seen) => {
  const message = await joins(seen.user, "Nora Reyes");
  const feed = await seen.open();
  await feed.badge(1);
  assert.equal(await marks(message), "");
  await feed.openPopover();
  await feed.badge(0);
  await until(() => marks(message), "seen", "the message's marks");
  assert.equal(await feed.unread.count(), 1);
});

pageTest("A click marks the item as read and interacted with, and goes to its action URL", async (seen) => {
  const other = await joins(seen.user, "Omar Haddad");
  const message = await joins(seen.user, "Nora Reyes");
  const feed = await seen.open();
  await feed.openPopover();
  await feed.item("Nora Reyes").click();
  await feed.page.getByRole("heading", { name: "/acme/members" }).waitFor();
  assert.equal(new URL(feed.page.url()).pathname, "/acme/members");
  await until(() => marks(message), "interacted read seen", "the message's marks");
  const { items } = await knock.messages.listEvents(message.id);
  const interacted = items.find(({ type }) => type === "message.interacted");
  assert.deepEqual(interacted.data, { type: "cell_click", action: "/acme/members" });
  assert.equal(await marks(other), "seen");
  await feed.openPopover();
  await feed.shows(2);
  assert.equal(await feed.unread.count(), 1);
});

pageTest("An archived item leaves the feed for good", async (seen) => {
  const message = await joins(seen.user, "Nora Reyes");
  await joins(seen.user, "Omar Haddad");
  const feed = await seen.open();
  await feed.openPopover();
  await feed.item("Nora Reyes").hover();
  await feed.item("Nora Reyes").getByRole("button", { name: "Archive this notification" }).click();
  await feed.shows(1);
  await until(() => marks(message), "archived seen", "the message's marks");
  await feed.page.reload();
  await feed.openPopover();
  await feed.item("Omar Haddad").waitFor();
  await feed.shows(1);
});

pageTest("The feed is filtered by what is read", async (seen) => {
  const message = await joins(seen.user, "Nora Reyes");
  await joins(seen.user, "Omar Haddad");
  await knock.messages.markAsRead(message.id);
  const feed = await seen.open();
  await feed.openPopover();
  await feed.shows(2);
  await feed.filter.selectOption("unread");
  await feed.shows(1);
  await feed.item("Omar Haddad").waitFor();
  await feed.filter.selectOption("read");
  await feed.item("Nora Reyes").waitFor();
  await feed.shows(1);
  await feed.filter.selectOption("all");
  await feed.shows(2);
});

pageTest("All items are marked as read at once", async (seen) => {
  const messages = [];
  for (const name of ["Nora Reyes", "Omar Haddad", "Mia Chen"]) messages.push(await joins(seen.user, name));
  const feed = await seen.open();
  await feed.openPopover();
  await feed.shows(3);
  assert.equal(await feed.unread.count(), 3);
  await feed.markAllAsRead.click();
  await feed.unread.first().waitFor({ state: "detached" });
  for (const message of messages) await until(() => marks(message), "read seen", "the message's marks");
  assert.equal(await feed.markAllAsRead.isDisabled(), true);
  await feed.page.reload();
  await feed.openPopover();
  await feed.shows(3);
  assert.equal(await feed.unread.count(), 0);
});

pageTest("A long feed goes on when it is scrolled to its end", async (seen) => {
  const recipients = [seen.user];
  await Promise.all(Array.from({ length: 52 }, () => knock.workflows.trigger("account-invite-accepted", { recipients })));
  const total = async () => (await all(knock.users.feeds.listItems(seen.user, feedId))).length;
  await until(total, 52, "the items in the feed");
  const feed = await seen.open();
  await feed.badge("9+");
  await feed.openPopover();
  await feed.shows(50);
  // The list may be drawn anew at any time: pushes about what came last go on for some seconds.
  const scrolled = async () => {
    await feed.items.last().evaluate((item) => item.scrollIntoView());
    return feed.items.count();
  };
  await until(scrolled, 52, "the items on the page");
});

pageTest("Two tabs of a user are both live, and count what was seen in the other", async (seen) => {
  const [one, two] = [await seen.open(), await seen.open()];
  await joins(seen.user, "Nora Reyes");
  await one.badge(1);
  await two.badge(1);
  await one.openPopover();
  await one.badge(0);
  const [{ id }] = await shown(seen.user);
  await until(() => marks({ id }), "seen", "the message's marks");
  await one.closePopover();
  await joins(seen.user, "Omar Haddad");
  for (const tab of [one, two]) {
    await tab.badge(1);
    await tab.shows(2);
  }
});

pageTest("Nobody's page shows what another user is told", async (seen) => {
  const other = unique("nora");
  const [feed, others] = [await seen.open(), await seen.open({ user: other })];
  await joins(other, "Omar Haddad");
  await others.badge(1);
  await joins(seen.user, "Mia Chen");
  await feed.badge(1);
  await feed.openPopover();
  await feed.item("Mia Chen").waitFor();
  assert.equal(await feed.items.count(), 1);
});

pageTest("HTML in a trigger's data is text, and no script of it runs", async (seen) => {
  const evil = `<img src="x" onerror="window.ran = true"><script>window.ran = true</script>`;
  const feed = await seen.open();
  await joins(seen.user, evil, { account: `[x](javascript:window.ran=true) ${evil}` });
  await told(seen.user, "invoice-created", {}, { name: evil, value: "1", url: "/" });
  await feed.badge(2);
  await feed.openPopover();
  await feed.shows(2);
  for (const item of await feed.items.all()) assert.match(await item.innerText(), /<img src="x" onerror=/);
  assert.equal(await feed.items.locator("img, script, a[href^='javascript']").count(), 0);
  assert.equal(await feed.page.evaluate(() => window.ran), undefined);
});

pageTest("An item whose action URL would run a script reaches nobody", async (seen) => {
  const feed = await seen.open();
  const data = { name: "Eve", value: "1", url: "javascript:window.ran=true" };
  await knock.workflows.trigger("invoice-created", { recipients: [seen.user], data });
  const runs = async () => (await knock.workflowRecipientRuns.list({ recipient: seen.user })).items.map(({ status }) => status);
  await eventually(runs, ([status]) => status === "completed", "the run has ended");
  await joins(seen.user, "Nora Reyes");
  await feed.badge(1);
  await feed.openPopover();
  await feed.item("Nora Reyes").waitFor();
  assert.equal(await feed.items.count(), 1);
  const [item] = await shown(seen.user);
  assert.doesNotMatch(JSON.stringify(item), /javascript/);
});

const shown = async (user) => (await knock.users.feeds.listItems(user, feedId)).entries;
