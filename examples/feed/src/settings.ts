// Whose feed is shown, and from where: the page's query, else Vite's environment, else the development stack of `make dev`.

const environment = import.meta.env;

export const DEFAULT_HOST: string = environment.VITE_KNOCK_HOST ?? "http://127.0.0.1:4000";

export const settings = {
  user: asked("user") ?? "jane",
  host: asked("host") ?? DEFAULT_HOST,
  publicKey: asked("key") ?? environment.VITE_KNOCK_PUBLIC_KEY ?? "pk_test_doorbell",
  /** The id of the channel `in-app-feed`, the same in every Doorbell. */
  feedId: asked("feed") ?? environment.VITE_KNOCK_FEED_ID ?? "384b9bd4-abaa-5b4b-a2a8-a5094c721f05",
  /** With enhanced security only. A real application gets it from its server, for whoever is signed in. */
  userToken: asked("token"),
};

/** Kept for the tab: an item's action URL leads to a page without the query. */
function asked(name: string): string | undefined {
  const given = new URLSearchParams(location.search).get(name);
  if (given) sessionStorage.setItem(name, given);
  return given || sessionStorage.getItem(name) || undefined;
}
