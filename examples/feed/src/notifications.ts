// What can be sent: two workflows of Doorbell's library (workflows/library), and how each is triggered.

export const KINDS = {
  invoice: { label: "A new invoice", who: "Customer", what: "Amount", example: ["Grace Hopper", "€ 1,200"] },
  member: { label: "Somebody has joined", who: "Name", what: "Account", example: ["Nora Reyes", "Acme"] },
} as const;

export type Kind = keyof typeof KINDS;

export interface Notification {
  kind: Kind;
  to: string;
  who: string;
  what: string;
}

export interface Trigger {
  workflow: string;
  recipients: string[];
  actor: { id: string; name: string };
  data: Record<string, string>;
}

export function triggerOf({ kind, to, who, what }: Notification): Trigger {
  const told = { recipients: [to], actor: { id: slug(who), name: who } };
  switch (kind) {
    case "invoice":
      return { workflow: "invoice-created", ...told, data: { name: who, value: what, url: `/invoices/${slug(who)}` } };
    case "member":
      return { workflow: "account-invite-accepted", ...told, data: { accountName: what, accountSlug: slug(what) } };
  }
}

function slug(words: string): string {
  return words.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-");
}
