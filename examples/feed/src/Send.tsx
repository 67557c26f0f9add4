import { type FormEvent, useState } from "react";

import { type Kind, KINDS, type Notification, triggerOf } from "./notifications";
import { DEFAULT_HOST, settings } from "./settings";

/** Vite's development server is the application's server, of the default host; a built page has none. */
const HAS_SERVER = import.meta.env.DEV && settings.host === DEFAULT_HOST;

function fresh(kind: Kind, to: string): Notification {
  const [who, what] = KINDS[kind].example;
  return { kind, to, who, what };
}

const Send = () => {
  const [notification, setNotification] = useState(fresh("invoice", settings.user));
  const [problem, setProblem] = useState("");
  const { label, ...fields } = KINDS[notification.kind];

  const change = (name: "to" | "who" | "what") => (event: { target: { value: string } }) =>
    setNotification({ ...notification, [name]: event.target.value });

  const send = async (event: FormEvent) => {
    event.preventDefault();
    const answer = await fetch("/notify", { method: "POST", body: JSON.stringify(notification) });
    setProblem(answer.ok ? "" : await answer.text());
  };

  return (
    <section className="card">
      <h1>Ring the bell</h1>
      <p>Send a notification, and watch the bell above. Nothing is reloaded: it comes over a socket.</p>
      <form onSubmit={send}>
        <fieldset className="kinds">
          {(Object.keys(KINDS) as Kind[]).map((kind) => (
            <label key={kind}>
              <input
                type="radio"
                name="kind"
                checked={kind === notification.kind}
                onChange={() => setNotification(fresh(kind, notification.to))}
              />
              {KINDS[kind].label}
            </label>
          ))}
        </fieldset>
        <div className="fields">
          <label>
            To
            <input required value={notification.to} onChange={change("to")} />
          </label>
          <label>
            {fields.who}
            <input required value={notification.who} onChange={change("who")} />
          </label>
          <label>
            {fields.what}
            <input required value={notification.what} onChange={change("what")} />
          </label>
        </div>
        {HAS_SERVER && <button className="button">Send “{label}”</button>}
        {problem && <p className="warning">{problem}</p>}
      </form>
      <Curl notification={notification} />
    </section>
  );
};

const Curl = ({ notification }: { notification: Notification }) => {
  const [isCopied, setIsCopied] = useState(false);
  const command = curlOf(notification);

  const copy = async () => {
    await navigator.clipboard.writeText(command);
    setIsCopied(true);
    setTimeout(() => setIsCopied(false), 1500);
  };

  return (
    <div className="curl">
      <p>
        {HAS_SERVER ? "The same in a terminal" : "In a terminal"}, as your server would do it; a page has only the public key.
        <button type="button" className="quiet" onClick={copy}>
          {isCopied ? "Copied" : "Copy"}
        </button>
      </p>
      <pre>
        <code>{command}</code>
      </pre>
    </div>
  );
};

/** For a shell: what stands between single quotes is taken as it is, except a single quote. */
function curlOf(notification: Notification): string {
  const { workflow, ...trigger } = triggerOf(notification);
  const lines = Object.entries(trigger).map(([name, value]) => `    "${name}": ${JSON.stringify(value)}`);
  const body = `{\n${lines.join(",\n")}\n  }`.replaceAll("'", String.raw`'\''`);
  return [
    `curl ${settings.host}/v1/workflows/${workflow}/trigger`,
    `-H 'Authorization: Bearer sk_test_doorbell'`,
    `-H 'Content-Type: application/json'`,
    `-d '${body}'`,
  ].join(" \\\n  ");
}

export default Send;
