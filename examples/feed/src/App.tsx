import NotificationFeed from "./NotificationFeed";
import Send from "./Send";
import { settings } from "./settings";
import StackIsMissing from "./StackIsMissing";

const OTHER = settings.user === "nora" ? "jane" : "nora";

const App = () => (
  <>
    <header className="bar">
      <a className="brand" href="/">
        Ledger
      </a>
      <span className="user">
        Signed in as <strong>{settings.user}</strong>
        <a href={`/?user=${OTHER}`} target="_blank" rel="noreferrer">
          open as {OTHER}
        </a>
      </span>
      <NotificationFeed />
    </header>
    <main>
      <StackIsMissing />
      {location.pathname === "/" ? <Send /> : <Page />}
    </main>
  </>
);

/** Where an item's action URL leads. */
const Page = () => (
  <section className="card">
    <p className="eyebrow">You are at</p>
    <h1>{decodeURIComponent(location.pathname)}</h1>
    <p>The notification that you clicked has this action URL, and is marked as read.</p>
    <a className="button" href="/">
      Back
    </a>
  </section>
);

export default App;
