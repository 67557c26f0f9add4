// What the clients find in a browser. Imported before them: older ones look for `self` when they are loaded.
globalThis.self = globalThis;

/** Tells of the end of a connection that never was, too. Before version 24 Node does not, and nobody connects again. */
if (globalThis.WebSocket) {
  globalThis.WebSocket = class extends globalThis.WebSocket {
    constructor(...address) {
      super(...address);
      let told = false;
      for (const each of ["open", "close"]) this.addEventListener(each, () => (told = true));
      this.addEventListener("error", () => setTimeout(() => told || this.dispatchEvent(ended())));
    }
  };
}

const ended = () => Object.assign(new Event("close"), { code: 1006, reason: "", wasClean: false });
