// What an application does on its server: it holds the secret key and decides what is sent. Here it is a part of Vite's
// development server, so that the example is one process.
import { text } from "node:stream/consumers";

import Knock from "@knocklabs/node";
import type { Plugin } from "vite";

import { triggerOf } from "./src/notifications.ts";

export function applicationServer(host: string, secretKey: string): Plugin {
  const knock = new Knock({ apiKey: secretKey, baseURL: host });
  return {
    name: "application-server",
    configureServer({ middlewares }) {
      middlewares.use("/notify", async (request, response) => {
        try {
          const { workflow, ...trigger } = triggerOf(JSON.parse(await text(request)));
          const { workflow_run_id } = await knock.workflows.trigger(workflow, trigger);
          response.end(workflow_run_id);
        } catch (error) {
          response.statusCode = 502;
          response.end(String(error));
        }
      });
    },
  };
}
